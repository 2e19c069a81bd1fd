"""Chapter 7, descent: its gradient three ways, its measurements made again, its check against wrong answers."""

import re

import numpy as np
import pytest
import torch
from hand_numbers import wilson
from structure import agrees
from studies import by_chance, cells

import nnlib

CELLS = cells("07-descent")


@pytest.fixture(scope="module")
def names():
    """Return what the chapter's code defines, its figures left out."""
    names = {"np": np, "nnlib": nnlib}
    for cell in "neuron", "learn-or", "mountain", "curvatures", "sum-mean", "rates":
        exec(CELLS[cell], names)
    return names


def printed_gradient(x, t, w, b):
    """Return eq-descent-neuron as it is printed: gradients with respect to W and b."""
    y = 1 / (1 + np.exp(-(x @ w + b)))
    delta = 2 / len(x) * (y - t) * y * (1 - y)
    return x.T @ delta, np.ones((1, len(x))) @ delta


def test_the_gradient_of_a_neuron_is_that_of_central_differences_and_torch(names):
    rng = np.random.default_rng(7)
    x, t = rng.standard_normal((5, 2)), rng.uniform(size=(5, 1))
    w, b = rng.standard_normal((2, 1)), rng.standard_normal((1, 1))

    def loss(params):
        return np.mean((1 / (1 + np.exp(-(x @ params[:2, None] + params[2]))) - t) ** 2)

    params, step = np.concatenate([w.ravel(), b.ravel()]), 1e-5
    differences = [(loss(params + e) - loss(params - e)) / (2 * step) for e in step * np.eye(3)]
    weights, bias = (torch.tensor(p, requires_grad=True) for p in (w, b))
    y = torch.sigmoid(torch.from_numpy(x) @ weights + bias)
    torch.nn.functional.mse_loss(y, torch.from_numpy(t)).backward()

    printed = np.vstack(printed_gradient(x, t, w, b)).ravel()
    ours = np.vstack(names["gradient"](x, t, w, b)).ravel()
    by_torch = torch.cat([weights.grad, bias.grad]).numpy().ravel()
    for other in ours, differences, by_torch:
        assert np.allclose(printed, other, rtol=0, atol=1e-7)


@pytest.mark.parametrize("eta_c", [0.3, 1.0, 1.6, 2.2])
def test_a_step_in_a_bowl_multiplies_by_one_minus_eta_c(eta_c):
    c, w, h = 4.0, 0.7, 1e-5
    slope = (c / 2 * (w + h) ** 2 - c / 2 * (w - h) ** 2) / (2 * h)
    place = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    (c / 2 * place**2).backward()
    for gradient in c * w, slope, place.grad.item():
        assert np.isclose(w - eta_c / c * gradient, (1 - eta_c) * w, rtol=0, atol=1e-7)


def test_curvatures_are_the_eigenvalues_of_the_second_derivatives(names):
    for x in names["km"], names["scaled"]:

        def loss(params, x=x):
            answers = torch.from_numpy(x) * params[0] + params[1]
            return torch.mean((answers - torch.from_numpy(names["degrees"])) ** 2)

        second = torch.autograd.functional.hessian(loss, torch.zeros(2, dtype=torch.float64))
        assert np.allclose(names["curvatures"](x), np.linalg.eigvalsh(second.numpy()), rtol=0, atol=1e-7)


def test_the_rates_are_those_of_another_seed(names):
    study = names["study"]
    for steps, counts in names["learned"].items():
        for lr, k in zip(names["rates"], counts, strict=True):
            again = study(lr, steps, seed=1)
            assert differ_by_chance(k, again), f"rate {lr:.3g}, {steps} steps: {k} and {again} of 500"
    for loss in nnlib.MeanSquaredError(), nnlib.SumSquaredError():
        assert differ_by_chance(study(50, 100, loss), study(50, 100, loss, seed=1))


def differ_by_chance(k, again, n=500):
    """Say whether 0 lies within the 95 % interval of the difference of two rates."""
    a, b = k / n, again / n
    return abs(a - b) <= by_chance(a, b, n)


def test_the_counts_in_the_text_are_those_of_the_study(names):
    few, many = (dict(zip(names["rates"].round(5), counts, strict=True)) for counts in names["learned"].values())
    assert (few[0.1], many[0.01], few[0.01]) == (50, 50, 25)
    assert all(few[rate] == 500 for rate in (1.0, 3.16228, 10.0, 31.62278))
    assert names["study"](50, 100) == 499
    assert names["study"](50, 100, nnlib.SumSquaredError()) == few[100.0] == 193


