"""Every gradient against central differences of the formulas, and the gradient check against planted bugs."""

import re

import numpy as np
import pytest
from networks import (
    ACTIVATIONS,
    FORMULA,
    LOSSES_OF,
    N_NETWORKS,
    STACKS,
    away_from_kinks,
    build,
    differences,
    example,
    pre_activations,
    relative_difference,
    shares,
)

from nnlib import (
    Linear,
    MeanSquaredError,
    Network,
    ReLU,
    Sigmoid,
    SumSquaredError,
    check_gradients,
    numerical_gradient,
)


def formula_gradient(network, loss, x, target):
    """Differentiate the formulas numerically; networks of a stack do not touch, so their sum has all gradients."""

    def total(params):
        _, y = pre_activations(network, params, x)
        return FORMULA[loss](y, target).sum()

    return differences(total, network.params.copy())


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(("loss", "n_out"), [(loss, n_out) for n_out in (1, 3) for loss in LOSSES_OF[n_out]])
@pytest.mark.parametrize("output", [None, *ACTIVATIONS])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_network_gradients(hidden, output, loss, n_out, stack):
    network, x, target = example(hidden, output, n_out, stack)
    assert away_from_kinks(network, x)
    outputs = network.forward(x)
    _, y = pre_activations(network, network.params, x)
    np.testing.assert_allclose(outputs[-1], y, rtol=0, atol=1e-14)
    np.testing.assert_allclose(loss().value(y, target), FORMULA[loss](y, target), rtol=1e-14)

    analytic = network.backward(outputs, loss().grad(outputs[-1], target))
    numerical = formula_gradient(network, loss, x, target)
    assert (relative_difference(analytic, numerical) < 1e-7).all()


@pytest.mark.parametrize("depth", [1, 4])
def test_network_gradients_in_other_depths(depth):
    rng = np.random.default_rng(0)
    network = build((3,) + (4,) * depth, Sigmoid, rng)
    x, target = rng.normal(size=(6, 3)), rng.random((6, 4))
    outputs = network.forward(x)
    analytic = network.backward(outputs, MeanSquaredError().grad(outputs[-1], target))
    assert relative_difference(analytic, formula_gradient(network, MeanSquaredError, x, target)) < 1e-7


@pytest.mark.parametrize("stack", [None, N_NETWORKS])
@pytest.mark.parametrize("make", [lambda: Linear(3, 2), *ACTIVATIONS], ids=["Linear", "Sigmoid", "Tanh", "ReLU"])
def test_gradient_with_respect_to_the_input(make, stack):
    rng = np.random.default_rng(1)
    layer = make()
    if isinstance(layer, Linear):
        Network(layer, rng=rng, n_networks=stack)
    x = rng.normal(size=(4, 3) if stack is None else (stack, 4, 3))
    assert np.abs(x).min() > 1e-3  # ReLU's kink
    y = layer.forward(x)
    dy = rng.normal(size=y.shape)
    given = [x.copy(), y.copy(), dy.copy()]

    dx = layer.backward(x, y, dy)
    numerical = differences(lambda moved: (layer.forward(moved) * dy).sum(), x)
    assert relative_difference(dx.ravel(), numerical.ravel()) < 1e-7
    assert all(np.array_equal(now, before) for now, before in zip([x, y, dy], given, strict=True))


def test_relu_takes_the_derivative_0_at_its_kink():
    x = np.array([[-1.0, 0.0, 1.0]])
    assert ReLU().backward(x, ReLU().forward(x), np.ones((1, 3))).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("own_target", [False, True])
@pytest.mark.parametrize("stack", [(), (N_NETWORKS,)], ids=str)
@pytest.mark.parametrize(("loss", "n_out"), [(loss, n_out) for n_out in (1, 3) for loss in LOSSES_OF[n_out]])
def test_a_loss_is_its_formula_and_its_gradient_the_derivative(loss, n_out, stack, own_target):
    rng = np.random.default_rng(2)
    shape = (*stack, 4, n_out)
    prediction, target = rng.normal(size=shape), shares(rng, shape if own_target else shape[-2:])
    value = loss().value(prediction, target)
    np.testing.assert_allclose(value, FORMULA[loss](prediction, target), rtol=1e-14)
    assert type(value) is float if len(shape) == 2 else value.shape == shape[:1]

    numerical = differences(lambda moved: np.sum(loss().value(moved, target)), prediction)
    assert (relative_difference(loss().grad(prediction, target), numerical) < 1e-7).all()


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_a_second_forward_does_not_spoil_the_backward_of_the_first(hidden):
    network, x, target = example(hidden, Sigmoid, 1, "one")
    outputs = network.forward(x)
    kept = [array.copy() for array in outputs]
    network.forward(x[::-1] * 3 + 1)
    network.forward(x[:1])
    analytic = network.backward(outputs, MeanSquaredError().grad(outputs[-1], target))
    assert relative_difference(analytic, formula_gradient(network, MeanSquaredError, x, target)) < 1e-7
    assert all(np.array_equal(now, before) for now, before in zip(outputs, kept, strict=True))


