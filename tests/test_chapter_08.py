"""Chapter 8: its formulas against the definition and PyTorch, its rates with another seed, its exercises' numbers."""

import re

import numpy as np
import pytest
import torch
from structure import agrees
from studies import by_chance, source

import nnlib

X, T = nnlib.xor()
SHAPES = (2, 2), (1, 2), (2, 1), (1, 1)


def chapter_8(*cells):
    """Return what these cells of the chapter define."""
    names = {"np": np, "X": X, "T": T}
    for cell in ("chain", "forward", "backward", *cells):
        exec(source("08-backprop-numbers", cell), names)
    return names


@pytest.fixture(scope="module")
def names():
    return chapter_8("train")


def as_printed(x, t, W1, b1, W2, b2):
    """Return dW1, db1, dW2, db2 and dx by the chapter's equations, in its letters."""
    h = [nnlib.sigmoid(sum(x[i] * W1[i, j] for i in (0, 1)) + b1[0, j]) for j in (0, 1)]
    y = nnlib.sigmoid(sum(h[j] * W2[j, 0] for j in (0, 1)) + b2[0, 0])
    delta2 = 2 * (y - t) * y * (1 - y)
    delta1 = [delta2 * W2[j, 0] * h[j] * (1 - h[j]) for j in (0, 1)]
    dw = [[x[i] * delta1[j] for j in (0, 1)] for i in (0, 1)]
    dx = [sum(W1[i, j] * delta1[j] for j in (0, 1)) for i in (0, 1)]
    return dw, [delta1], [[h[j] * delta2] for j in (0, 1)], [[delta2]], dx


