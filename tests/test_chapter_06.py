"""Chapter 6: each gradient three ways, the numbers of its questions and exercises, and its measurements again."""

import re

import numpy as np
import pytest
import torch
from structure import agrees
from studies import by_chance, cells

import nnlib

CELLS = cells("06-loss")
N, K, W = 5, 3, 10.0


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def through_the_jacobian(z, t):
    """Return the long way of chapter 6, row by row: dL/dy times the table of slopes."""
    y = softmax(z)
    rows = [(-tt / yy) @ (yy[:, None] * (np.eye(K) - yy)) for yy, tt in zip(y, t, strict=True)]
    return np.array(rows) / N


def squares_behind_softmax(z, t):
    y = softmax(z)
    rows = [(2 / (N * K) * (yy - tt)) @ (yy[:, None] * (np.eye(K) - yy)) for yy, tt in zip(y, t, strict=True)]
    return np.array(rows)


functional = torch.nn.functional
# What the chapter prints, the same loss in NumPy, and PyTorch's; one output or several; targets that may be shares.
GRADIENTS = {
    "squared error, its outputs": (
        lambda y, t: 2 / (N * K) * (y - t),
        lambda y, t: np.sum((y - t) ** 2) / (N * K),
        functional.mse_loss,
        K,
    ),
    "half the sum of squares": (
        lambda y, t: y - t,
        lambda y, t: np.sum((y - t) ** 2) / 2,
        lambda y, t: functional.mse_loss(y, t, reduction="sum") / 2,
        K,
    ),
    "squared error behind a sigmoid": (
        lambda z, t: 2 / N * (sigmoid(z) - t) * sigmoid(z) * (1 - sigmoid(z)),
        lambda z, t: np.sum((sigmoid(z) - t) ** 2) / N,
        lambda z, t: functional.mse_loss(torch.sigmoid(z), t),
        1,
    ),
    "binary cross-entropy, its outputs": (
        lambda z, t: (sigmoid(z) - t) / (sigmoid(z) * (1 - sigmoid(z))) / N * sigmoid(z) * (1 - sigmoid(z)),
        lambda z, t: -np.sum(t * np.log(sigmoid(z)) + (1 - t) * np.log(1 - sigmoid(z))) / N,
        lambda z, t: functional.binary_cross_entropy(torch.sigmoid(z), t),
        1,
    ),
    "binary cross-entropy": (
        lambda z, t: (sigmoid(z) - t) / N,
        lambda z, t: -np.sum(t * np.log(sigmoid(z)) + (1 - t) * np.log(1 - sigmoid(z))) / N,
        functional.binary_cross_entropy_with_logits,
        1,
    ),
    "several times yes or no": (
        lambda z, t: (sigmoid(z) - t) / (N * K),
        lambda z, t: -np.sum(t * np.log(sigmoid(z)) + (1 - t) * np.log(1 - sigmoid(z))) / (N * K),
        functional.binary_cross_entropy_with_logits,
        K,
    ),
    "softmax cross-entropy": (
        lambda z, t: (softmax(z) - t) / N,
        lambda z, t: -np.sum(t * np.log(softmax(z))) / N,
        functional.cross_entropy,
        K,
    ),
    "softmax cross-entropy, the long way": (
        through_the_jacobian,
        lambda z, t: -np.sum(t * np.log(softmax(z))) / N,
        functional.cross_entropy,
        K,
    ),
    "squared error behind softmax": (
        squares_behind_softmax,
        lambda z, t: np.sum((softmax(z) - t) ** 2) / (N * K),
        lambda z, t: functional.mse_loss(torch.softmax(z, dim=1), t),
        K,
    ),
    "exercise 3, a miss costs more": (
        lambda z, t: ((1 - t) * sigmoid(z) - W * t * (1 - sigmoid(z))) / N,
        lambda z, t: -np.sum(W * t * np.log(sigmoid(z)) + (1 - t) * np.log(1 - sigmoid(z))) / N,
        lambda z, t: functional.binary_cross_entropy_with_logits(z, t, pos_weight=torch.tensor(W)),
        1,
    ),
}


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("soft", [False, True])
def test_each_gradient_of_chapter_6_agrees_with_differences_and_pytorch(name, soft):
    formula, value, torch_loss, k = GRADIENTS[name]
    rng = np.random.default_rng(6)
    z = rng.normal(0, 2, (N, k))
    shares = rng.dirichlet(np.ones(max(k, 2)), N)[:, :k]
    t = shares if soft else np.round(shares) if k == 1 else np.eye(k)[rng.integers(0, k, N)]
    tensor = torch.tensor(z, requires_grad=True)
    loss = torch_loss(tensor, torch.tensor(t))
    loss.backward()
    assert value(z, t) == pytest.approx(loss.item(), rel=1e-12)
    numerical = nnlib.numerical_gradient(lambda p: value(p.reshape(z.shape), t), z.ravel()).reshape(z.shape)
    for gradient in (numerical, tensor.grad.numpy()):
        difference = np.linalg.norm(formula(z, t) - gradient)
        assert difference <= 1e-7 * (np.linalg.norm(formula(z, t)) + np.linalg.norm(gradient))


