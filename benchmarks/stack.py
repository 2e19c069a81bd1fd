"""A thousand XOR networks, trained at once: the same network as in `xor`, with another start in each."""

import jax
import jax.numpy as jnp
import numpy as np
import torch
from parameters import join, split
from xor import LR, SIZES, T, X, jax_update, nnlib_step

import nnlib

N = 1_000
START = np.random.default_rng(0).standard_normal((N, 9))


def stack():
    """Return nnlib's stack with the start parameters."""
    layers = nnlib.Linear(2, 2), nnlib.Sigmoid(), nnlib.Linear(2, 1), nnlib.Sigmoid()
    made = nnlib.Network(*layers, rng=np.random.default_rng(0), n_networks=N)
    made.params = START
    return made


def nnlib_stack():
    """Return the step of a stack: the same four lines as for one network."""
    return nnlib_step(stack())


def nnlib_loop():
    """Return the same work, network after network."""
    together, loss, optimizer = stack(), nnlib.MeanSquaredError(), nnlib.SGD(LR)  # no momentum: one serves them all
    networks = [together.member(i) for i in range(N)]

    def run(n):
        for made in networks:
            for _ in range(n):
                outputs = made.forward(X)
                dy = loss.grad(outputs[-1], T)
                made.backward(outputs, dy)
                optimizer.step(made.params, made.grads)
        return np.stack([made.params for made in networks])

    return run


def torch_loss(params, x, t):
    """Return the mean squared error of one network, in plain functions: cheaper than `functional_call` of a module."""
    W1, b1, W2, b2 = params
    h = torch.sigmoid(x @ W1 + b1)
    y = torch.sigmoid(h @ W2 + b2)
    return ((y - t) ** 2).mean()


def torch_vmap():
    """Return PyTorch's way to train an ensemble: gradients by `torch.func`, the update in place."""
    params = [torch.from_numpy(piece) for piece in split(START, SIZES)]
    x, t = torch.from_numpy(X), torch.from_numpy(T)
    gradients = torch.func.vmap(torch.func.grad(torch_loss), in_dims=(0, None, None))

    def run(n):
        for _ in range(n):
            for p, g in zip(params, gradients(params, x, t), strict=True):
                p.sub_(g, alpha=LR)
        return join([p.numpy() for p in params], (N,))

    return run


jitted_update = jax.jit(jax.vmap(jax_update))
jitted_loop = jax.jit(lambda params, n: jax.lax.fori_loop(0, n, lambda _, p: jax.vmap(jax_update)(p), params))


def jax_step():
    """Return JAX with one compiled step per call."""
    start = [jnp.asarray(piece) for piece in split(START, SIZES)]

    def run(n):
        params = start
        for _ in range(n):
            params = jitted_update(params)
        return join(jax.block_until_ready(params), (N,))

    return run


def jax_loop():
    """Return JAX with the whole loop compiled."""
    start = [jnp.asarray(piece) for piece in split(START, SIZES)]
    return lambda n: join(jax.block_until_ready(jitted_loop(start, n)), (N,))


CONTENDERS = {contender.__name__: contender for contender in (nnlib_stack, nnlib_loop, torch_vmap, jax_step, jax_loop)}


def check(steps=20):
    """Refuse to go on unless every contender computes the updates that the stack computes."""
    right = nnlib_stack()(steps)
    assert np.abs(right - START).max() > 0.1
    for name, contender in CONTENDERS.items():
        np.testing.assert_allclose(contender()(steps), right, rtol=1e-9, atol=1e-12, err_msg=name)
