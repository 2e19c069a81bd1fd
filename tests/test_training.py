"""Training and what belongs to it: fit, SGD, accuracy, the interval, the initializers and the data."""

import dataclasses
import pickle
import sys

import numpy as np
import pytest
from networks import N_NETWORKS, build
from scipy import stats

from nnlib import (
    SGD,
    Adam,
    BinaryCrossEntropy,
    Linear,
    MeanSquaredError,
    Network,
    Sigmoid,
    SoftmaxCrossEntropy,
    SumSquaredError,
    accuracy,
    batches,
    fit,
    glorot_uniform,
    he_uniform,
    normal,
    torch_uniform,
    wilson_interval,
    xor,
    zeros,
)

X, TARGET = xor()
MSE = MeanSquaredError()


def xor_network(n_networks=None, seed=0, dtype=np.float64) -> Network:
    return build((2, 3, 1), Sigmoid, np.random.default_rng(seed), Sigmoid, n_networks, dtype)


@pytest.mark.parametrize(
    ("record_every", "recorded"),
    [
        (1, list(range(21))),
        (7, [0, 7, 14, 20]),
        (10, [0, 10, 20]),
        (20, [0, 20]),
        (99, [0, 20]),
    ],
)
@pytest.mark.parametrize("n_networks", [None, N_NETWORKS])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_history(dtype, n_networks, record_every, recorded):
    x, target = X.astype(dtype), TARGET.astype(dtype)
    network = xor_network(n_networks, dtype=dtype)
    step_by_step = xor_network(n_networks, dtype=dtype)
    losses = [MSE.value(step_by_step(x), target)]
    for _ in range(20):
        fit(step_by_step, x, target, MSE, SGD(1.0), 1)
        losses.append(MSE.value(step_by_step(x), target))

    history = fit(network, x, target, MSE, SGD(1.0), 20, record_every=record_every)
    assert history.epochs.tolist() == recorded
    assert np.array_equal(history.loss, np.array(losses)[recorded])
    assert history.loss.shape == (len(recorded),) + (() if n_networks is None else (n_networks,))
    assert history.loss.dtype == np.float64
    assert (history.loss[-1] < history.loss[0]).all()
    assert np.array_equal(network.params, step_by_step.params)


def test_one_epoch_is_one_step_downhill():
    network, other = xor_network(), xor_network()
    fit(network, X, TARGET, MSE, SGD(0.5), 1)
    outputs = other.forward(X)
    grads = other.backward(outputs, MSE.grad(outputs[-1], TARGET))
    assert np.array_equal(network.params, other.params - 0.5 * grads)
    assert MSE.value(network(X), TARGET) < MSE.value(other(X), TARGET)


def test_training_in_two_parts_is_training_in_one():
    whole, in_parts = xor_network(), xor_network()
    fit(whole, X, TARGET, MSE, SGD(1.0), 500)
    fit(in_parts, X, TARGET, MSE, SGD(1.0), 200)
    fit(in_parts, X, TARGET, MSE, SGD(1.0), 300)
    assert np.array_equal(whole.params, in_parts.params)


def test_only_the_network_changes():
    network, optimizer = xor_network(), SGD(1.0)
    x, target = X.copy(), TARGET.copy()
    x.flags.writeable = target.flags.writeable = False
    params, start = network.params, network.params.copy()
    fit(network, x, target, MSE, optimizer, np.uint8(255))
    assert network.params is params
    assert not np.array_equal(params, start)
    assert vars(optimizer) == vars(SGD(1.0))


def test_any_whole_number_type_counts_epochs():
    history = fit(xor_network(), X, TARGET, MSE, SGD(1.0), np.uint8(255), record_every=np.int8(127))
    assert history.epochs.tolist() == [0, 127, 254, 255]


def test_the_last_of_many_epochs_is_recorded():
    assert fit(xor_network(), X, TARGET, MSE, SGD(1.0), 300, record_every=299).epochs.tolist() == [0, 299, 300]


@pytest.mark.parametrize("n_networks", [None, N_NETWORKS])
def test_divergence_is_told_and_undone(n_networks):
    network = build((2, 3, 1), Sigmoid, np.random.default_rng(0), None, n_networks)
    params, before = network.params, network.params.copy()
    who = "the loss" if n_networks is None else f"the loss of [1-{N_NETWORKS}] of {N_NETWORKS} networks"
    with pytest.raises(ValueError, match=rf"^{who} became (inf|nan) at epoch \d+: try a smaller learning rate"):
        fit(network, X, TARGET, SumSquaredError(), SGD(100.0), 1000)
    assert network.params is params
    assert np.array_equal(params, before)


