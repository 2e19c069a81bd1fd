"""XOR, the smallest network: 2-2-1, sigmoid, mean squared error, plain gradient descent on all four examples.

At this size the arithmetic is nothing, and what is measured is what a library adds to it. Every contender takes steps
and nothing else, and records no loss, except for `nnlib_fit` and `plain_script_loss`, which do.
"""

import jax
import jax.numpy as jnp
import numpy as np
import torch
from micrograd.nn import MLP
from parameters import join, load, split, unload
from sklearn.neural_network import MLPClassifier
from torch import nn

import nnlib

SIZES = 2, 2, 1
LR = 0.5
X, T = nnlib.xor()
START = np.random.default_rng(0).standard_normal(9)


def plain_script():
    """Return the loop of a good tutorial: matrices, no classes, no checks."""
    W1, b1, W2, b2 = split(START, SIZES)

    def run(n):
        nonlocal W1, b1, W2, b2
        for _ in range(n):
            h = 1 / (1 + np.exp(-(X @ W1 + b1)))
            y = 1 / (1 + np.exp(-(h @ W2 + b2)))
            delta2 = 2 / len(X) * (y - T) * y * (1 - y)
            delta1 = delta2 @ W2.T * h * (1 - h)
            W2 -= LR * h.T @ delta2
            b2 -= LR * delta2.sum(axis=0, keepdims=True)
            W1 -= LR * X.T @ delta1
            b1 -= LR * delta1.sum(axis=0, keepdims=True)
        return join([W1, b1, W2, b2])

    return run


def plain_script_loss():
    """Return the same loop, with the loss of every step in a list."""
    W1, b1, W2, b2 = split(START, SIZES)

    def run(n):
        nonlocal W1, b1, W2, b2
        losses = []
        for _ in range(n):
            h = 1 / (1 + np.exp(-(X @ W1 + b1)))
            y = 1 / (1 + np.exp(-(h @ W2 + b2)))
            losses.append(np.mean((y - T) ** 2))
            delta2 = 2 / len(X) * (y - T) * y * (1 - y)
            delta1 = delta2 @ W2.T * h * (1 - h)
            W2 -= LR * h.T @ delta2
            b2 -= LR * delta2.sum(axis=0, keepdims=True)
            W1 -= LR * X.T @ delta1
            b1 -= LR * delta1.sum(axis=0, keepdims=True)
        return join([W1, b1, W2, b2])

    return run


def network(hidden=nnlib.Sigmoid, output=(nnlib.Sigmoid,)):
    """Return nnlib's network with the start parameters."""
    layers = nnlib.Linear(2, 2), hidden(), nnlib.Linear(2, 1), *(layer() for layer in output)
    made = nnlib.Network(*layers, rng=np.random.default_rng(0))
    made.params = START
    return made


def nnlib_step(made=None, loss=None):
    """Return nnlib's four lines of a step, with the checks of its doors."""
    made, loss, optimizer = made or network(), loss or nnlib.MeanSquaredError(), nnlib.SGD(LR)

    def run(n):
        for _ in range(n):
            outputs = made.forward(X)
            dy = loss.grad(outputs[-1], T)
            made.backward(outputs, dy)
            optimizer.step(made.params, made.grads)
        return made.params

    return run


def nnlib_fit():
    """Return `nnlib.fit`, which also records the loss and looks whether it is finite, every epoch."""
    made, loss, optimizer = network(), nnlib.MeanSquaredError(), nnlib.SGD(LR)

    def run(n):
        nnlib.fit(made, X, T, loss, optimizer, epochs=n)
        return made.params

    return run


