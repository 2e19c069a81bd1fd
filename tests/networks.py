"""What several tests of nnlib share: networks to test, and their formulas written a second time, plainly."""

import itertools

import numpy as np

from nnlib import (
    BinaryCrossEntropy,
    Linear,
    MeanSquaredError,
    Network,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    SumSquaredError,
    Tanh,
)

FORMULA = {
    Sigmoid: lambda z: 1 / (1 + np.exp(-z)),
    Tanh: np.tanh,
    ReLU: lambda z: np.where(z > 0, z, 0),
    MeanSquaredError: lambda p, t: ((p - t) ** 2).mean(axis=(-2, -1)),
    SumSquaredError: lambda p, t: ((p - t) ** 2).sum(axis=(-2, -1)) / 2,
    BinaryCrossEntropy: lambda z, t: (t * np.log(1 + np.exp(-z)) + (1 - t) * np.log(1 + np.exp(z))).mean(axis=(-2, -1)),
    SoftmaxCrossEntropy: lambda z, t: (
        (t * (np.log(np.exp(z).sum(axis=-1, keepdims=True)) - z)).sum(axis=-1).mean(axis=-1)
    ),
}
ACTIVATIONS = [Sigmoid, Tanh, ReLU]
LOSSES = [MeanSquaredError, SumSquaredError, BinaryCrossEntropy, SoftmaxCrossEntropy]
# The softmax of a single output is always 1, so that loss is left out there.
LOSSES_OF = {1: [loss for loss in LOSSES if loss is not SoftmaxCrossEntropy], 2: LOSSES, 3: LOSSES}
N_NETWORKS = 5
STACKS = ["one", "shared x", "own x"]


def build(sizes, hidden, rng, output=None, n_networks=None, dtype=np.float64):
    """Return a network of Linears with ``hidden`` between them and ``output`` at the end, all parameters random."""
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [Linear(n_in, n_out), hidden()]
    layers[-1:] = [output()] if output else []
    network = Network(*layers, rng=rng, n_networks=n_networks, dtype=dtype)
    network.params = rng.normal(size=network.params.shape)
    return network


def parts(network, params):
    """Return ``[(W, b), ...]`` cut out of ``params``, without asking the layers for them."""
    cut, start = [], 0
    for layer in network.layers:
        if isinstance(layer, Linear):
            middle = start + layer.n_in * layer.n_out
            stop = middle + layer.n_out
            W = params[..., start:middle].reshape(*params.shape[:-1], layer.n_in, layer.n_out)
            cut.append((W, params[..., middle:stop][..., None, :]))
            start = stop
    assert start == params.shape[-1]
    return cut


def pre_activations(network, params, x):
    """Return what goes into each activation, and the last output, by the formulas."""
    linear = iter(parts(network, params))
    before = []
    for layer in network.layers:
        if isinstance(layer, Linear):
            W, b = next(linear)
            x = np.einsum("...bi,...io->...bo", x, W) + b
        else:
            kind = next(kind for kind in ACTIVATIONS if isinstance(layer, kind))
            before.append((kind, x))
            x = FORMULA[kind](x)
    return before, x


def away_from_kinks(network, x):
    """Whether no ReLU gets an input so near 0 that a small step could carry it across."""
    before, _ = pre_activations(network, network.params, x)
    return all(np.abs(z).min() > 1e-3 for kind, z in before if kind is ReLU)


def example(hidden, output, n_out, stack, batch=4):
    """Return a random network of ``stack``'s kind, x and target: the first one alive and away from every kink."""
    n_networks = None if stack == "one" else N_NETWORKS
    for seed in range(100):
        rng = np.random.default_rng(seed)
        network = build((2, 3, n_out), hidden, rng, output, n_networks)
        x = rng.normal(size=(N_NETWORKS, batch, 2) if stack == "own x" else (batch, 2))
        _, y = pre_activations(network, network.params, x)
        if away_from_kinks(network, x) and (y != 0).any(axis=(-2, -1)).all():
            return network, x, shares(rng, y.shape if stack == "own x" else (batch, n_out))
    raise AssertionError("no seed gives an example away from the kinks")


def shares(rng, shape):
    """Return random targets that every loss takes: from 0 to 1, and with several outputs adding up to 1 in each row."""
    target = rng.random(shape)
    return target / target.sum(axis=-1, keepdims=True) if shape[-1] > 1 else target


def differences(f, point, step=1e-5):
    """Return the central differences of ``f``, a function to one number, for every entry of ``point``."""
    gradient = np.zeros(point.shape)
    for place in np.ndindex(point.shape):
        up, down = point.copy(), point.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (f(up) - f(down)) / (2 * step)
    return gradient


def relative_difference(a, n):
    """Return ``||a - n|| / (||a|| + ||n||)`` along the last axis, and insist that there is something to compare."""
    assert a.shape == n.shape
    size = np.linalg.norm(a, axis=-1) + np.linalg.norm(n, axis=-1)
    assert (size > 1e-3).all()
    return np.linalg.norm(a - n, axis=-1) / size