# One weight and one bias, x = target = 1: the error w + b - 1 is multiplied by 1 - 2 lr in every epoch, here by -20.
# Its square is beyond float64 from epoch 119 on: 20**118 = 3e153, 20**119 = 7e154.
@pytest.mark.parametrize(("record_every", "epoch"), [(1, 119), (50, 150), (1000, 200)])
def test_divergence_names_the_recorded_epoch_and_counts_the_networks(record_every, epoch):
    one = np.ones((1, 1))
    network = build((1, 1), Sigmoid, np.random.default_rng(0), n_networks=3)
    network.params = [[2, 0], [0.75, 0.25], [0, 0]]
    before = network.params.copy()
    with pytest.raises(ValueError, match=rf"the loss of 2 of 3 networks became inf at epoch {epoch}: try a smaller"):
        fit(network, one, one, SumSquaredError(), SGD(10.5), 200, record_every=record_every)
    assert np.array_equal(network.params, before)
    assert fit(network, one, one, SumSquaredError(), SGD(10.5), 118).loss[-1, 1] == 0
    assert fit(network.member(1), one, one, SumSquaredError(), SGD(10.5), 200).loss[-1] == 0


@pytest.mark.parametrize("start", [np.nan, np.inf, 1e200])
def test_a_start_that_is_useless_is_not_blamed_on_the_learning_rate(start):
    network = build((2, 3, 1), Sigmoid, np.random.default_rng(0))
    network.params[:] = start
    with pytest.raises(ValueError, match=r"the loss is (inf|nan) at epoch 0.*params") as caught:
        fit(network, X, TARGET, MSE, SGD(0.1), 10)
    assert "learning rate" not in str(caught.value)


@pytest.mark.parametrize("epoch", [0, 1])
def test_the_first_broken_loss_is_named(epoch):
    class Broken(MeanSquaredError):
        values = [[1.0, 1.0, 1.0]] * epoch + [[1.0, np.inf, np.nan]]

        def value(self, prediction, target):  # noqa: ARG002
            return np.array(self.values.pop(0))

    with pytest.raises(ValueError, match=rf"the loss of 2 of 3 networks (is|became) inf at epoch {epoch}"):
        fit(xor_network(3), X, TARGET, Broken(), SGD(0.1), 5)