def test_every_loss_of_question_2_has_fallen(names):
    stack = nnlib.Network(
        nnlib.Linear(2, 1, nnlib.normal), nnlib.Sigmoid(), rng=np.random.default_rng(0), n_networks=500
    )
    history = nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(0.01), 100, record_every=100)
    assert np.all(history.loss[1] < history.loss[0])


def test_zeros_are_a_floor_of_xor_for_one_neuron_and_a_saturated_start_is_none_of_or(names):
    x, flat = torch.from_numpy(names["X"]), torch.zeros(3, dtype=torch.float64)
    for target, at, is_floor in ((names["T_xor"], flat, True), (names["T"], flat + 20, False)):

        def loss(params, target=target):
            y = torch.sigmoid(x @ params[:2, None] + params[2])
            return torch.mean((y - torch.from_numpy(target)) ** 2)

        slopes = torch.autograd.functional.jacobian(loss, at)
        curvatures = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, at))
        assert np.isclose(loss(at), 0.25, rtol=0, atol=1e-8)
        assert slopes.abs().max() < 1e-8
        assert bool(curvatures.min() > 0.01) == is_floor


def test_the_single_examples_hover_with_other_seeds_too(names):
    x, walk_of, loss_at = names["scaled"], names["walk_of"], names["loss_at"]
    lowest = loss_at(x, np.polyfit(x[:, 0], names["degrees"][:, 0], 1))
    together = loss_at(x, walk_of(x, [nnlib.SGD(0.1)] * 60)[60]) - lowest
    for seed in range(5):
        for fall in (False, True):
            optimizers = [nnlib.SGD(0.1 / (1 + fall * k)) for k in range(60)]
            how = {"batch_size": 1, "rng": np.random.default_rng(seed)}
            above = loss_at(x, walk_of(x, optimizers, **how)) - lowest
            assert above[1] < 10
            assert above[30:].mean() < 1e-3 if fall else above[30:].mean() > 0.03
            assert above[60] > 100 * together


def test_the_best_rate_shrinks_both_distances_alike_and_no_other_shrinks_the_slower_more(names):
    low, high = names["curvatures"](names["km"])
    best = 2 / (low + high)
    assert np.isclose(1 - best * low, best * high - 1, rtol=0, atol=1e-12)
    rates = np.linspace(0, 2 / high, 1001)
    slower = np.maximum(np.abs(1 - rates * low), np.abs(1 - rates * high))
    assert 1 - best * low <= slower.min()


def test_the_limit_in_metres_is_divided_by_less_than_a_million(names):
    high = [names["curvatures"](x)[1] for x in (names["km"], 1000 * names["km"])]
    assert 0.8e6 < high[1] / high[0] < 0.82e6
    assert np.isclose(high[1], 1e6 * 2 * np.mean(names["km"] ** 2), rtol=1e-5, atol=0)  # that of w alone


@pytest.mark.parametrize("lr", [100.0, 316.0, 1000.0])
def test_a_rate_too_large_leaves_neurons_on_a_plateau(names, lr):
    stack = nnlib.Network(
        nnlib.Linear(2, 1, nnlib.normal), nnlib.Sigmoid(), rng=np.random.default_rng(0), n_networks=500
    )
    nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(lr), 100, record_every=100)
    y = stack(names["X"])[nnlib.accuracy(stack(names["X"]), names["T"]) < 1]
    assert np.quantile((y * (1 - y)).max(axis=(1, 2)), 0.9) < 1e-3


def test_the_first_step_of_neuron_e_ends_on_a_plateau(names):
    w, b = names["descend"](names["X"], names["T"], *names["zeros"], 100, 1)
    y = names["answer"](names["X"], w, b)
    assert np.isclose(np.mean((y - names["T"]) ** 2), 0.25, rtol=0, atol=1e-5)
    assert np.max(y * (1 - y)) < 1e-5