def test_each_backward_writes_the_gradients_anew():
    network, x, target = example(Sigmoid, None, 3, "shared x")
    outputs = network.forward(x)
    dy = MeanSquaredError().grad(outputs[-1], target)
    first = network.backward(outputs, dy).copy()
    assert network.backward(outputs, dy) is network.grads
    assert np.array_equal(network.grads, first)


def test_numerical_gradient_of_known_functions():
    point = np.array([3.0, 2.0])
    gradient = numerical_gradient(lambda p: p[0] ** 2 * p[1], point)
    np.testing.assert_allclose(gradient, [12, 9], rtol=1e-9)
    assert point.tolist() == [3, 2]

    points = np.array([[3.0, 2.0], [-1.0, 1e6]])
    gradient = numerical_gradient(lambda p: p[:, 0] ** 2 * p[:, 1], points)
    np.testing.assert_allclose(gradient, [[12, 9], [-2e6, 1]], rtol=1e-6)
    assert points.tolist() == [[3, 2], [-1, 1e6]]


def test_numerical_gradient_uses_its_step():
    # The central difference of p**3 is 3 p**2 + step**2.
    assert numerical_gradient(lambda p: p[0] ** 3, np.array([1.0]), step=0.1)[0] == pytest.approx(3.01, rel=1e-12)


def test_numerical_gradient_wants_one_number_per_network():
    with pytest.raises(ValueError, match=r"one number per network.*\(2,\).*got.*\(\)"):
        numerical_gradient(lambda p: (p**2).sum(), np.ones((2, 3)))


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("loss", LOSSES_OF[3])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_check_gradients_passes_on_a_right_network(hidden, loss, stack):
    network, x, target = example(hidden, None, 3, stack)
    before = network.params.copy()
    difference = check_gradients(network, loss(), x, target)
    assert type(difference) is float
    assert 0 < difference < 1e-7
    assert np.array_equal(network.params, before)


def test_check_gradients_of_dead_neurons_differ_by_0():
    network = Network(Linear(2, 1), ReLU(), rng=np.random.default_rng(0))
    network.layers[0].b = [[-100]]
    assert check_gradients(network, MeanSquaredError(), np.ones((4, 2)), np.ones((4, 1))) == 0


def test_check_gradients_refuses_float32():
    rng = np.random.default_rng(0)
    network = build((2, 3, 1), Sigmoid, rng, dtype=np.float32)
    x, target = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    with pytest.raises(TypeError, match=r"float64.*got float32"):
        check_gradients(network, MeanSquaredError(), x, target)


class ForgetsTheDerivative(Sigmoid):
    def backward(self, _x, y, dy):
        return dy * y


class WrongWeight(Linear):
    def parameter_gradients(self, x, dy):
        super().parameter_gradients(x, dy)
        self.dW[..., 1, 0] *= 3


class WrongFirstWeight(Linear):
    def parameter_gradients(self, x, dy):
        super().parameter_gradients(x, dy)
        self.dW[..., 0, 0] += 3


class WrongBias(Linear):
    def parameter_gradients(self, x, dy):
        super().parameter_gradients(x, dy)
        self.db[..., 0, 1] = -2


class NotANumber(Linear):
    def parameter_gradients(self, x, dy):
        super().parameter_gradients(x, dy)
        self.dW[..., 0, 1] = np.nan


class OneWrongNetwork(Linear):
    def parameter_gradients(self, x, dy):
        super().parameter_gradients(x, dy)
        if self.dW.ndim == 3:
            self.dW[3, 1, 2] -= 0.5


PLANTED = {
    "activation": (lambda: [Linear(2, 3), ForgetsTheDerivative(), Linear(3, 2)], r"layers\[0\]\.[Wb]\[\d, \d\]"),
    "weight": (lambda: [WrongWeight(2, 3), Sigmoid(), Linear(3, 2)], r"layers\[0\]\.W\[1, 0\]"),
    "bias": (lambda: [WrongBias(2, 3), Sigmoid(), Linear(3, 2)], r"layers\[0\]\.b\[0, 1\]"),
    "later weight": (lambda: [Linear(2, 3), Sigmoid(), WrongWeight(3, 2)], r"layers\[2\]\.W\[1, 0\]"),
    "later first weight": (lambda: [Linear(2, 3), Sigmoid(), WrongFirstWeight(3, 2)], r"layers\[2\]\.W\[0, 0\]"),
    "later bias": (lambda: [Linear(2, 3), Sigmoid(), WrongBias(3, 2)], r"layers\[2\]\.b\[0, 1\]"),
    "nan": (lambda: [Linear(2, 3), Sigmoid(), NotANumber(3, 2)], r"layers\[2\]\.W\[0, 1\]"),
}


