"""Chapter 9: its formulas against central differences and PyTorch, its study with another seed, its exercises."""

import inspect
import re
import textwrap
from itertools import pairwise

import numpy as np
import pytest
import torch
from studies import by_chance, source

import nnlib

CHAPTER = "09-backprop-matrices"
X, T = nnlib.xor()
WIRED = [np.array(p) for p in ([[4.0, -4.0], [4.0, -4.0]], [[-2.0, 6.0]], [[4.0], [4.0]], [[-6.0]])]


def defined(*cells, **names):
    """Return what these code cells of the chapter define."""
    names = {"np": np, "nnlib": nnlib, "X": X, "T": T} | names
    for cell in cells:
        exec(source(CHAPTER, cell), names)
    return names


def drawn(*shapes):
    rng = np.random.default_rng(9)
    return [rng.standard_normal(shape) for shape in shapes]


def central(f, array):
    """Return the derivatives of ``f`` with respect to each entry of ``array``, by central differences."""

    def flat(values):
        return f(values.reshape(array.shape))

    return nnlib.numerical_gradient(flat, array.ravel()).reshape(array.shape)


def by_torch(f, arrays):
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    f(*tensors).backward()
    return [tensor.grad.numpy() for tensor in tensors]


def agree(printed, f, arrays):
    """Hold gradients as printed against both, where ``f`` of ``arrays`` is the loss, in NumPy and in torch alike."""
    for i, (gradient, automatic) in enumerate(zip(printed, by_torch(f, arrays), strict=True)):
        numerical = central(lambda new, i=i: float(f(*arrays[:i], new, *arrays[i + 1 :])), arrays[i])
        np.testing.assert_allclose(gradient, numerical, rtol=0, atol=1e-7)
        np.testing.assert_allclose(gradient, automatic, rtol=0, atol=1e-12)


def sigmoid(z):
    return 1 / (1 + (torch.exp(-z) if isinstance(z, torch.Tensor) else np.exp(-z)))


def test_the_gradients_of_any_layer():
    x, w, b, delta = drawn((5, 3), (3, 2), (1, 2), (5, 2))
    # Any loss will do whose derivative with respect to Z is delta.
    back = {np.ndarray: delta, torch.Tensor: torch.tensor(delta)}

    def loss(x, w, b):
        return ((x @ w + b) * back[type(x)]).sum()

    ones = np.ones((5, 1))
    agree([delta @ w.T, x.T @ delta, ones.T @ delta], loss, [x, w, b])
    # the same, entry by entry
    assert np.allclose(x.T @ delta, [[sum(x[:, k] * delta[:, j]) for j in range(2)] for k in range(3)])
    assert np.allclose(ones.T @ delta, [[sum(delta[:, j]) for j in range(2)]])
    assert np.allclose(delta @ w.T, [[sum(delta[i] * w[k]) for k in range(3)] for i in range(5)])


@pytest.mark.parametrize("params", [WIRED, drawn((2, 2), (1, 2), (2, 1), (1, 1))], ids=["wired", "drawn"])
@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [1], [0, 1, 2], [3, 3, 0, 1, 2]])
def test_the_gradients_of_the_network(params, rows):
    x, t, (w1, b1, w2, b2) = X[rows], T[rows], params
    n, ones = len(x), np.ones((len(x), 1))
    h = sigmoid(x @ w1 + b1)
    y = sigmoid(h @ w2 + b2)
    delta2 = 2 / n * (y - t) * y * (1 - y)
    delta1 = (delta2 @ w2.T) * h * (1 - h)
    printed = [x.T @ delta1, ones.T @ delta1, h.T @ delta2, ones.T @ delta2]
    data = {np.ndarray: (x, t), torch.Tensor: (torch.tensor(x), torch.tensor(t))}

    def loss(w1, b1, w2, b2):
        x, t = data[type(w1)]
        return ((sigmoid(sigmoid(x @ w1 + b1) @ w2 + b2) - t) ** 2).mean()

    agree(printed, loss, params)

    def loss_of_sums(z1, z2):
        # Each delta in a sum of two losses that share no variable: one as a function of Z1, one of Z2 alone.
        t = data[type(z1)][1]
        w, b = (torch.tensor(w2), torch.tensor(b2)) if isinstance(z1, torch.Tensor) else (w2, b2)
        return ((sigmoid(sigmoid(z1) @ w + b) - t) ** 2).mean() + ((sigmoid(z2) - t) ** 2).mean()

    agree([delta1, delta2], loss_of_sums, [x @ w1 + b1, h @ w2 + b2])
    names = defined("backward")
    for mine, theirs in zip(names["backward"](names["forward"](x, *params), t, w2), printed, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [1], [0, 1, 2], [0, 1, 2, 3, 0, 1, 2, 3]])
