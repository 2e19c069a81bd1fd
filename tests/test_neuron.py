"""One neuron, and the perceptron rule against its proof."""

import itertools

import numpy as np
import pytest

from nnlib import Neuron, perceptron_update, relu, sigmoid, step, xor

CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]
SEPARABLE = {
    "AND": [0, 0, 0, 1],
    "OR": [0, 1, 1, 1],
    "NAND": [1, 1, 1, 0],
    "first": [0, 0, 1, 1],
    "never": [0, 0, 0, 0],
}


def passes(neuron, x, target, n):
    """Show all examples ``n`` times, and return the corrections of each pass."""
    return [sum(perceptron_update(neuron, *pair) for pair in zip(x, target, strict=True)) for _ in range(n)]


def test_a_neuron_is_its_formula():
    rng = np.random.default_rng(0)
    weights, bias, x = rng.normal(size=3), 0.5, rng.normal(size=(7, 3))
    for activation in (step, sigmoid, relu):
        neuron = Neuron(weights, bias, activation)
        by_hand = [sum(w * xi for w, xi in zip(weights, row, strict=True)) + bias for row in x]
        np.testing.assert_allclose(neuron.weighted_sum(x), by_hand, rtol=1e-14)
        np.testing.assert_allclose(neuron(x), activation(np.array(by_hand)), rtol=1e-14)
        assert neuron(x[2]) == neuron(x)[2]
        assert np.shape(neuron(x[2])) == ()


def test_a_neuron_may_have_many_inputs():
    assert Neuron(np.ones(300), 0.5).weighted_sum(np.ones((2, 300))).tolist() == [300.5, 300.5]


def test_the_weights_are_a_copy_and_the_input_stays():
    weights, x = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    neuron = Neuron(weights, 0)
    assert perceptron_update(neuron, x, 0)
    assert (weights.tolist(), x.tolist()) == ([1, 2], [3, 4])
    assert (neuron.weights.tolist(), neuron.bias) == ([-2, -2], -1)


@pytest.mark.parametrize("lr", [1, 0.5, 3])
def test_a_correction_goes_towards_the_example_or_away_from_it(lr):
    neuron = Neuron([0.0, 0.0], 0.0)
    assert perceptron_update(neuron, [2, -1], 1, lr)
    assert (neuron.weights.tolist(), neuron.bias) == ([2 * lr, -lr], lr)
    assert not perceptron_update(neuron, [2, -1], 1, lr)
    assert (neuron.weights.tolist(), neuron.bias) == ([2 * lr, -lr], lr)
    assert perceptron_update(neuron, [1, 0], 0, lr)
    assert (neuron.weights.tolist(), neuron.bias) == ([lr, -lr], 0)


@pytest.mark.parametrize("target", SEPARABLE.values(), ids=SEPARABLE)
def test_what_can_be_separated_is_learned(target):
    neuron = Neuron([0.0, 0.0], 0.0)
    corrections = passes(neuron, CORNERS, target, 20)
    assert corrections[-1] == 0
    assert neuron(CORNERS).tolist() == target


def test_xor_is_corrected_for_ever_and_comes_back_to_the_same_weights():
    x, target = xor()
    neuron = Neuron([0.0, 0.0], 0.0)
    states = []
    for _ in range(100):
        assert passes(neuron, x, target[:, 0], 1)[0] > 0
        states.append((*neuron.weights.tolist(), neuron.bias))
    assert len(set(states)) < 10


def test_no_more_corrections_than_novikoff_allows():
    # Novikoff (1962), with the bias as the weight of an input 1: at most (radius / margin)**2 from weights of zero.
    rng = np.random.default_rng(0)
    separator = np.array([0.6, -0.8, 0.1])
    separator /= np.linalg.norm(separator)
    for margin in (0.3, 0.1):
        x = np.column_stack([rng.uniform(-1, 1, size=(300, 2)), np.ones(300)])
        x = x[np.abs(x @ separator) >= margin]
        target = (x @ separator > 0).astype(float)
        neuron = Neuron([0.0, 0.0], 0.0)
        corrections = passes(neuron, x[:, :2], target, 200)
        assert corrections[-1] == 0
        assert 1 <= sum(corrections) <= (x**2).sum(axis=1).max() / margin**2


def test_no_neuron_wires_xor():
    # The proof is in four inequalities; this grid only shows that none of many neurons refutes it.
    x, target = xor()
    grid = np.linspace(-2, 2, 17)
    best = max((Neuron([w1, w2], b)(x) == target[:, 0]).sum() for w1, w2, b in itertools.product(grid, grid, grid))
    assert best == 3