def cut(flat):
    """Return x, t, W1, b1, W2 and b2 out of twelve numbers."""
    ends = np.cumsum([2, 1, 4, 2, 2, 1])
    x, t, *params = np.split(flat, ends[:-1])
    return x, t[0], *(p.reshape(shape) for p, shape in zip(params, SHAPES, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_equations_are_the_derivatives(names, seed):
    rng = np.random.default_rng(seed)
    flat = rng.standard_normal(12)
    x, t, *params = cut(flat)
    printed = as_printed(x, t, *params)

    def loss(flat):
        x, t, *params = cut(flat)
        return (names["forward"](x, *params)[1] - t) ** 2

    _, _, *measured = cut(nnlib.numerical_gradient(loss, flat))
    measured.append(nnlib.numerical_gradient(loss, flat)[:2])
    tensors = [torch.tensor(p, requires_grad=True) for p in (*params, x[None])]
    W1, b1, W2, b2, row = tensors
    ((torch.sigmoid(torch.sigmoid(row @ W1 + b1) @ W2 + b2) - t) ** 2).sum().backward()
    h, y = names["forward"](x, *params)
    coded = [*names["backward"](x, t, h, y, params[2]), None]
    for formula, definition, tensor, code in zip(printed, measured, tensors, coded, strict=True):
        formula = np.reshape(formula, definition.shape)
        np.testing.assert_allclose(formula, definition, rtol=0, atol=1e-7)
        np.testing.assert_allclose(formula, tensor.grad.numpy().reshape(definition.shape), rtol=0, atol=1e-14)
        if code is not None:
            np.testing.assert_allclose(formula, code, rtol=0, atol=1e-14)


def test_both_paths_from_x2_cancel_at_the_corner_0_1():
    wired = [np.array(p, float) for p in ([[4, -4], [4, -4]], [[-2, 6]], [[4], [4]], [[-6]])]
    assert as_printed(X[1], 1.0, *wired)[-1] == [0, 0]


@pytest.fixture(scope="module")
def counts(names):
    """Return how many of 500 networks learn XOR, with the chapter's seed and with another, for each row it prints."""
    rows = {"right": {}, "early": {"w2_first": True}, "extra": {"slope": lambda y: np.exp(y) / (1 + np.exp(y)) ** 2}}
    return {
        (name, batch): [names["train"](batch, seed=seed, **way) for seed in (0, 1)]
        for name, way in rows.items()
        for batch in (4, 1)
    }


def test_the_rates_are_those_of_another_seed(counts):
    for a, b in (np.array(pair) / 500 for pair in counts.values()):
        assert abs(a - b) <= by_chance(a, b, 500)


def test_what_the_chapter_says_of_its_rates(counts):
    for seed in (0, 1):
        k = {row: pair[seed] / 500 for row, pair in counts.items()}
        assert abs(k["right", 4] - k["early", 4]) <= 1 / 500 + 1e-9
        assert k["right", 1] - k["early", 1] > by_chance(k["right", 1], k["early", 1], 500)
        assert k["extra", 4] > 100 / 500
        assert k["extra", 1] == 0


def test_the_step_of_w2_is_smaller_with_the_mean_of_four_examples(names):
    def size(batch):
        steps, backward = [], names["backward"]

        def spy(*args, **kwargs):
            grads = backward(*args, **kwargs)
            steps.append(np.median(np.abs(grads[2].mean(axis=-2))))
            return grads

        names["train"].__globals__["backward"] = spy
        names["train"](batch, steps=1000)
        names["train"].__globals__["backward"] = backward
        return np.mean(steps)

    assert size(1) > 5 * size(4)


def test_a_student_of_exercise_1_gets_the_printed_numbers():
    wired = [np.array(p, float) for p in ([[4, -4], [4, -4]], [[-2, 6]], [[4], [4]], [[-6]])]
    names = chapter_8()
    known, mean = [], 0
    for corner, t in zip(X, T[:, 0], strict=True):
        h, y = names["forward"](corner, *wired)
        grads = names["backward"](corner, t, h, y, wired[2])
        mean += grads[3].item() / 4
        known += [
            *h,
            *(1 - np.array(h)),
            y,
            1 - y,
            2 * y,
            *(4 * grads[3].ravel()),
            *(g for p in grads for g in p.ravel()),
        ]
        if not corner.any():
            assert (grads[0] == 0).all()
    text = source("08-backprop-numbers", "exercises")
    decimals = re.findall(r"\d+\.\d+", text)
    assert len(decimals) > 20
    assert [number for number in decimals if not agrees(number, np.abs([*known, mean]))] == []
    assert "-0.0241" in text
    assert f"{mean:.4f}" == "-0.0241"


def test_the_answer_to_exercise_3_is_computed():
    names = chapter_8()
    answer = source("08-backprop-numbers", "exercise-3-answer")
    known = []
    for weight, bias, steps in (-8, 4, 1000), (-4, 2, 100):
        params = [np.array(p, float) for p in ([[4, -4], [4, -4]], [[-2, 6]], [[weight], [weight]], [[bias]])]
        for step in range(steps + 1):
            h, y = names["forward"](X[1], *params)
            grads = names["backward"](X[1], 1.0, h, y, params[2])
            if step in (0, steps):
                known += [y, (y - 1) ** 2, y * (1 - y), max(np.abs(g).max() for g in grads)]
            for p, g in zip(params, grads, strict=True):
                p -= g
    assert known[0] < 0.01
    assert known[3] < 0.001
    assert known[-4] > 0.5
    decimals = re.findall(r"\d+\.\d+", answer)
    assert len(decimals) == 9
    assert [number for number in decimals if not agrees(number, known)] == []


def test_pytorch_refuses_to_walk_back_through_a_weight_that_was_updated():
    row, hidden = torch.ones((1, 2)), torch.ones((2, 2), requires_grad=True)
    last = torch.ones((2, 1), requires_grad=True)
    loss = (torch.sigmoid(row @ hidden) @ last).square().sum()
    (dlast,) = torch.autograd.grad(loss, last, retain_graph=True)
    with torch.no_grad():
        last -= dlast
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, hidden)