def test_a_history_is_not_assigned_to_and_equals_only_itself():
    history, other = (fit(xor_network(), X, TARGET, MSE, SGD(0.5), 2) for _ in range(2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        history.loss = other.loss
    assert history == history
    assert history != other


def test_batches_hold_every_example_once_and_keep_it_with_its_target():
    x = np.arange(10.0).reshape(5, 2)
    target = x[:, :1] * 100
    drawn = list(batches(x, target, 2, np.random.default_rng(0)))
    assert [len(x_batch) for x_batch, _ in drawn] == [2, 2, 1]
    assert sorted(np.concatenate([x_batch for x_batch, _ in drawn]).tolist()) == x.tolist()
    assert all(np.array_equal(target_batch, x_batch[:, :1] * 100) for x_batch, target_batch in drawn)


def test_batches_shuffle_examples_and_not_only_the_batches():
    x = np.arange(6.0)[:, None]
    rng = np.random.default_rng(0)
    pairs = {frozenset(x_batch.ravel().tolist()) for _ in range(60) for x_batch, _ in batches(x, x, 2, rng)}
    assert len(pairs) == 15  # every two of six examples meet


def test_batches_draw_anew_from_their_generator_alone():
    x = np.arange(20.0)[:, None]

    def order(rng):
        return np.concatenate([x_batch for x_batch, _ in batches(x, x, 7, rng)]).ravel().tolist()

    rng = np.random.default_rng(0)
    first, second = order(rng), order(rng)
    assert first != second
    assert order(np.random.default_rng(0)) == first


def test_a_batch_may_hold_all_of_many_examples():
    x = np.arange(300.0)[:, None]
    ((x_batch, _),) = batches(x, x, 300, np.random.default_rng(0))
    assert sorted(x_batch.ravel()) == x.ravel().tolist()


def test_batches_of_a_stack_keep_networks_apart():
    own = np.arange(30.0).reshape(3, 5, 2)
    shared = np.arange(5.0)[:, None]
    for x_batch, target_batch in batches(own, shared, 2, np.random.default_rng(0)):
        rows = target_batch[:, 0].astype(int)
        assert np.array_equal(x_batch, own[:, rows])
    for x_batch, target_batch in batches(shared, own, 2, np.random.default_rng(0)):
        assert np.array_equal(target_batch, own[:, x_batch[:, 0].astype(int)])
    drawn = list(batches(own, own[..., :1], 2, np.random.default_rng(0)))
    assert [x_batch.shape for x_batch, _ in drawn] == [(3, 2, 2), (3, 2, 2), (3, 1, 2)]
    assert all(np.array_equal(target_batch, x_batch[..., :1]) for x_batch, target_batch in drawn)


def test_batches_leave_the_data_as_they_are():
    x, target = X.copy(), TARGET.copy()
    for x_batch, target_batch in batches(x, target, 4, np.random.default_rng(0)):
        x_batch[...] = target_batch[...] = 7
    assert np.array_equal(x, X)
    assert np.array_equal(target, TARGET)


@pytest.mark.parametrize("n_networks", [None, N_NETWORKS])
def test_fit_takes_a_step_on_each_batch(n_networks):
    network, by_hand = xor_network(n_networks), xor_network(n_networks)
    history = fit(network, X, TARGET, MSE, SGD(0.5, 0.9), 5, batch_size=3, rng=np.random.default_rng(1), record_every=2)
    optimizer, rng, losses = SGD(0.5, 0.9), np.random.default_rng(1), [MSE.value(by_hand(X), TARGET)]
    for _ in range(5):
        for x, target in batches(X, TARGET, 3, rng):
            outputs = by_hand.forward(x)
            optimizer.step(by_hand.params, by_hand.backward(outputs, MSE.grad(outputs[-1], target)))
        losses.append(MSE.value(by_hand(X), TARGET))
    assert np.array_equal(network.params, by_hand.params)
    assert history.epochs.tolist() == [0, 2, 4, 5]
    assert np.array_equal(history.loss, np.array(losses)[[0, 2, 4, 5]])


def test_an_error_on_the_way_is_undone():
    class Fails(SGD):
        calls = 0

        def step(self, params, grads):
            self.calls += 1
            if self.calls == 3:
                raise RuntimeError("out of paper")
            super().step(params, grads)

    network = xor_network()
    before = network.params.copy()
    with pytest.raises(RuntimeError, match="out of paper"):
        fit(network, X, TARGET, MSE, Fails(0.1), 10)
    assert np.array_equal(network.params, before)


def test_progress_is_shown_on_request_and_changes_nothing(capsys):
    silent, shown = xor_network(), xor_network()
    quiet = fit(silent, X, TARGET, MSE, SGD(0.5), 30)
    assert capsys.readouterr() == ("", "")
    loud = fit(shown, X, TARGET, MSE, SGD(0.5), 30, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "30/30" in err
    assert np.array_equal(silent.params, shown.params)
    assert np.array_equal(quiet.loss, loud.loss)


def test_progress_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    network = xor_network()
    fit(network, X, TARGET, MSE, SGD(0.5), 1)
    before = network.params.copy()
    with pytest.raises(ImportError, match="progress=True needs tqdm: python -m pip install tqdm"):
        fit(network, X, TARGET, MSE, SGD(0.5), 1, progress=True)
    assert np.array_equal(network.params, before)


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, 0.75), (0.5, 0.25), (-0.5, 1), (np.int8(2), 0.25)])
def test_accuracy_of_logits_needs_their_threshold(threshold, expected):
    logits = np.array([[0.2], [-1.0], [-0.1], [0.4]])
    assert accuracy(logits, np.array([[1.0], [0.0], [1.0], [1.0]]), threshold) == expected


def test_accuracy_of_classes_in_a_stack():
    prediction = np.array([[[3.0, 1, 2], [0, 0, 1]], [[1, 2, 0], [0, 1, 0]], [[1, 1, 1], [9, 1, 1]]])
    target = np.array([[1.0, 0, 0], [0, 0, 1]])
    assert accuracy(prediction, target).tolist() == [1, 0, 0]
    own = np.stack([target, target[::-1], np.array([[0.0, 1, 0], [1, 0, 0]])])
    assert accuracy(prediction, own).tolist() == [1, 0, 0.5]


def test_sgd_steps_against_the_gradient_in_place():
    params, grads = np.array([1.0, -2.0, 3.0]), np.array([10.0, 0.0, -4.0])
    same = params
    assert SGD(0.25).step(params, grads) is None
    assert same.tolist() == [-1.5, -2, 4]
    assert grads.tolist() == [10, 0, -4]
    params = np.ones(2, np.float32)
    SGD(0.5).step(params, np.ones(2, np.float32))
    assert (params.dtype, params.tolist()) == (np.float32, [0.5, 0.5])


