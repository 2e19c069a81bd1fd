"""Classifiers of a usual size: three Linears, ReLU between them, softmax cross-entropy, SGD with momentum, batches.

Everyone has the data in memory beforehand, in the form it likes best, shuffles row numbers for each epoch and picks
rows by them, batch by batch, the short last batch included.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from parameters import join, load, split, unload
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from torch import nn

import nnlib

LR, MOMENTUM = 0.05, 0.9


class Task(NamedTuple):
    """Data ``x (n, sizes[0])``, ``labels (n,)``, their ``target (n, sizes[-1])``, and how to train on them."""

    x: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    target: np.ndarray[Any, Any]
    start: np.ndarray[Any, Any]
    sizes: tuple[int, ...]
    batch_size: int


def make(x, labels, sizes, batch_size, dtype):
    """Return a task in ``dtype``, with He's start."""
    start = layers(sizes, np.float64).params.astype(dtype)
    return Task(x.astype(dtype), labels, np.eye(sizes[-1], dtype=dtype)[labels], start, sizes, batch_size)


def digits(dtype):
    """Return the 1,797 handwritten digits that come with scikit-learn."""
    x, labels = load_digits(return_X_y=True)
    return make(x / 16, labels, (64, 128, 64, 10), 64, dtype)


def random(dtype):
    """Return ten batches of noise in the shape of MNIST: what is timed depends on the shape alone."""
    rng = np.random.default_rng(0)
    x, labels = rng.random((1_280, 784)), rng.integers(10, size=1_280)
    return make(x, labels, (784, 256, 128, 10), 128, dtype)


def layers(sizes, dtype):
    """Return nnlib's network."""
    i, h1, h2, o = sizes
    first, second, third = (nnlib.Linear(*pair, nnlib.he_uniform) for pair in ((i, h1), (h1, h2), (h2, o)))
    return nnlib.Network(
        first, nnlib.ReLU(), second, nnlib.ReLU(), third, rng=np.random.default_rng(0), dtype=dtype
    )  # fmt: skip


def nnlib_(task):
    """Return nnlib's loop."""
    network, loss = layers(task.sizes, task.x.dtype), nnlib.SoftmaxCrossEntropy()
    network.params = task.start
    optimizer, rng = nnlib.SGD(LR, MOMENTUM), np.random.default_rng(0)

    def run(epochs):
        for _ in range(epochs):
            for x, target in nnlib.batches(task.x, task.target, task.batch_size, rng):
                outputs = network.forward(x)
                dy = loss.grad(outputs[-1], target)
                network.backward(outputs, dy)
                optimizer.step(network.params, network.grads)
        return network.params

    return run


def products(task):
    """Return the matrix products of an epoch, and nothing else: what no NumPy program can do without.

    For each Linear ``y = x @ W``, ``dW = x.T @ dy`` and, except for the first, ``dx = dy @ W.T``, into arrays that
    are made beforehand.
    """
    rng, pairs = np.random.default_rng(0), list(zip(task.sizes, task.sizes[1:], strict=False))

    def array(*shape):
        return rng.standard_normal(shape).astype(task.x.dtype)

    def batch(size):
        calls = []
        for i, (n_in, n_out) in enumerate(pairs):
            x, W, dy = array(size, n_in), array(n_in, n_out), array(size, n_out)
            calls += [(x, W, array(size, n_out)), (x.T, dy, array(n_in, n_out))]
            calls += [(dy, W.T, array(size, n_in))] if i else []
        return calls

    full, rest = divmod(len(task.x), task.batch_size)
    epoch = batch(task.batch_size) * full + (batch(rest) if rest else [])

    def run(epochs):
        for _ in range(epochs):
            for a, b, out in epoch:
                np.dot(a, b, out=out)

    return run