def torch_eager():
    """Return PyTorch's loop as its own tutorials write it, in float64 like everyone here."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid()).double()
    load(model, split(START, SIZES))
    x, t, loss = torch.from_numpy(X), torch.from_numpy(T), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)

    def run(n):
        for _ in range(n):
            optimizer.zero_grad()
            loss(model(x), t).backward()
            optimizer.step()
        return unload(model)

    return run


def scikit_learn():
    """Return scikit-learn's fit: n epochs in one call, without penalty or stopping early.

    Shuffling, its default, makes no difference to a full batch and would take three times as long.
    """
    model = MLPClassifier(
        (2,), "logistic", solver="sgd", alpha=0.0, batch_size=len(X), learning_rate_init=LR, max_iter=1, shuffle=False,
        momentum=0.0, nesterovs_momentum=False, tol=0.0, n_iter_no_change=10**9, warm_start=True,
    )  # fmt: skip
    labels = T.ravel().astype(int)
    model.fit(X, labels)  # makes the arrays that the start parameters are written into
    W1, b1, W2, b2 = split(START, SIZES)
    model.coefs_, model.intercepts_ = [W1, W2], [b1.ravel(), b2.ravel()]

    def run(n):
        model.set_params(max_iter=n).fit(X, labels)
        return join([model.coefs_[0], model.intercepts_[0], model.coefs_[1], model.intercepts_[1]])

    return run


def jax_loss(params):
    """Return the mean squared error of the network with ``params``."""
    W1, b1, W2, b2 = params
    h = jax.nn.sigmoid(X @ W1 + b1)
    y = jax.nn.sigmoid(h @ W2 + b2)
    return jnp.mean((y - T) ** 2)


def jax_update(params):
    """Return the parameters after one step."""
    return [p - LR * g for p, g in zip(params, jax.grad(jax_loss)(params), strict=True)]


jitted_update = jax.jit(jax_update)
jitted_loop = jax.jit(lambda params, n: jax.lax.fori_loop(0, n, lambda _, p: jax_update(p), params))


def jax_step():
    """Return JAX's usual loop: a step is compiled, and called from Python."""
    start = [jnp.asarray(piece) for piece in split(START, SIZES)]

    def run(n):
        params = start
        for _ in range(n):
            params = jitted_update(params)
        return join(jax.block_until_ready(params))

    return run


def jax_loop():
    """Return JAX at its fastest: the loop itself is compiled, and Python waits for its end."""
    start = [jnp.asarray(piece) for piece in split(START, SIZES)]
    return lambda n: join(jax.block_until_ready(jitted_loop(start, n)))


def micrograd():
    """Return micrograd's loop: one object for every number."""
    model, x, t = MLP(2, [2, 1]), X.tolist(), T.ravel().tolist()
    W1, b1, W2, b2 = split(START, SIZES)
    neurons = [neuron for layer in model.layers for neuron in layer.neurons]
    for neuron, weights, bias in zip(neurons, [*W1.T, *W2.T], [*b1.T, *b2.T], strict=True):
        for value, number in zip(neuron.parameters(), [*weights, *bias], strict=True):
            value.data = float(number)

    def run(n):
        for _ in range(n):
            loss = sum((model(row) - right) ** 2 for row, right in zip(x, t, strict=True)) * (1 / len(x))
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= LR * p.grad
        first, second = ([[p.data for p in n.parameters()] for n in layer.neurons] for layer in model.layers)
        return np.concatenate([np.transpose(first).ravel(), np.transpose(second).ravel()])

    return run


CONTENDERS = {
    contender.__name__: contender
    for contender in (
        plain_script, plain_script_loss, nnlib_step, nnlib_fit,
        torch_eager, scikit_learn, jax_step, jax_loop, micrograd,
    )
}  # fmt: skip


def check(steps=50):
    """Refuse to go on unless every contender computes the updates that nnlib computes."""
    for name, contender in CONTENDERS.items():
        if name == "scikit_learn":
            reference = nnlib_step(network(output=()), nnlib.BinaryCrossEntropy())
        elif name == "micrograd":
            reference = nnlib_step(network(hidden=nnlib.ReLU, output=()))
        else:
            reference = nnlib_step()
        right = reference(steps)
        assert np.abs(right - START).max() > 0.1, name
        np.testing.assert_allclose(contender()(steps), right, rtol=1e-9, atol=1e-12, err_msg=name)