def test_momentum_adds_a_share_of_the_last_step():
    params, optimizer, seen = np.array([10.0]), SGD(0.5, momentum=0.25), []
    for grad in [4.0, 3.0, -2.0]:
        optimizer.step(params, np.array([grad]))
        seen.append(params[0])
    assert seen == [8, 6, 6.5]  # with the velocities 4, 3 + 4 / 4 = 4 and -2 + 4 / 4 = -1


def test_adam_is_algorithm_1_of_kingma_and_ba():
    lr, beta1, beta2, eps = 0.1, 0.3, 0.4, 0.05
    gradients = np.random.default_rng(0).normal(size=(6, 3))
    params, optimizer = np.array([1.0, -2.0, 3.0]), Adam(lr, beta1, beta2, eps)
    expected, m, v = params.copy(), 0, 0
    for t, grads in enumerate(gradients, 1):
        optimizer.step(params, grads)
        m = beta1 * m + (1 - beta1) * grads
        v = beta2 * v + (1 - beta2) * grads**2
        expected -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        np.testing.assert_allclose(params, expected, rtol=1e-13)


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.1)], ids=["momentum", "Adam"])
def test_a_network_and_its_optimizer_can_be_stored_apart(optimizer):
    network = xor_network()
    fit(network, X, TARGET, MSE, optimizer, 3)
    stored, stored_optimizer = pickle.loads(pickle.dumps(network)), pickle.loads(pickle.dumps(optimizer))
    fit(network, X, TARGET, MSE, optimizer, 3)
    fit(stored, X, TARGET, MSE, stored_optimizer, 3)
    assert np.array_equal(stored.params, network.params)


def test_adam_begins_with_the_settings_of_the_paper():
    assert vars(Adam()) == vars(Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8))


@pytest.mark.parametrize("lr", [0.5, 1, np.float32(0.5), np.int64(2)])
def test_any_number_is_a_learning_rate(lr):
    assert SGD(lr).lr == lr
    assert type(SGD(lr).lr) is float


