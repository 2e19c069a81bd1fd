"""A stack: many networks at once, each of them exactly the network that it would be alone."""

import copy
import pickle

import numpy as np
import pytest
from networks import ACTIVATIONS, LOSSES_OF, build, shares

from nnlib import (
    SGD,
    Adam,
    Linear,
    MeanSquaredError,
    Network,
    Sigmoid,
    SoftmaxCrossEntropy,
    accuracy,
    fit,
    normal,
    xor,
)

SHAPES = [((2, 2, 1), 4), ((2, 4, 1), 4), ((3, 5, 4, 2), 7), ((1, 8, 1), 33), ((10, 16, 3), 20)]


@pytest.mark.parametrize("optimizer", [lambda: SGD(0.5, momentum=0.9), lambda: Adam(0.02)], ids=["momentum", "Adam"])
def test_a_member_trains_exactly_as_if_alone_with_every_optimizer(optimizer):
    x, target = xor()
    stack = build((2, 3, 1), Sigmoid, np.random.default_rng(0), Sigmoid, n_networks=4)
    members = [stack.member(i) for i in range(4)]
    fit(stack, x, target, MeanSquaredError(), optimizer(), 500)
    for i, alone in enumerate(members):
        fit(alone, x, target, MeanSquaredError(), optimizer(), 500)
        assert np.array_equal(alone.params, stack.params[i])


@pytest.mark.parametrize("own_x", [False, True], ids=["shared x", "own x"])
@pytest.mark.parametrize(
    ("sizes", "batch", "loss"), [(*shape, loss) for shape in SHAPES for loss in LOSSES_OF[shape[0][-1]]], ids=str
)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_a_member_trains_exactly_as_if_alone(hidden, loss, sizes, batch, own_x):
    rng = np.random.default_rng(0)
    stack = build(sizes, hidden, rng, Sigmoid, n_networks=3)
    x = rng.normal(size=(3, batch, sizes[0]) if own_x else (batch, sizes[0]))
    target = shares(rng, (3, batch, sizes[-1]) if own_x else (batch, sizes[-1]))
    start = stack.params.copy()
    history = fit(stack, x, target, loss(), SGD(0.05), 500, record_every=100)
    assert (stack.params != start).any(axis=1).all()

    for i in range(3):
        alone = build(sizes, hidden, rng, Sigmoid)
        alone.params = start[i]
        own = (x[i], target[i]) if own_x else (x, target)
        alone_history = fit(alone, *own, loss(), SGD(0.05), 500, record_every=100)
        assert np.array_equal(alone.params, stack.params[i])
        assert np.array_equal(alone.grads, stack.grads[i])
        assert np.array_equal(alone_history.loss, history.loss[:, i])


def test_members_start_differently():
    stack = Network(Linear(2, 3), rng=np.random.default_rng(0), n_networks=4)
    assert len(np.unique(stack.params[:, 0])) == 4


def test_a_stack_of_one_keeps_its_axis():
    stack = build((2, 3, 1), Sigmoid, np.random.default_rng(0), n_networks=1)
    x, target = xor()
    assert stack(x).shape == (1, 4, 1)
    assert fit(stack, x, target, MeanSquaredError(), SGD(0.1), 3).loss.shape == (4, 1)


def test_a_stack_takes_one_example_of_many_classes():
    stack = build((2, 3), Sigmoid, np.random.default_rng(0), n_networks=4)
    outputs, target = stack.forward(np.ones((1, 2))), np.array([[0.0, 1.0, 0.0]])
    assert SoftmaxCrossEntropy().value(outputs[-1], target).shape == (4,)


def test_member_is_a_network_of_its_own():
    stack = build((2, 3, 1), Sigmoid, np.random.default_rng(0), n_networks=3)
    x, target = xor()
    before = stack.params.copy()
    alone = stack.member(1)
    assert np.array_equal(alone.params, before[1])
    assert np.array_equal(alone(x), stack(x)[1])
    assert_tied(alone)
    assert_apart(alone, stack)
    fit(alone, x, target, MeanSquaredError(), SGD(1.0), 5)
    assert np.array_equal(stack.params, before)
    assert not np.array_equal(alone.params, before[1])
    assert_tied(stack)


