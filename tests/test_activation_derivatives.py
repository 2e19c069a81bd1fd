"""The slopes that chapter 3 displays and codes: equal to central differences and to what PyTorch computes."""

import warnings

import nbformat
import numpy as np
import pytest
import torch
from refresh import CHAPTERS

import nnlib

ACTIVATIONS = ["sigmoid", "tanh", "relu"]
# Away from the kink of ReLU, where there is no derivative.
SUMS = np.concatenate([np.linspace(-9, -0.05, 60), np.linspace(0.05, 9, 60)])
SCORES = [[2.0, 1.0, 0.0], [-1.5, 0.3, 4.0], [0.0, 0.0, 0.0]]
# As printed in the table and in the equations of In symbols, from the output.
PRINTED = {
    r"| sigmoid | $1/(1 + e^{-z})$ | $y(1 - y)$": ("sigmoid", lambda y: y * (1 - y)),
    r"| tanh | $2\,\sigma(2z) - 1$ | $1 - y^2$": ("tanh", lambda y: 1 - y**2),
    r"| ReLU | $\max(z, 0)$ | 1 if $y > 0$, else 0": ("relu", lambda y: (y > 0).astype(float)),
}


@pytest.fixture(scope="module")
def cells():
    notebook = nbformat.read(CHAPTERS / "03-activations.ipynb", as_version=4)
    return {cell.id: cell.source for cell in notebook.cells}


@pytest.fixture(scope="module")
def chapter(cells):
    """Return the names that the chapter's own code defines."""
    names = {"np": np, "nnlib": nnlib}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cell_id in "differences", "slopes", "compare", "trap", "softmax", "change":
            exec(cells[cell_id], names)
    return names


def by_torch(name, z):
    """Return what `name` returns and its derivative, entry by entry, as PyTorch has it."""
    z = torch.tensor(z, requires_grad=True)
    y = getattr(torch, name)(z)
    y.sum().backward()
    return y.detach().numpy(), z.grad.numpy()


@pytest.mark.parametrize(("row", "name", "formula"), [(row, *rest) for row, rest in PRINTED.items()], ids=ACTIVATIONS)
def test_a_printed_slope_is_central_differences_and_autograd(cells, chapter, row, name, formula):
    assert row in cells["in-symbols"]
    f = nnlib.relu if name == "relu" else chapter[name]
    y, derivative = by_torch(name, SUMS)
    measured = (f(SUMS + 1e-5) - f(SUMS - 1e-5)) / 2e-5
    np.testing.assert_allclose(f(SUMS), y, rtol=0, atol=1e-12)
    for slope in formula(f(SUMS)), chapter["slopes"][f](f(SUMS)):
        np.testing.assert_allclose(slope, derivative, rtol=0, atol=1e-12)
        np.testing.assert_allclose(slope, measured, rtol=0, atol=1e-7)


@pytest.mark.parametrize("scores", SCORES)
def test_the_slopes_of_softmax_are_central_differences_and_autograd(cells, chapter, scores):
    text = cells["in-symbols"]
    assert r"\frac{\partial y_i}{\partial z_i} &= y_i(1 - y_i)," in text
    assert r"\frac{\partial y_j}{\partial z_i} &= -\,y_i\,y_j \quad (j \neq i)." in text
    y = chapter["softmax"](np.array(scores))
    table = np.array([[y[i] * (1 - y[i]) if i == j else -y[i] * y[j] for j in range(3)] for i in range(3)])
    names = chapter | {"scores": np.array(scores)}
    exec("y = softmax(scores)\n" + next(x for x in cells["softmax"].splitlines() if x.startswith("table")), names)
    measured = [
        (nnlib.softmax(np.array(scores) + step) - nnlib.softmax(np.array(scores) - step)) / 2e-5
        for step in 1e-5 * np.eye(3)
    ]
    # PyTorch's row j holds the derivatives of share j; the table is symmetric.
    at = torch.tensor(scores, dtype=torch.float64)
    autograd = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, -1), at)
    np.testing.assert_allclose(table, autograd.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(names["table"], table, rtol=0, atol=1e-12)
    np.testing.assert_allclose(table, measured, rtol=0, atol=1e-7)


def test_a_share_is_a_sigmoid_of_its_own_score():
    z = np.array(SCORES)
    rest = np.exp(z).sum(axis=1) - np.exp(z[:, 0])
    np.testing.assert_allclose(nnlib.softmax(z)[:, 0], nnlib.sigmoid(z[:, 0] - np.log(rest)), rtol=1e-12)


def test_the_derivation_of_the_sigmoids_slope_holds_line_by_line():
    z, h = SUMS, 0.3
    y, moved = nnlib.sigmoid(z), nnlib.sigmoid(z + h)
    np.testing.assert_allclose(1 / y - 1 / moved, np.exp(-z) * (1 - np.exp(-h)), rtol=1e-9)
    np.testing.assert_allclose(1 / y - 1 / moved, (moved - y) / (y * moved), rtol=1e-9)
    np.testing.assert_allclose((moved - y) / h, y * moved * np.exp(-z) * (1 - np.exp(-h)) / h, rtol=1e-9)
    np.testing.assert_allclose(np.exp(-z), (1 - y) / y, rtol=1e-9)


def test_the_float_limits_that_chapter_3_states():
    nnlib_exact = nnlib.sigmoid(np.array([36.0, 37.0, 40.0]))
    assert (nnlib_exact < 1).tolist() == [True, False, False]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.exp(np.float64(709.78)), np.exp(np.float32(88.7))
    for exponent in np.float64(709.79), np.float32(88.8):
        with pytest.warns(RuntimeWarning, match="overflow"):
            np.exp(exponent)
