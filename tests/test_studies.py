"""Measurements that stand in the prose without a cell of their own, made again."""

import re

import nbformat
import numpy as np
import pytest
from refresh import CHAPTERS

import nnlib


def published_recipe(hidden):
    """Return how many of 500 starts learn XOR by the published NumPy recipe, with so many hidden neurons."""
    x, target = nnlib.xor()
    layers = nnlib.Linear(2, hidden, nnlib.normal), nnlib.Sigmoid()
    layers += nnlib.Linear(hidden, 1, nnlib.normal), nnlib.Sigmoid()
    stack = nnlib.Network(*layers, rng=np.random.default_rng(0), n_networks=500)
    nnlib.fit(stack, x, target, nnlib.SumSquaredError(), nnlib.SGD(0.1), 10_000, record_every=10_000)
    return int(np.sum(nnlib.accuracy(stack(x), target) == 1))


@pytest.mark.pinned
def test_the_answer_to_exercise_3_of_chapter_11_is_measured():
    notebook = nbformat.read(CHAPTERS / "11-xor-numpy.ipynb", as_version=4)
    answer = next(cell.source for cell in notebook.cells if cell.id == "exercise-3-answer")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| ([\d.]+) % to ([\d.]+) % \|$", answer, flags=re.MULTILINE)
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4, 8]
    for hidden, successes, low, high in rows:
        measured = published_recipe(int(hidden))
        interval = [f"{100 * bound:.1f}" for bound in nnlib.wilson_interval(measured, 500)]
        assert (int(successes), low, high) == (measured, *interval)
