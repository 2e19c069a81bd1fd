"""What holds for every network, loss, activation and optimizer: Hypothesis looks for a counterexample."""

import copy
import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from networks import ACTIVATIONS, FORMULA, LOSSES, LOSSES_OF, away_from_kinks, differences, pre_activations, shares

from nnlib import (
    SGD,
    Adam,
    Linear,
    MeanSquaredError,
    Network,
    SoftmaxCrossEntropy,
    SumSquaredError,
    accuracy,
    batches,
    check_gradients,
    fit,
    log_softmax,
    numerical_gradient,
    relu,
    sigmoid,
    softmax,
    step,
    tanh,
)

# The same examples in every run, whatever the computer and however slow it is.
settings.register_profile(
    "nnlib", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("nnlib")

DTYPES = [np.float64, np.float32]
OPTIMIZERS = {"SGD": lambda: SGD(0.01), "momentum": lambda: SGD(0.01, 0.9), "Adam": lambda: Adam(0.01)}
FUNCTIONS = [step, sigmoid, tanh, relu, softmax, log_softmax]
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_loss = pytest.mark.parametrize("loss", LOSSES)
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


@dataclass
class Case:
    network: Network
    loss: object
    x: np.ndarray
    target: np.ndarray

    def gradients(self, x=None, target=None):
        """Return the loss and a copy of the gradients, for other examples if they are given."""
        x, target = (self.x, self.target) if x is None else (x, target)
        outputs = self.network.forward(x)
        grads = self.network.backward(outputs, self.loss.grad(outputs[-1], target))
        return self.loss.value(outputs[-1], target), grads.copy()

    def classes(self):
        """Return targets for `accuracy`: with several outputs, 1 where the target is largest, else 0."""
        if self.target.shape[-1] == 1:
            return self.target
        return (self.target == self.target.max(axis=-1, keepdims=True)).astype(self.target.dtype)


seeds = st.integers(0, 2**32 - 1)


@st.composite
def cases(draw, dtypes=tuple(DTYPES), stacks=(None, 1, 3), layouts=("rows", "columns", "strided")):
    """Draw a network of any architecture, alone or a stack, with a loss, examples and targets that fit it."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        activation = draw(st.sampled_from([None, *ACTIVATIONS]))
        layers += [Linear(n_in, n_out)] + ([activation()] if activation else [])
    rng, dtype = np.random.default_rng(draw(seeds)), draw(st.sampled_from(dtypes))
    n_networks, batch = draw(st.sampled_from(stacks)), draw(st.integers(1, 5))
    network = Network(*layers, rng=rng, n_networks=n_networks, dtype=dtype)
    network.params = rng.normal(scale=0.5, size=network.params.shape)
    stack = [(), (n_networks,)] if n_networks else [()]
    x = rng.normal(size=(*draw(st.sampled_from(stack)), batch, sizes[0]))
    target = shares(rng, (*draw(st.sampled_from(stack)), batch, sizes[-1]))
    loss = draw(st.sampled_from(LOSSES_OF.get(sizes[-1], LOSSES)))
    x, target = (laid_out(array.astype(dtype), draw(st.sampled_from(layouts))) for array in (x, target))
    return Case(network, loss(), x, target)


def laid_out(array, layout):
    """Return ``array`` with its numbers in memory row by row, column by column, or only every second of more."""
    if layout == "strided":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return np.asfortranarray(array) if layout == "columns" else array


def rounding(case):
    """Return bounds on what rounding can change in the last output, the loss and the gradients.

    They are forward and backward once more, in absolute values: no activation is steeper than 1 or bends by more
    than 1, and no loss bends by more than 1, or 2 / batch, at the sizes drawn here. Each rounding on the longest
    way through changes such a sum by at most eps / 2 of it.
    """
    network, prediction = case.network, case.network(case.x)
    batch, n_out = prediction.shape[-2:]
    sizes, roundings = [np.abs(case.x).astype(np.float64)], batch * (n_out + 1)
    for layer in network.layers:
        if isinstance(layer, Linear):
            roundings += layer.n_in + layer.n_out + 1
            sizes.append(sizes[-1] @ np.abs(layer.W) + np.abs(layer.b))
        else:
            roundings += 4
            sizes.append(np.maximum(sizes[-1], 1))
    unit = roundings * np.finfo(prediction.dtype).eps / 2
    dy = np.abs(case.loss.grad(prediction, case.target)) + max(1, 2 / batch) * sizes[-1].max(axis=-1, keepdims=True)
    value = case.loss.value(prediction, case.target) + (dy * sizes[-1]).sum(axis=(-2, -1))
    parts = []
    for layer, x, y in reversed(list(zip(network.layers, sizes, sizes[1:], strict=False))):
        if isinstance(layer, Linear):
            dW, db = x.mT @ dy, dy.sum(axis=-2)
            parts.insert(0, np.concatenate([dW.reshape(*dW.shape[:-2], -1), db], axis=-1))
            dy = dy @ np.abs(layer.W).mT
        else:
            dy = dy * y
    return unit * sizes[-1], unit * value, unit * np.concatenate(parts, axis=-1)


def close(a, b, bound):
    """Whether ``a`` and ``b`` have one shape and differ by no more than ``bound`` anywhere."""
    return np.shape(a) == np.shape(b) and np.all(np.abs(np.subtract(a, b, dtype=np.float64)) <= bound)


def frozen(*arrays):
    """Refuse writing to ``arrays``, and return a function that says whether they are what they were."""
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    return lambda: all(np.array_equal(array, old) for array, old in zip(arrays, copies, strict=True))


# --- Networks


@given(cases(), seeds, st.integers(1, 5))
def test_what_comes_later_leaves_earlier_results_alone(case, seed, batch):
    network, loss = case.network, case.loss
    value, alone = replace(case, network=copy.deepcopy(network)).gradients()
    outputs = network.forward(case.x)
    dy = loss.grad(outputs[-1], case.target)
    unchanged = frozen(*outputs, dy)

    another_batch = np.random.default_rng(seed).normal(size=(batch, network.n_in)).astype(case.x.dtype)
    for x in [case.x + 1, another_batch]:
        later = network.forward(x)
        network.backward(later, loss.grad(later[-1], later[-1] / 2))
    assert np.array_equal(loss.value(outputs[-1], case.target), value)
    assert np.array_equal(network.backward(outputs, dy), alone)
    assert unchanged()


@every_optimizer
@given(case=cases())
def test_no_argument_is_modified(optimizer, case):
    network, loss, x, target = case.network, case.loss, case.x, case.target
    classes = case.classes()
    unchanged = [frozen(x, target, classes)]
    outputs = network.forward(x)
    dy = loss.grad(outputs[-1], target)
    params, grads = network.params.copy(), network.backward(outputs, dy).copy()
    given_list = list(outputs)
    unchanged.append(frozen(*outputs, dy, grads, params))

    network.backward(outputs, dy)
    assert len(outputs) == len(given_list)
    assert all(array is given for array, given in zip(outputs, given_list, strict=True))
    loss.value(outputs[-1], target)
    loss.grad(outputs[-1], target)
    accuracy(outputs[-1], classes)
    for activation in FUNCTIONS:
        activation(outputs[-1])
    for layer, before, after in zip(network.layers, outputs, outputs[1:], strict=False):
        layer.forward(before)
        unchanged.append(frozen(ones := np.ones_like(after)))
        layer.backward(before, after, ones)
        layer.parameter_gradients(before, ones)
    numerical_gradient(lambda p: (p**2).sum(axis=-1), params, step=0.1)
    if params.dtype == np.float64:
        check_gradients(network, loss, x, target, tolerance=1.0)
    assert np.array_equal(network.params, params)

    moving = optimizer()
    for _ in range(3):
        moving.step(network.params, grads)
    fit(network, x, target, loss, optimizer(), 3)
    fit(network, x, target, loss, optimizer(), 3, batch_size=1, rng=np.random.default_rng(0))
    assert all(same() for same in unchanged)


@given(cases())
def test_a_batch_is_the_sum_or_the_mean_of_its_examples(case):
    output, value, grads = rounding(case)
    batch = case.target.shape[-2]
    share = 1 if isinstance(case.loss, SumSquaredError) else 1 / batch
    whole = case.network(case.x)
    rows = [(case.x[..., i : i + 1, :], case.target[..., i : i + 1, :]) for i in range(batch)]
    values, gradients = zip(*[case.gradients(*row) for row in rows], strict=True)
    assert close(np.concatenate([case.network(x) for x, _ in rows], axis=-2), whole, output)
    assert close(share * np.sum(values, axis=0), case.gradients()[0], value)
    assert close(share * np.sum(gradients, axis=0), case.gradients()[1], grads)
    right = [accuracy(whole[..., [i], :], case.classes()[..., [i], :]) for i in range(batch)]
    assert np.isin(right, [0, 1]).all()
    assert close(np.mean(right, axis=0), accuracy(whole, case.classes()), 1e-15)


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_examples_does_not_matter(case, random):
    order = list(range(case.target.shape[-2]))
    random.shuffle(order)
    output, value, grads = rounding(case)
    whole, x, target = case.network(case.x), case.x[..., order, :], case.target[..., order, :]
    assert close(case.network(x), whole[..., order, :], output)
    assert close(case.gradients(x, target)[0], case.gradients()[0], value)
    assert close(case.gradients(x, target)[1], case.gradients()[1], grads)
    moved_classes = case.classes()[..., order, :]
    assert np.array_equal(accuracy(whole[..., order, :], moved_classes), accuracy(whole, case.classes()))


@given(cases())
def test_accuracy_is_the_share_of_right_examples(case):
    prediction = case.network(case.x)
    classes = np.broadcast_to(case.classes(), prediction.shape)
    if prediction.shape[-1] == 1:
        right = ((prediction - 0.5) * (classes - 0.5) > 0)[..., 0]
    else:
        of_class = prediction[classes == 1].reshape(*prediction.shape[:-1], 1)
        right = (prediction >= of_class).sum(axis=-1) == 1
    assert np.array_equal(accuracy(prediction, case.classes()), right.mean(axis=-1))


@given(cases(), seeds, st.data())
def test_batches_hold_each_example_once_with_its_target(case, seed, data):
    n = case.target.shape[-2]
    batch_size = data.draw(st.integers(1, n))
    x, target = case.x.copy(), case.target.copy()
    x[..., 0], target[..., 0] = np.arange(n), np.arange(n)
    drawn = list(batches(x, target, batch_size, np.random.default_rng(seed)))
    order = np.concatenate([rows[..., 0].reshape(-1, rows.shape[-2])[0] for rows, _ in drawn]).astype(int)
    assert sorted(order) == list(range(n))
    assert [rows.shape[-2] for rows, _ in drawn[:-1]] == [batch_size] * (len(drawn) - 1)
    for whole, parts in zip((x, target), zip(*drawn, strict=True), strict=True):
        assert np.array_equal(np.concatenate(parts, axis=-2), whole[..., order, :])
        assert {part.dtype for part in parts} == {whole.dtype}


@every_optimizer
@given(case=cases(stacks=(1, 3), layouts=("rows",)))
def test_a_member_of_a_stack_is_exactly_the_lone_network(optimizer, case):
    stack, loss, together = case.network, case.loss, optimizer()
    members = [stack.member(i) for i in range(len(stack.params))]
    apart = [optimizer() for _ in members]
    for _ in range(4):
        outputs = stack.forward(case.x)
        value = loss.value(outputs[-1], case.target)
        right = accuracy(outputs[-1], case.classes())
        together.step(stack.params, stack.backward(outputs, loss.grad(outputs[-1], case.target)))
        for i, (member, lone) in enumerate(zip(members, apart, strict=True)):
            examples = (case.x, case.target, case.classes())
            x, target, classes = (array[i] if array.ndim == 3 else array for array in examples)
            own = member.forward(x)
            assert all(np.array_equal(a, b[i]) for a, b in zip(own[1:], outputs[1:], strict=True))
            assert loss.value(own[-1], target) == value[i]
            assert accuracy(own[-1], classes) == right[i]
            lone.step(member.params, member.backward(own, loss.grad(own[-1], target)))
            assert np.array_equal(member.grads, stack.grads[i])
            assert np.array_equal(member.params, stack.params[i])


@given(cases(dtypes=(np.float64,)))
def test_backward_is_the_derivative_of_the_formulas(case):
    # The complex step: for analytic f, Im f(p + ih) / h is f'(p) without subtraction, exact to rounding for tiny h.
    network, params, h = case.network, case.network.params, 1e-150
    expected = np.empty_like(params)
    for j in range(params.shape[-1]):
        moved = params.astype(complex)
        moved[..., j] += 1j * h
        _, y = pre_activations(network, moved, case.x)
        expected[..., j] = FORMULA[type(case.loss)](y, case.target).imag / h
    output, value, grads = rounding(case)
    _, y = pre_activations(network, params, case.x)
    assert close(network(case.x), y, output)
    assert close(case.gradients()[0], FORMULA[type(case.loss)](y, case.target), value)
    assert close(case.gradients()[1], expected, grads)


@given(cases(dtypes=(np.float32,)))
def test_float32_follows_float64(case):
    single = case.network
    assume(away_from_kinks(single, case.x))
    layers = [Linear(layer.n_in, layer.n_out) if isinstance(layer, Linear) else layer for layer in single.layers]
    n_networks = len(single.params) if single.params.ndim == 2 else None
    double = Network(*layers, rng=np.random.default_rng(0), n_networks=n_networks)
    double.params = single.params
    exact = Case(double, case.loss, case.x.astype(np.float64), case.target.astype(np.float64))
    output, value, grads = rounding(case)
    outputs = single.forward(case.x)
    dy = case.loss.grad(outputs[-1], case.target)
    assert {array.dtype for array in [*outputs, dy, *case.gradients()[1:]]} == {np.dtype(np.float32)}
    assert close(outputs[-1], double(exact.x), output)
    assert close(case.gradients()[0], exact.gradients()[0], value)
    assert close(case.gradients()[1], exact.gradients()[1], grads)


# --- Losses


@every_loss
@given(st.data())
def test_the_gradient_of_a_loss_is_the_derivative_of_its_value(loss, data):
    shape = data.draw(st.integers(1, 5)), data.draw(st.integers(1 + (loss is SoftmaxCrossEntropy), 4))
    stack = data.draw(st.sampled_from([(), (3,)]))
    own = data.draw(st.sampled_from([(), stack]))
    rng = np.random.default_rng(data.draw(seeds))
    prediction, target = rng.normal(size=(*stack, *shape)), shares(rng, (*own, *shape))
    # Both errors of a central difference are at most about step**2: its own, with third derivatives below 1, and
    # the rounding of two values, eps / step, times the roundings in a value and the size of what is summed there.
    step = np.finfo(float).eps ** (1 / 3)
    summed = np.abs(FORMULA[loss](1 + np.abs(prediction), -1 - np.abs(target))).sum()
    numerical = differences(lambda moved: np.sum(loss().value(moved, target)), prediction, step)
    assert close(loss().grad(prediction, target), numerical, step**2 * (prediction.size + 6) / 2 * summed)


@every_dtype
@every_loss
@given(st.data())
def test_losses_of_huge_predictions_are_finite_and_silent(loss, dtype, data):
    shape = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 4))
    largest, size = float(np.finfo(dtype).max), shape[0] * shape[1]
    squared = loss in (MeanSquaredError, SumSquaredError)
    # A value sums `size` terms: squares of up to twice the limit, or for logits up to twice the limit itself.
    # A gradient is at most four times a difference of two; of logits, its size does not depend on theirs.
    for function, limit in [
        (loss().value, 0.99 * (largest / (4 * size)) ** 0.5 if squared else largest / (2 * size)),
        (loss().grad, largest / 4 if squared else largest),
    ]:
        prediction = data.draw(hnp.arrays(dtype, shape, elements=up_to(limit, dtype)))
        target = data.draw(hnp.arrays(dtype, shape, elements=up_to(limit, dtype) if squared else up_to_one(dtype)))
        if loss is SoftmaxCrossEntropy:  # a share for one class, and the rest for another
            classes = data.draw(hnp.arrays(int, (2, shape[0]), elements=st.integers(0, shape[1] - 1)))
            first, rest = np.eye(shape[1], dtype=dtype)[classes]
            target = target[:, :1] * first + (1 - target[:, :1]) * rest
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            assert np.isfinite(function(prediction, target)).all()


# --- Activation functions


def up_to(limit, dtype):
    limit = float(dtype(limit))
    return st.floats(-limit, limit, width=np.finfo(dtype).bits) | st.sampled_from([-limit, limit])


def up_to_one(dtype):
    return st.floats(0, 1, width=np.finfo(dtype).bits)


def arrays(dtype, limit):
    """Draw arrays of 1 to 3 axes with finite elements of any size up to ``limit``."""
    return hnp.arrays(dtype, hnp.array_shapes(max_dims=3, max_side=4), elements=up_to(limit, dtype))


@every_dtype
@given(st.data())
def test_activations_of_any_finite_number_are_finite_silent_and_in_bounds(dtype, data):
    z = data.draw(arrays(dtype, np.finfo(dtype).max))
    unchanged = frozen(z)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        y = {f: f(z) for f in FUNCTIONS}
    assert all(np.isfinite(value).all() and value.dtype == dtype and value.shape == z.shape for value in y.values())
    assert unchanged()
    for f, low, high in [(step, 0, 1), (sigmoid, 0, 1), (tanh, -1, 1), (softmax, 0, 1), (log_softmax, -np.inf, 0)]:
        assert (low <= y[f]).all()
        assert (y[f] <= high).all()
    assert np.array_equal(y[relu], np.where(z > 0, z, 0))
    assert np.array_equal(y[step], z > 0)


@every_dtype
@given(st.data())
def test_sigmoid_and_tanh_have_their_symmetries(dtype, data):
    z = data.draw(arrays(dtype, 1000))
    eps = np.finfo(dtype).eps
    assert close(sigmoid(-z), 1 - sigmoid(z), 2 * eps)
    assert np.array_equal(tanh(-z), -tanh(z))
    assert close(tanh(z / 2), 2 * sigmoid(z) - 1, 4 * eps)


@every_dtype
@given(st.data())
def test_softmax_gives_shares_that_no_common_shift_changes(dtype, data):
    z = data.draw(arrays(dtype, 80))
    n, eps = z.shape[-1], np.finfo(dtype).eps
    assert close(softmax(z).sum(axis=-1), np.ones(z.shape[:-1]), n * eps)
    # The rounding of z - max is what the exponential magnifies.
    magnified = (n + 4 + np.abs(log_softmax(z))) * eps
    logarithms = np.log(softmax(z), out=log_softmax(z), where=softmax(z) > np.finfo(dtype).tiny)
    assert close(log_softmax(z), logarithms, magnified)
    # With numbers of few binary places, adding the shift is exact.
    grid, shift = np.round(z * 8) / 8, dtype(data.draw(st.integers(-1000, 1000)))
    assert np.array_equal(softmax(grid + shift), softmax(grid))
    assert np.array_equal(log_softmax(grid + shift), log_softmax(grid))


# --- Optimizers


def drawn_gradients(seed, dtype, steps=4, reach=3):
    """Return ``(steps, 6)`` gradients of very different sizes, from 10**-reach to 10**reach."""
    rng = np.random.default_rng(seed)
    return (rng.choice([-1, 1], (steps, 6)) * 10 ** rng.uniform(-reach, reach, (steps, 6))).astype(dtype)


def moved(optimizer, gradients):
    """Return where parameters that begin at 0 are after one step for each gradient."""
    params = np.zeros_like(gradients[0])
    for grads in gradients:
        optimizer.step(params, grads)
    return params


@every_dtype
@given(seed=seeds, lr=st.floats(1e-3, 10), momentum=st.sampled_from([0, 0.5, 0.9]), steps=st.integers(1, 6))
def test_sgd_moves_by_a_weighted_sum_of_the_gradients(dtype, seed, lr, momentum, steps):
    gradients = drawn_gradients(seed, dtype, steps)
    # The gradient of a step counts once then, and momentum times as much in each later step.
    weights = np.array([[lr * sum(momentum**k for k in range(steps - i))] for i in range(steps)])
    bound = (4 * steps + 3) * np.finfo(dtype).eps / 2 * (weights * np.abs(gradients)).sum(axis=0)
    assert close(moved(SGD(lr, momentum), gradients), -(weights * gradients).sum(axis=0), bound)


@every_dtype
@given(seed=seeds, lr=st.floats(1e-3, 10), eps=st.sampled_from([1e-8, 1e-3]))
def test_the_first_step_of_adam_is_as_long_as_its_learning_rate(dtype, seed, lr, eps):
    grads = drawn_gradients(seed, dtype, steps=1, reach=100 if dtype is np.float64 else 15)
    grads[0, 0] = 0
    exact = grads[0].astype(np.float64)
    expected = -lr * exact / (np.abs(exact) + eps)
    assert close(moved(Adam(lr, eps=eps), grads), expected, 8 * np.finfo(dtype).eps * np.abs(expected))


@every_dtype
@given(seed=seeds, exponent=st.integers(-20, 20))
def test_adam_does_not_ask_for_the_unit_of_the_gradient(dtype, seed, exponent):
    # A power of two changes no digit, and beside these gradients an eps of 1e-30 is nothing.
    gradients = drawn_gradients(seed, dtype)
    scaled = gradients * dtype(2.0) ** exponent
    assert np.array_equal(moved(Adam(0.1, eps=1e-30), gradients), moved(Adam(0.1, eps=1e-30), scaled))


@every_dtype
@every_optimizer
@given(seed=seeds, zero_steps=st.integers(1, 3))
def test_gradients_of_zero_move_nothing(optimizer, dtype, seed, zero_steps):
    gradients = drawn_gradients(seed, dtype)
    gradients[:, ::2] = 0
    zeros = np.zeros((zero_steps, 6), dtype)
    assert not moved(optimizer(), zeros).any()
    after = moved(optimizer(), np.concatenate([zeros, gradients, zeros]))
    assert np.isfinite(after).all()
    assert (after != 0).tolist() == [False, True] * 3
