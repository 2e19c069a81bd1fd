"""nnlib against PyTorch: the same loss, the same gradients, the same training."""

import itertools

import numpy as np
import pytest
import torch
from networks import ACTIVATIONS, build, shares

from nnlib import (
    SGD,
    Adam,
    BinaryCrossEntropy,
    Linear,
    MeanSquaredError,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    SumSquaredError,
    Tanh,
    fit,
    torch_uniform,
)

TORCH_ACTIVATIONS = {Sigmoid: torch.nn.Sigmoid, Tanh: torch.nn.Tanh, ReLU: torch.nn.ReLU}
TORCH_LOSSES = {
    MeanSquaredError: torch.nn.MSELoss(),
    SumSquaredError: lambda prediction, target: 0.5 * ((prediction - target) ** 2).sum(),
    BinaryCrossEntropy: torch.nn.BCEWithLogitsLoss(),
    SoftmaxCrossEntropy: torch.nn.CrossEntropyLoss(),
}
OPTIMIZERS = [
    (lambda: SGD(0.05, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    (lambda: Adam(0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
    (lambda: Adam(0.02, 0.8, 0.99, 1e-4), lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.99), eps=1e-4)),
]
HIDDEN = [(5,), (5, 4), (5, 4, 5)]
cases = pytest.mark.parametrize(
    ("activation", "loss", "hidden"),
    list(itertools.product(ACTIVATIONS, TORCH_LOSSES, HIDDEN)),
    ids=lambda value: getattr(value, "__name__", str(value)),
)


def in_torch(network):
    """Return the same network, with the same weights, as a `torch.nn.Sequential`."""
    layers = []
    for layer in network.layers:
        if isinstance(layer, Linear):
            linear = torch.nn.Linear(layer.n_in, layer.n_out, dtype=torch.float64)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(layer.W.T))
                linear.bias.copy_(torch.from_numpy(layer.b[0]))
            layers.append(linear)
        else:
            layers.append(TORCH_ACTIVATIONS[type(layer)]())
    return torch.nn.Sequential(*layers)


def flat(tensors):
    """Return torch's weights and biases, or their gradients, in the order of nnlib's params."""
    return np.concatenate([tensor.detach().numpy().T.ravel() for tensor in tensors])


def both(activation, hidden):
    rng = np.random.default_rng(0)
    network = build((3, *hidden, 2), activation, rng)
    # Small enough that a learning rate of 0.05 does not swing: training that diverges magnifies rounding.
    network.params *= 0.5
    return network, in_torch(network), rng.normal(size=(4, 3)), shares(rng, (4, 2))


@cases
def test_loss_and_gradients(activation, loss, hidden):
    network, model, x, target = both(activation, hidden)
    outputs = network.forward(x)
    value = loss().value(outputs[-1], target)
    grads = network.backward(outputs, loss().grad(outputs[-1], target))

    torch_value = TORCH_LOSSES[loss](model(torch.from_numpy(x)), torch.from_numpy(target))
    torch_value.backward()
    assert value == pytest.approx(torch_value.item(), rel=1e-12, abs=0)
    np.testing.assert_allclose(grads, flat(p.grad for p in model.parameters()), rtol=0, atol=1e-12)
    assert np.abs(grads).max() > 1e-3


@cases
def test_a_thousand_steps(activation, loss, hidden):
    network, model, x, target = both(activation, hidden)
    start = network.params.copy()
    history = fit(network, x, target, loss(), SGD(0.05), 1000)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, target = torch.from_numpy(x), torch.from_numpy(target)
    for _ in range(1000):
        optimizer.zero_grad()
        TORCH_LOSSES[loss](model(x), target).backward()
        optimizer.step()
    np.testing.assert_allclose(network.params, flat(model.parameters()), rtol=0, atol=1e-10)
    assert np.abs(network.params - start).max() > 0.1
    assert history.loss[-1] < history.loss[0]


@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS, ids=["momentum", "Adam", "Adam with other betas"])
def test_300_steps_of_each_optimizer(ours, theirs):
    # The same gradients for both, of very different sizes: in a training loop Adam would magnify rounding.
    rng = np.random.default_rng(0)
    params, scales = rng.normal(size=50), 10.0 ** rng.integers(-6, 3, size=50)
    parameter = torch.nn.Parameter(torch.from_numpy(params.copy()))
    optimizer, reference = ours(), theirs([parameter])
    start = params.copy()
    for _ in range(300):
        grads = rng.normal(0.5, 1.0, size=50) * scales
        given = grads.copy()
        optimizer.step(params, grads)
        assert np.array_equal(grads, given)
        parameter.grad = torch.from_numpy(grads)
        reference.step()
    np.testing.assert_allclose(params, parameter.detach().numpy(), rtol=1e-11, atol=1e-12)
    assert (params != start).all()


@pytest.mark.parametrize("n_in", [1, 4, 50])
def test_torch_uniform_draws_as_torch_does(n_in):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linear = torch.nn.Linear(n_in, 20_000)
    theirs = linear.weight.detach().numpy().T, linear.bias.detach().numpy()[None, :]
    ours = torch_uniform(np.random.default_rng(0), n_in, 20_000)
    bound = 1 / np.sqrt(n_in)
    for W, b in [theirs, ours]:
        for drawn, shape in [(W, (n_in, 20_000)), (b, (1, 20_000))]:
            assert drawn.shape == shape
            assert 0.999 * bound < drawn.max() <= bound * (1 + 1e-6)
            assert 0.999 * bound < -drawn.min() <= bound * (1 + 1e-6)
            assert drawn.var() == pytest.approx(bound**2 / 3, rel=0.03)
            assert drawn.mean() == pytest.approx(0, abs=0.02 * bound)