def test_the_walk_finds_what_the_six_lines_find_and_half_the_sum_is_n_over_2_times_the_mean(rows):
    names, params, n = defined("backward", "layers"), drawn((2, 2), (1, 2), (2, 1), (1, 1)), len(rows)
    six = names["backward"](names["forward"](X[rows], *params), T[rows], params[2])
    first, last = names["Linear"](*params[:2]), names["Linear"](*params[2:])
    for loss, times in (nnlib.MeanSquaredError(), 1), (nnlib.SumSquaredError(), n / 2):
        names["walk"]([first, nnlib.Sigmoid(), last, nnlib.Sigmoid()], X[rows], T[rows], loss)
        for found, gradient in zip((first.dW, first.db, last.dW, last.db), six, strict=True):
            np.testing.assert_allclose(found, times * gradient, rtol=0, atol=1e-14)


def test_what_backward_costs_at_most():
    def multiplications(sizes, n):
        products = [n * a * b for a, b in pairwise(sizes)]
        return sum(products), 2 * sum(products) - products[0]

    for sizes in (2, 2, 1), (3, 4, 2), (784, 128, 10), (50, 50, 50, 50, 50, 50, 1):
        forward, backward = multiplications(sizes, 4)
        assert forward <= backward < 2 * forward


def test_the_six_lines_of_nnlib_are_those_of_nnlib():
    quoted = re.search(r"```python\n(.*?)\n```", source(CHAPTER, "nnlib-text"), re.DOTALL).group(1)
    lines = inspect.getsource(nnlib.Network.backward).splitlines()[-6:]
    assert quoted == textwrap.dedent("\n".join(lines))


@pytest.fixture(scope="module")
def studies():
    """Return the counts of the chapter's table with its own seed and with another: learned, and in another order."""
    names = defined("backward", "by-hand-again", "ways")
    # The cell trains all five; here each is trained below, with both seeds.
    exec(source(CHAPTER, "train").partition("trained =")[0], names)
    both = []
    for seed in (0, 1):
        trained = {way: names["train"](bias, seed) for way, bias in names["ways"].items()}
        orders = [0, 1, 2, 3], [1, 2, 3, 0]
        both.append({way: [names["learned"](p, rows) for rows in orders] for way, p in trained.items()})
    return both


def test_the_rates_are_those_of_another_seed(studies):
    for way, counts in studies[0].items():
        for k, other in zip(counts, studies[1][way], strict=True):
            a, b = k / 500, other / 500
            assert abs(a - b) <= by_chance(a, b, 500), way


def test_biases_by_row_learn_the_rows_and_not_xor(studies):
    for counts in studies:
        assert counts["over neurons"] == counts["not summed"] == [500, 0]
        for way in ("right", "1/n twice", "one number"):
            assert counts[way][0] == counts[way][1]
        assert counts["one number"][0] < counts["right"][0] - 80
        low, high = nnlib.wilson_interval(counts["right"][0], 500)
        assert low < counts["1/n twice"][0] / 500 < high


def test_exercise_1_is_computed():
    x, w, b, t = (np.array(a) for a in ([[1, 2], [0, 1], [3, -1]], [[2], [1]], [[-1]], [[0], [3], [1]]))
    y = x @ w + b
    delta = 2 / 3 * (y - t)
    assert y.ravel().tolist() == [3, 0, 4]
    assert np.mean((y - t) ** 2) == 9
    assert np.allclose(delta.ravel(), [2, -2, 2])
    assert np.allclose((x.T @ delta).ravel(), [8, 0])
    assert np.isclose(delta.sum(), 2)
    assert np.allclose(delta @ w.T, [[4, 2], [-4, -2], [4, 2]])
    assert np.allclose((x[:, 1:] * delta).ravel(), [4, -2, -2])
    assert np.isclose(np.mean((y + 0.1 - t) ** 2), 9.21)


def test_the_answer_to_exercise_3_runs_and_its_formulas_hold():
    names = defined("backward", "by-hand-again")
    code = re.search(r"```python\n(.*?)\n```", source(CHAPTER, "exercise-3-answer"), re.DOTALL).group(1)
    exec(code.replace("zip(columns, grads)", "zip(columns, grads, strict=True)"), names)
    x, w, b, delta = drawn((3, 5), (2, 3), (2, 1), (2, 5))
    back = {np.ndarray: delta, torch.Tensor: torch.tensor(delta)}

    def loss(x, w, b):
        return ((w @ x + b) * back[type(x)]).sum()

    agree([w.T @ delta, delta @ x.T, delta @ np.ones((5, 1))], loss, [x, w, b])