def torch_eager(task, fused=None):
    """Return PyTorch's ordinary eager loop, at its best.

    That is: tensors indexed by a random permutation, since a `DataLoader` would collate example by example; labels as
    class numbers, which `CrossEntropyLoss` handles faster than one-hot rows; and `optim.SGD` as it comes, or with
    ``fused=True``, which does its arithmetic in one pass.
    """
    i, h1, h2, o = task.sizes
    model = nn.Sequential(nn.Linear(i, h1), nn.ReLU(), nn.Linear(h1, h2), nn.ReLU(), nn.Linear(h2, o))
    x, labels = torch.from_numpy(task.x), torch.from_numpy(task.labels)
    model.to(x.dtype)
    load(model, split(task.start, task.sizes))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, fused=fused)

    def run(epochs):
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(task.batch_size):
                optimizer.zero_grad()
                loss(model(x[rows]), labels[rows]).backward()
                optimizer.step()
        return unload(model)

    return run


def jax_loss(params, x, target):
    """Return the mean cross-entropy; a product with one-hot rows has a cheaper gradient than picking by label."""
    W1, b1, W2, b2, W3, b3 = params
    h1 = jax.nn.relu(x @ W1 + b1)
    h2 = jax.nn.relu(h1 @ W2 + b2)
    return -jnp.mean(jnp.sum(target * jax.nn.log_softmax(h2 @ W3 + b3), axis=1))


@partial(jax.jit, donate_argnums=(0, 1))
def jax_update(params, velocity, x, target, rows):
    """Return parameters and velocity after one batch; the old ones are given away, so that no copies are made."""
    grads = jax.grad(jax_loss)(params, x[rows], target[rows])
    velocity = [MOMENTUM * v + g for v, g in zip(velocity, grads, strict=True)]
    return [p - LR * v for p, v in zip(params, velocity, strict=True)], velocity


def jax_step(task):
    """Return JAX's usual loop: one compiled step per batch, which also picks the rows."""
    params = [jnp.array(piece) for piece in split(task.start, task.sizes)]
    velocity = [jnp.zeros_like(p) for p in params]
    x, target, rng = jnp.asarray(task.x), jnp.asarray(task.target), np.random.default_rng(0)

    def run(epochs):
        nonlocal params, velocity
        for _ in range(epochs):
            order = rng.permutation(len(x))
            for begin in range(0, len(x), task.batch_size):
                params, velocity = jax_update(params, velocity, x, target, order[begin : begin + task.batch_size])
        return join(jax.block_until_ready(params))

    return run


def scikit_learn(task):
    """Return scikit-learn's fit: n epochs in one call, without penalty or stopping early. It always records a loss."""
    model = MLPClassifier(
        task.sizes[1:-1], "relu", solver="sgd", alpha=0.0, batch_size=task.batch_size, learning_rate_init=LR,
        max_iter=1, momentum=MOMENTUM, nesterovs_momentum=False, tol=0.0, n_iter_no_change=10**9, warm_start=True,
        random_state=0,
    )  # fmt: skip
    model.fit(task.x, task.labels)  # makes the arrays that the start parameters are written into
    pieces = split(task.start, task.sizes)
    model.coefs_, model.intercepts_ = pieces[::2], [b.ravel() for b in pieces[1::2]]

    def run(epochs):
        model.set_params(max_iter=epochs).fit(task.x, task.labels)
        return join([piece for pair in zip(model.coefs_, model.intercepts_, strict=True) for piece in pair])

    return run


def contenders(task):
    """Return the contenders for ``task``."""
    found = {
        "nnlib": nnlib_,
        "products": products,
        "torch_eager": torch_eager,
        "torch_fused": partial(torch_eager, fused=True),
        "jax_step": jax_step,
        "scikit_learn": scikit_learn,
    }
    return {name: partial(contender, task) for name, contender in found.items()}


def check(task, steps=5):
    """Refuse to go on unless every contender computes the updates that nnlib computes.

    Everyone shuffles in its own way. So a batch is the whole data here, where the order makes no difference.
    """
    whole = task._replace(batch_size=len(task.x))
    right = nnlib_(whole)(steps)
    assert np.abs(right - task.start).max() > 0.01
    tolerance = 1e-9 if task.x.dtype == np.float64 else 1e-4
    for name, contender in contenders(whole).items():
        if name != "products":
            np.testing.assert_allclose(contender()(steps), right, rtol=tolerance, atol=tolerance, err_msg=name)