def test_the_numbers_in_the_questions_of_chapter_6_are_computed():
    text = CELLS["check-yourself"]
    either, wired = np.array([[0.0], [1.0], [1.0], [1.0]]), [0.0495, 0.2482]
    floor = nnlib.BinaryCrossEntropy().value(either, either)
    invented = [0.09, 0.25, 0.5]
    known = [np.log(10), np.log(2), floor, *wired, *invented]
    assert [n for n in re.findall(r"\d+\.\d+", text) if not agrees(n, known)] == []
    scores, t = np.array([[10.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
    y = softmax(scores)
    jacobian = y.T * (np.eye(3) - y)
    assert np.abs(jacobian).max() < 1e-4
    assert 0 < np.abs(2 / 3 * (y - t) @ jacobian).max() < 1e-4


def test_the_solution_to_exercise_1_of_chapter_6_is_computed():
    answer = CELLS["exercises"].partition("<summary>")[2]
    y = softmax(np.log([[6.0, 3.0, 1.0]]))
    jacobian = y.T * (np.eye(3) - y)
    forecast = np.array([0.5, 0.25, 0.25])
    known = [*y[0], *np.abs(jacobian).ravel(), *np.abs(-10 * jacobian[2])]
    known += [*-np.log(y[0]), -np.sum(forecast * np.log(forecast))]
    decimals = re.findall(r"\d+\.\d+", answer)
    assert len(decimals) >= 15
    assert [n for n in decimals if not agrees(n, known)] == []


def test_the_best_constant_answer_of_exercise_3_of_chapter_6_is_the_best():
    m = 0.01
    c = W * m / (W * m + 1 - m)
    assert f"$c = {c:.4f}$" in CELLS["exercise-3-answer"]
    grid = np.linspace(0.001, 0.999, 9981)
    cost = -(W * m * np.log(grid) + (1 - m) * np.log(1 - grid))
    assert grid[cost.argmin()] == pytest.approx(c, abs=1e-4)
    assert c / (1 - c) == pytest.approx(W * m / (1 - m))


@pytest.fixture(scope="module")
def both_seeds():
    """Run the studies of chapter 6 with the chapter's own seed, 0, and with another: the counts by name."""
    both = []
    for seed in (0, 1):
        counts = {}
        x, target = nnlib.xor()
        names = {"np": np, "nnlib": nnlib, "X": x, "T": target}
        study = CELLS["study"].replace("default_rng(0)", f"default_rng({seed})")
        exec("from itertools import pairwise\n" + study, names)
        rates = CELLS["rates"].replace("default_rng(0)", f"default_rng({seed})")
        definition, after = re.split(r"\n\n\n", rates, maxsplit=1)
        assert definition.startswith("def report(")
        names["report"] = lambda name, k, counts=counts: counts.update({name: int(k)})
        exec(after, names)
        exec(CELLS["xor"], names)
        counts["slowest"] = names["wait"]["cross-entropy"].max()
        both.append(counts)
    return both


def test_the_rates_of_chapter_6_are_those_of_another_seed(both_seeds):
    assert len(both_seeds[0]) == 8
    for name in both_seeds[0].keys() - {"slowest"}:
        a, b = (counts[name] / 500 for counts in both_seeds)
        assert abs(a - b) <= by_chance(a, b, 500), name


def test_what_chapter_6_says_of_its_studies_holds_with_both_seeds(both_seeds):
    for counts in both_seeds:
        assert counts["cross-entropy"] == 500
        assert counts["slowest"] <= 200
        assert counts["sigmoid twice"] < counts["squared error"] < 450
        assert counts["cross-entropy,    500 steps"] > counts["squared error,    500 steps"] + 100
        assert counts["cross-entropy, 10,000 steps"] <= counts["squared error, 10,000 steps"]
