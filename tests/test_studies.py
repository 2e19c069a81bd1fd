"""Measurements that stand in the prose without a cell of their own, made again."""

import re

import nbformat
import numpy as np
import pytest
from refresh import CHAPTERS
from structure import agrees

import nnlib


def source(chapter, cell_id):
    """Return the text of one cell of a chapter."""
    cells = nbformat.read(CHAPTERS / f"{chapter}.ipynb", as_version=4).cells
    return next(cell.source for cell in cells if cell.id == cell_id)


def two_two_one(seed=0, n_networks=None):
    """Return a 2-2-1 network, or a stack of them, as the chapters build it."""
    layers = nnlib.Linear(2, 2, nnlib.normal), nnlib.Sigmoid(), nnlib.Linear(2, 1, nnlib.normal), nnlib.Sigmoid()
    return nnlib.Network(*layers, rng=np.random.default_rng(seed), n_networks=n_networks)


@pytest.fixture(scope="module")
def chapter_5():
    """Return what the training cell of chapter 5 defines: with the chapter's own seed, 0, and with another."""
    both = []
    for seed in (0, 1):
        x, target = nnlib.xor()
        names = {"np": np, "nnlib": nnlib, "X": x, "T": target}
        names["xor_network"] = lambda n_networks, seed=seed: two_two_one(seed, n_networks)
        exec(source("05-forward", "train"), names)
        both.append(names)
    return both


def learned(names, loss, off):
    """Return the share of networks whose answers are all less than ``off`` from their targets."""
    return np.all(np.abs(names[loss] - names["T"]) < off, axis=(-2, -1)).mean()


def test_the_broadcast_loss_of_chapter_5_trains_every_answer_to_one_half(chapter_5):
    for names in chapter_5:
        assert np.abs(names["broadcast"] - 0.5).max() < 0.006
        assert learned(names, "broadcast", 0.25) == 0
        assert 0.7 < learned(names, "meant", 0.25) < 0.8
        nnlib.check_gradients(two_two_one(), names["Broadcast"](), names["X"], names["T"])


@pytest.mark.parametrize("loss", ["meant", "broadcast"])
@pytest.mark.parametrize("off", [0.5, 0.25])
def test_the_rates_of_chapter_5_are_those_of_another_seed(chapter_5, loss, off):
    a, b = (learned(names, loss, off) for names in chapter_5)
    assert abs(a - b) <= 1.96 * np.sqrt((a * (1 - a) + b * (1 - b)) / 500)


@pytest.mark.parametrize(
    ("cell", "params", "points"),
    [
        ("exercises", [4, -4, -4, 4, -2, -2, 4, 4, -2], []),
        ("exercise-3-answer", [4, -8, 8, -4, -2, 10, 4, 4, -6], [[0.5, 0.5], [10.0, 10.0]]),
    ],
)
def test_the_networks_in_the_exercises_of_chapter_5_are_computed(cell, params, points):
    x, target = nnlib.xor()
    network = two_two_one()
    network.params = params
    assert nnlib.accuracy(network(x), target) == 1
    answer = source("05-forward", cell).partition("<summary>")[2]
    right = np.concatenate([array.ravel() for array in network.forward(x)[1:]])
    known = [*np.abs(right), *(1 - right), 0.5, *(network(np.array(points)).ravel() if points else [])]
    decimals = re.findall(r"\d+\.\d+", answer)
    assert len(decimals) >= 7
    assert [number for number in decimals if not agrees(number, known)] == []
    for output in network(x).ravel():
        assert f"{output:.4f}" in answer


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