def reported(network, x, target, loss=None):
    """Return the message of a failing gradient check, after a look at the network's parameters."""
    before = network.params.copy()
    with pytest.raises(AssertionError) as caught:
        check_gradients(network, loss or MeanSquaredError(), x, target)
    assert np.array_equal(network.params, before)
    return str(caught.value)


@pytest.mark.parametrize("n_networks", [None, N_NETWORKS])
@pytest.mark.parametrize(("layers", "name"), PLANTED.values(), ids=PLANTED)
def test_check_gradients_names_a_planted_bug(layers, name, n_networks):
    rng = np.random.default_rng(3)
    network = Network(*layers(), rng=rng, n_networks=n_networks)
    x, target = rng.normal(size=(4, 2)), rng.random((4, 2))
    who = r" of network (\d)" if n_networks else "()"
    message = reported(network, x, target)
    found = re.match(rf"{name}{who}: backward gives (\S+), central differences give (\S+) ", message)
    assert found, message

    # The two values are those of the parameter that is named, and no other is further off.
    outputs = network.forward(x)
    analytic = network.backward(outputs, MeanSquaredError().grad(outputs[-1], target)).copy()
    right = formula_gradient(network, MeanSquaredError, x, target)
    gap = np.nan_to_num(np.abs(analytic - right), nan=np.inf)
    place = np.unravel_index(gap.argmax(), gap.shape)
    assert float(found[2]) == pytest.approx(analytic[place], rel=1e-5, nan_ok=True)
    assert float(found[3]) == pytest.approx(right[place], rel=1e-5)
    assert found[1] == (str(place[0]) if n_networks else "")
    assert ("nan" in message) == np.isnan(analytic).any()


def test_check_gradients_names_the_network_that_is_wrong():
    rng = np.random.default_rng(4)
    layers = [OneWrongNetwork(2, 3), Sigmoid(), Linear(3, 1)]
    network = Network(*layers, rng=rng, n_networks=N_NETWORKS)
    x, target = rng.normal(size=(4, 2)), rng.random((4, 1))
    assert reported(network, x, target).startswith("layers[0].W[1, 2] of network 3: ")


def test_check_gradients_names_the_bias_of_a_wide_layer():
    rng = np.random.default_rng(5)
    network = Network(WrongBias(300, 2), rng=rng)
    assert reported(network, rng.normal(size=(4, 300)), rng.random((4, 2))).startswith("layers[0].b[0, 1]: ")


def test_check_gradients_finds_a_loss_whose_gradient_is_not_of_its_value():
    # Averages the value over the outputs as well, but the gradient over the examples alone.
    class Uneven(MeanSquaredError):
        def grad(self, prediction, target):
            return super().grad(prediction, target) * prediction.shape[-1]

    network, x, target = example(Sigmoid, None, 3, "one")
    assert reported(network, x, target, Uneven()).startswith("layers[")


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_check_gradients_measures_relative_to_the_gradients(scale):
    class Scaled(MeanSquaredError):
        def value(self, prediction, target):
            return scale * super().value(prediction, target)

        def grad(self, prediction, target):
            return scale * super().grad(prediction, target)

    network, x, target = example(Sigmoid, None, 1, "one")
    assert check_gradients(network, Scaled(), x, target) < 1e-7
    wrong = Network(Linear(2, 3), ForgetsTheDerivative(), Linear(3, 1), rng=np.random.default_rng(0))
    assert reported(wrong, x, target, Scaled()).startswith("layers[0]")


def test_check_gradients_heeds_its_tolerance():
    network, x, target = example(Sigmoid, None, 1, "one")
    difference = check_gradients(network, SumSquaredError(), x, target)
    assert check_gradients(network, SumSquaredError(), x, target, tolerance=difference) == difference
    with pytest.raises(AssertionError):
        check_gradients(network, SumSquaredError(), x, target, tolerance=difference / 2)


@pytest.mark.parametrize("n_networks", [None, N_NETWORKS])
def test_check_gradients_leaves_the_parameters_when_the_loss_raises(n_networks):
    class Failing(MeanSquaredError):
        calls = 0

        def value(self, prediction, target):
            self.calls += 1
            if self.calls == 4:
                raise RuntimeError("the loss fails")
            return super().value(prediction, target)

    rng = np.random.default_rng(5)
    network = build((2, 3, 1), Sigmoid, rng, n_networks=n_networks)
    before = network.params.copy()
    with pytest.raises(RuntimeError, match="the loss fails"):
        check_gradients(network, Failing(), np.ones((4, 2)), np.ones((4, 1)))
    assert np.array_equal(network.params, before)