@pytest.mark.parametrize(
    ("prediction", "target", "expected"),
    [
        ([[0.2], [0.9]], [[0.0], [1.0]], 1),
        ([[0.2], [0.9]], [[1.0], [0.0]], 0),
        ([[0.2], [0.9], [0.4], [0.6]], [[0.0], [1.0], [1.0], [1.0]], 0.75),
        ([[0.5], [0.5]], [[0.0], [1.0]], 0),
        ([[0.5 - 1e-16], [0.5 + 1e-15]], [[0.0], [1.0]], 1),
        ([[np.nan], [0.9]], [[0.0], [1.0]], 0.5),
        ([[-3.0], [7.0]], [[0.0], [1.0]], 1),
        ([[0.4], [0.3]], [[0.5], [0.5]], 1),
        ([[-1e300], [1e300]], [[-1e300], [1e300]], 1),
        # With several outputs, the class's own must be the largest, and alone in that.
        ([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], 1 / 3),
        ([[-7.0, -9.0, -8.0], [-7.0, -9.0, -8.0]], [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 0.5),
        ([[0.3, 0.3, 0.1], [0.2, 0.3, 0.3]], [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], 0),
        ([[np.nan, 0.3], [0.4, np.nan], [np.inf, 1.0]], [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], 1 / 3),
    ],
)
def test_accuracy(prediction, target, expected):
    result = accuracy(np.array(prediction), np.array(target))
    assert type(result) is float
    assert result == pytest.approx(expected, abs=1e-15)


def test_accuracy_of_a_stack():
    prediction = np.array([[[0.1], [0.9]], [[0.1], [0.1]], [[0.9], [0.1]]])
    shared = np.array([[0.0], [1.0]])
    assert accuracy(prediction, shared).tolist() == [1, 0.5, 0]
    assert accuracy(prediction, np.stack([shared, 1 - shared, 1 - shared])).tolist() == [1, 0.5, 1]


def test_wilson_interval_of_known_counts():
    assert wilson_interval(723, 1000) == pytest.approx((0.694450, 0.749844), abs=1e-6)
    assert wilson_interval(np.int64(5), np.int64(10)) == pytest.approx((0.236593, 0.763407), abs=1e-6)


def test_wilson_interval_against_scipy():
    for n in [1, 2, 7, 16, 27, 100, 1000]:
        for k in {0, 1, n // 3, n // 2, n - 1, n}:
            expected = stats.binomtest(k, n).proportion_ci(method="wilson")
            assert wilson_interval(k, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_interval_stays_between_0_and_1():
    for n in range(1, 200):
        for k in [0, n]:
            low, high = wilson_interval(k, n)
            assert 0 <= low < high <= 1


RANDOM = [normal, glorot_uniform, he_uniform, torch_uniform]
BOUNDS = {
    glorot_uniform: lambda n_in, n_out: np.sqrt(6 / (n_in + n_out)),
    he_uniform: lambda n_in, _: np.sqrt(6 / n_in),
    torch_uniform: lambda n_in, _: 1 / np.sqrt(n_in),
}
by_name = pytest.mark.parametrize("init", [zeros, *RANDOM], ids=lambda init: init.__name__)


@by_name
@pytest.mark.parametrize("stack", [(), (1,), (7,)], ids=str)
def test_initializer_shapes(init, stack):
    W, b = init(np.random.default_rng(0), 2, 3, stack)
    assert W.shape == (*stack, 2, 3)
    assert b.shape == (*stack, 1, 3)
    assert init(np.random.default_rng(0), 2, 3)[0].shape == (2, 3)


@by_name
def test_initializers_draw_from_the_generator_alone(init):
    rng = np.random.default_rng(0)
    first, second, again = init(rng, 2, 3), init(rng, 2, 3), init(np.random.default_rng(0), 2, 3)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert np.array_equal(first[0], second[0]) == (init is zeros)
    assert first[1].any() == (init is torch_uniform)


@pytest.mark.parametrize(("n_in", "n_out"), [(2, 3), (30, 5)])
@pytest.mark.parametrize("init", BOUNDS, ids=lambda init: init.__name__)
def test_uniform_initializers_fill_their_bounds(init, n_in, n_out):
    bound = BOUNDS[init](n_in, n_out)
    W, b = init(np.random.default_rng(0), n_in, n_out, (20_000,))
    for drawn in [W, b] if init is torch_uniform else [W]:
        assert 0.999 * bound < drawn.max() <= bound
        assert 0.999 * bound < -drawn.min() <= bound
        assert drawn.mean() == pytest.approx(0, abs=0.01 * bound)
        assert drawn.var() == pytest.approx(bound**2 / 3, rel=0.02)


def test_normal_is_standard_normal():
    W, _ = normal(np.random.default_rng(0), 20, 30, (100,))
    assert W.mean() == pytest.approx(0, abs=0.02)
    assert W.var() == pytest.approx(1, rel=0.02)
    assert (W**4).mean() == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("stack", [(), (N_NETWORKS,)], ids=str)
def test_a_network_draws_its_layers_in_order_from_its_generator(stack):
    layers = [Linear(2, 3, normal), Sigmoid(), Linear(3, 2), Linear(2, 1, torch_uniform)]
    network = Network(*layers, rng=np.random.default_rng(7), n_networks=stack[0] if stack else None)
    rng = np.random.default_rng(7)
    draws = [normal(rng, 2, 3, stack), glorot_uniform(rng, 3, 2, stack), torch_uniform(rng, 2, 1, stack)]
    for layer, (W, b) in zip([layers[0], *layers[2:]], draws, strict=True):
        assert np.array_equal(layer.W, W)
        assert np.array_equal(layer.b, b)
    assert not network.grads.any()


def test_zeros_draw_nothing():
    rng = np.random.default_rng(0)
    assert not zeros(rng, 2, 3)[0].any()
    assert rng.random() == np.random.default_rng(0).random()


def test_xor():
    x, target = xor()
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert target.tolist() == [[0], [1], [1], [0]]
    assert x.dtype == target.dtype == np.float64
    assert xor(np.float32)[0].dtype == xor(np.float32)[1].dtype == np.float32
    x += 1
    assert xor()[0].min() == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), SoftmaxCrossEntropy()])
def test_cross_entropies_of_huge_logits_are_finite_and_silent(loss, dtype):
    huge = 1e300 if dtype is np.float64 else 1e37
    logits = np.array([[huge, -huge], [-huge, huge], [0.0, 0.0]], dtype)
    target = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]], dtype)
    assert np.isfinite(loss.value(logits, target))
    grad = loss.grad(logits, target)
    assert grad.dtype == dtype
    assert np.isfinite(grad).all()
    assert grad[0].tolist() == [0, 0]
    assert grad[2].tolist() == [0, 0]
    assert grad[1, 0] < 0 < grad[1, 1]