@pytest.mark.pinned
def test_the_answer_to_exercise_3_is_measured(names):
    answer = CELLS["exercise-3-answer"]
    pairs = re.findall(r"^\| ([\d.,]+) \| (\d+), (.*?) \| (\d+), (.*?) \|$", answer, flags=re.MULTILINE)
    assert len(pairs) == 8
    plain, bipolar = names["X"], 2 * names["X"] - 1
    for rate, *measured in pairs:
        for x, count, interval in zip((plain, bipolar), measured[::2], measured[1::2], strict=True):
            assert int(count) == names["study"](float(rate.replace(",", "")), 100, x=x)
            low, high = wilson(int(count), 500)
            assert interval == f"{low:.1f} % to {high:.1f} %"


def test_the_condition_numbers_of_exercise_3_are_computed(names):
    ratios = []
    for x in names["X"], 2 * names["X"] - 1:
        with_ones = np.column_stack([x, np.ones(4)])
        low, _, high = np.linalg.eigvalsh(with_ones.T @ with_ones)
        ratios.append(high / low)
    assert agrees("10.2", ratios)
    assert "condition number is 10.2" in CELLS["exercise-3-answer"].replace("\n", " ")
    assert np.isclose(ratios[1], 1)


def test_the_numbers_of_exercise_1_are_computed():
    w = 0.0
    for place in 1.2, 1.68:
        w -= 0.1 * 6 * (w - 2)
        assert np.isclose(w, place)
    assert np.isclose(3 * (w - 2) ** 2, 0.3072)
    assert np.allclose(1 - 0.07 * np.array([1, 25]), [0.93, -0.75])
    assert 0.93**64 < 0.01 < 0.93**63


def stub(*_):
    raise NotImplementedError


def nothing(*_):
    pass


def uphill(gradient, start, lr, steps, momentum):
    return right(lambda place: -gradient(place), start, lr, steps, momentum)


def no_start(gradient, start, lr, steps, momentum):
    return right(gradient, start, lr, steps, momentum)[1:]


def only_the_end(gradient, start, lr, steps, momentum):
    return right(gradient, start, lr, steps, momentum)[-1]


def one_place_many_times(gradient, start, lr, steps, _momentum):
    place, places = start.copy(), []
    for _ in range(steps + 1):
        places.append(place)
        place -= lr * gradient(place)
    return np.array(places)


def spoils_the_start(gradient, start, lr, steps, _momentum):
    places = [start.copy()]
    for _ in range(steps):
        start -= lr * gradient(start)
        places.append(start.copy())
    return np.array(places)


def forgets_the_velocity(gradient, start, lr, steps, _momentum):
    return right(gradient, start, lr, steps, 0.0)


def running_mean(gradient, start, lr, steps, momentum):
    return right(gradient, start, lr * (1 - momentum), steps, momentum)


def slope_of_the_start(gradient, start, lr, steps, momentum):
    return right(lambda _: gradient(start), start, lr, steps, momentum)


def a_list(gradient, start, lr, steps, momentum):
    return list(right(gradient, start, lr, steps, momentum))


def not_a_number(_gradient, start, _lr, steps, _momentum):
    return np.full((steps + 1, len(start)), np.nan)


def right(gradient, start, lr, steps, momentum):
    places, velocity = [start], 0 * start
    for _ in range(steps):
        velocity = momentum * velocity + gradient(places[-1])
        places.append(places[-1] - lr * velocity)
    return np.array(places)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (stub, "not written yet"),
        (nothing, "returned None"),
        (uphill, "no momentum: 12 of 15 values differ, the first at [1, 0]"),
        (no_start, "expected shape (5, 3), got (4, 3)"),
        (only_the_end, "expected shape (5, 3), got (3,)"),
        (one_place_many_times, "no momentum: "),
        (spoils_the_start, "changed one of its arguments"),
        (forgets_the_velocity, "momentum 0.5: 9 of 15 values differ, the first at [2, 0]: the velocity lives on"),
        (running_mean, "momentum 0.5: 12 of 15"),
        (slope_of_the_start, "no momentum: 8 of 15 values differ, the first at [2, 1]"),
        (a_list, "got a list"),
        (not_a_number, "NaN"),
    ],
)
def test_the_check_of_exercise_2_answers_in_one_line(answer, says):
    from nnlib.exercises import CheckFailed

    with pytest.raises(CheckFailed) as failure:
        exec(CELLS["exercise-2-check"], {"np": np, "walk_down": answer})
    assert says in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_check_of_exercise_2_passes_the_solution():
    names = {"np": np}
    exec(CELLS["exercise-2-answer"], names)
    exec(CELLS["exercise-2-check"], names)
    exec(CELLS["exercise-2-check"], {"np": np, "walk_down": right})