def assert_tied(network):
    """Assert that the layers' arrays are views which together are ``params`` and ``grads``, in order."""
    network.params = np.arange(network.params.size).reshape(network.params.shape)
    network.grads[...] = -network.params
    start = 0
    for layer in network.layers:
        if not isinstance(layer, Linear):
            continue
        for value, gradient, shape in [
            (layer.W, layer.dW, (layer.n_in, layer.n_out)),
            (layer.b, layer.db, (1, layer.n_out)),
        ]:
            stop = start + shape[0] * shape[1]
            stack = network.params.shape[:-1]
            assert np.shares_memory(value, network.params)
            assert np.shares_memory(gradient, network.grads)
            assert np.array_equal(value, network.params[..., start:stop].reshape(*stack, *shape))
            assert np.array_equal(gradient, -value)
            start = stop
    assert start == network.params.shape[-1]


def assert_apart(network, other):
    for mine, others in zip(network.layers, other.layers, strict=True):
        if isinstance(mine, Linear):
            assert mine is not others
            for name in ["W", "b", "dW", "db"]:
                assert not np.shares_memory(getattr(mine, name), getattr(others, name))
    assert not np.shares_memory(network.params, other.params)
    assert not np.shares_memory(network.grads, other.grads)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_networks", [None, 1, 3])
def test_weights_and_biases_are_views_into_params(n_networks, dtype):
    network = build((2, 3, 4, 1), Sigmoid, np.random.default_rng(0), n_networks=n_networks, dtype=dtype)
    assert network.params.shape == (() if n_networks is None else (n_networks,)) + (9 + 16 + 5,)
    assert network.params.dtype == network.grads.dtype == dtype
    assert_tied(network)


def test_assigning_copies_into_the_views():
    network = build((2, 3, 1), Sigmoid, np.random.default_rng(0))
    params, first = network.params, network.layers[0]
    first.W = [[1, 2, 3], [4, 5, 6]]
    first.b = np.array([[7, 8, 9]])
    first.W += 10
    assert params[:9].tolist() == [11, 12, 13, 14, 15, 16, 7, 8, 9]
    given = np.zeros(13)
    network.params = given
    assert network.params is params
    assert not np.shares_memory(network.params, given)
    assert not first.W.any()


@pytest.mark.parametrize("n_networks", [None, 3])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_is_tied_to_its_own_params(duplicate, n_networks):
    original = build((2, 3, 1), Sigmoid, np.random.default_rng(0), Sigmoid, n_networks)
    x, target = xor()
    before = original.params.copy()
    duplicated = duplicate(original)
    assert np.array_equal(duplicated(x), original(x))
    assert_apart(duplicated, original)

    # Both train alike, each its own parameters.
    fit(duplicated, x, target, MeanSquaredError(), SGD(1.0), 5)
    assert np.array_equal(original.params, before)
    fit(original, x, target, MeanSquaredError(), SGD(1.0), 5)
    assert np.array_equal(duplicated.params, original.params)
    assert not np.array_equal(original.params, before)
    assert_tied(duplicated)
    assert_tied(original)


def test_a_thousand_networks_of_four_hidden_neurons_learn_xor():
    x, target = xor()
    stack = Network(
        Linear(2, 4, normal),
        Sigmoid(),
        Linear(4, 1, normal),
        Sigmoid(),
        rng=np.random.default_rng(0),
        n_networks=1000,
    )
    fit(stack, x, target, MeanSquaredError(), SGD(1.0), 5000, record_every=5000)
    learned = accuracy(stack(x), target) == 1
    assert learned.shape == (1000,)
    assert learned.mean() >= 0.99
