"""Chapter 12: the levels, the intervals, the way out, and the study that its rates are read from."""

import json
import re
import sys
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from refresh import CHAPTERS
from structure import agrees
from studies import by_chance, source

import nnlib

CHAPTER = "12-xor-fails"
STUDY = json.loads((CHAPTERS / "xor-study.json").read_text(encoding="utf-8"))
X, T = nnlib.xor()


@pytest.fixture(scope="module")
def program():
    """Return the program that made the study."""
    sys.path.insert(0, str(Path(CHAPTERS).parent / "benchmarks"))
    try:
        import xor_study
    finally:
        sys.path.pop(0)
    return xor_study


@pytest.fixture(scope="module")
def names():
    """Return what the cells of the chapter define, its figures left out."""
    names = {"np": np, "nnlib": nnlib, "print": lambda *_, **__: None}
    exec(source(CHAPTER, "fig-levels").splitlines()[0], names)  # the levels
    for cell in "train", "slow", "pulls", "walk":
        exec(source(CHAPTER, cell), names)
    return names


def test_any_merging_of_corners_ends_at_one_of_four_levels():
    levels, ways = {}, set()
    for labels in product(range(4), repeat=4):
        groups = frozenset(frozenset(np.flatnonzero(np.array(labels) == label)) for label in set(labels))
        ways.add(groups)
        best = np.empty_like(T)
        for group in map(list, groups):
            tried = np.linspace(0, 1, 601)
            best[group] = tried[np.argmin(((tried - T[group]) ** 2).sum(axis=0))]
        levels[groups] = np.mean((best - T) ** 2)
        formula = sum(T[list(g)].sum() * (len(g) - T[list(g)].sum()) / len(g) for g in groups) / 4
        assert np.isclose(levels[groups], formula, rtol=0, atol=1e-12)
    assert len(ways) == 15
    counts = [sum(np.isclose(value, level) for value in levels.values()) for level in (0, 1 / 8, 1 / 6, 1 / 4)]
    assert counts == [4, 4, 4, 3]


@pytest.mark.parametrize(("k", "n"), [(1453, 2000), (0, 20), (500, 500), (7, 9)])
def test_the_ends_of_the_interval_solve_the_printed_equation(k, n):
    z = 1.959964
    for p in nnlib.wilson_interval(k, n):
        assert np.isclose((k / n - p) ** 2, z**2 * p * (1 - p) / n, rtol=1e-5, atol=1e-12)
    assert np.isclose(nnlib.wilson_interval(0, n)[1], z**2 / (n + z**2))


def test_what_twenty_starts_without_a_failure_say():
    assert round(100 * nnlib.wilson_interval(0, 20)[1]) == 16
    assert nnlib.wilson_interval(0, 379)[1] > 0.01 > nnlib.wilson_interval(0, 385)[1]
    assert 7.5 < 1 / 0.9**20 < 8.5
    a, b = nnlib.wilson_interval(1540, 2000), nnlib.wilson_interval(1520, 2000)
    assert a[0] < 0.76 < 0.77 < b[1]


# --- the study ---


def test_the_study_was_made_with_the_settings_of_the_program(program):
    assert {row["name"]: row["recipe"] for row in STUDY["rows"]} == {
        name: asdict(recipe) for name, recipe in program.rows().items()
    }
    assert STUDY["seed"] == program.SEED
    for row in STUDY["rows"]:
        assert row["n"] == program.N_NETWORKS
        assert row["learned"] + row["slow"] + sum(row["stuck"].values()) == row["n"]
    assert tuple(row["epochs"] for row in STUDY["followed"]) == program.FOLLOWED
    for row in STUDY["followed"]:
        assert sum(row[name] for name in ("learned", *program.LEVELS, "elsewhere")) == program.N_NETWORKS


def test_what_the_prose_says_of_the_counts_is_in_the_study(program):
    rows = {row["name"]: row for row in STUDY["rows"]}
    first, *_, last = STUDY["followed"]
    text = source(CHAPTER, "followed-why")
    assert f"rescued {last['learned'] - first['learned']} networks of {2000 - first['learned']}" in text
    assert f"thins out to {last['1/6']}." in text
    assert f"The {last['1/8']} at 1/8" in text
    assert {row["1/8"] for row in STUDY["followed"][1:]} == {last["1/8"]}
    assert last["1/4"] == last["elsewhere"] == 0
    assert [row["epochs"] for row in STUDY["followed"] if row["1/6"] == last["1/6"]] == [300_000, 1_000_000]
    assert [row["epochs"] for row in STUDY["followed"] if row["elsewhere"] == 0] == [100_000, 300_000, 1_000_000]
    assert last["learned"] > STUDY["followed"][2]["learned"]
    assert f"more than {program.NEAR} from every level" in text
    text = source(CHAPTER, "rates-text")
    uniform = rows["NumPy: uniform start"]
    assert f"the {uniform['slow']} late ones" in text
    assert 0.88 < (uniform["learned"] + uniform["slow"]) / uniform["n"] < 0.9
    assert all(430 < rows[f"NumPy: {name}"]["stuck"]["1/8"] < 450 for name in ("as published", "lr 1", "momentum 0.9"))
    assert 0.23 < rows["NumPy: ReLU"]["stuck"]["1/4"] / 2000 < 0.25
    assert rows["NumPy: ReLU"]["slow"] == 0
    published, biases = (rows[f"NumPy: {name}"]["learned"] / 2000 for name in ("as published", "biases N(0, 1) too"))
    assert abs(published - biases) <= by_chance(published, biases, 2000)
    late = [(row["learned"] + row["slow"]) / 2000 for row in (uniform, rows["PyTorch: as published"])]
    assert abs(late[0] - late[1]) < 0.1 * by_chance(*late, 2000)
    assert 0.18 < rows["NumPy: no biases"]["learned"] / 2000 < 0.22
    assert rows["NumPy: no biases, 8 hidden"]["learned"] == 2000
    two = [row for name, row in rows.items() if row["recipe"]["hidden"] == 2 and name.startswith("NumPy")]
    assert max(two, key=lambda row: row["learned"] + row["slow"]) is uniform
    both = [rows[f"NumPy: {name}"] for name in ("as published", "float32")]
    assert [row["learned"] for row in both] == [both[0]["learned"]] * 2
    assert both[0]["stuck"] == both[1]["stuck"]
    assert nnlib.sigmoid(37.0) == 1 > nnlib.sigmoid(36.0)
    for worse in "tanh", "tanh, lr 1", "Adam, lr 0.01", "Adam, lr 0.1", "ReLU", "ReLU, He start":
        assert rows[f"NumPy: {worse}"]["learned"] < 0.6 * 2000


def rates_agree(a, n_a, b, n_b):
    """Say whether the difference of two rates lies within its own 99.9 % interval, as there are many pairs."""
    p, q = (a + 1) / (n_a + 2), (b + 1) / (n_b + 2)
    return abs(p - q) <= 3.29 * np.sqrt(p * (1 - p) / n_a + q * (1 - q) / n_b)


QUICK = ["3 hidden", "lr 0.01", "lr 10", "cross-entropy", "tanh", "ReLU", "momentum 0.9", "Adam, lr 0.01", "float32"]


@pytest.mark.parametrize("name", [f"NumPy: {name}" for name in QUICK] + ["PyTorch: as published"])
def test_a_small_study_with_another_seed_gives_the_same_rates(name, program):
    row = next(row for row in STUDY["rows"] if row["name"] == name)
    recipe = program.rows()[name]
    stack = program.build(recipe, 250, seed=1)
    program.train(stack, recipe, recipe.epochs)
    learned = int(program.learned(program.answers(stack, recipe)).sum())
    assert rates_agree(learned, 250, row["learned"], row["n"])


def test_the_published_recipe_has_the_same_rate_and_the_same_levels_with_another_seed(names):
    layers = nnlib.Linear(2, 2, nnlib.normal), nnlib.Sigmoid(), nnlib.Linear(2, 1, nnlib.normal), nnlib.Sigmoid()
    stack = nnlib.Network(*layers, rng=np.random.default_rng(1), n_networks=2000)
    names["train"](stack, 10_000)
    mine, other = (np.bincount(names["kinds"](s), minlength=4) / 2000 for s in (names["stack"], stack))
    assert abs(mine[0] - other[0]) <= by_chance(mine[0], other[0], 2000)
    for a, b in zip(mine[1:], other[1:], strict=True):
        assert abs(a - b) <= by_chance(a, b, 2000, errors=2.58)


# --- what the chapter says of its failures ---


def test_a_network_at_a_level_looks_as_the_chapter_says(names):
    rest, kinds = names["rest"], names["kinds"](names["rest"])
    hidden = rest.forward(X)[2]
    apart = np.abs(hidden[:, :, None] - hidden[:, None]).max(axis=-1)
    unlike = np.array([[0, 1], [0, 2], [1, 3], [2, 3]])
    alike = (apart[:, unlike[:, 0], unlike[:, 1]] < 0.02).sum(axis=1)
    off = np.minimum(hidden, 1 - hidden).max(axis=-1)
    assert (alike[kinds == 1] == 1).mean() > 0.99
    assert (alike[kinds == 2] == 2).mean() > 0.9
    merged = np.sort(off[kinds == 1], axis=1)[:, :2]
    assert (merged < 0.02).mean() > 0.99
    assert np.sum(kinds == 3) > 3
    assert np.abs(hidden[kinds == 3] - 0.5).max() < 0.4
    assert (names["error"](rest)[kinds == 1] > 1 / 8).all()


def test_alike_corners_draw_closer_in_the_networks_that_stay_and_apart_in_those_that_leave(names):
    def apart(network):
        hidden = network.forward(X)[2]
        return np.abs(hidden[:, [0, 0, 1, 2]] - hidden[:, [1, 2, 3, 3]]).max(axis=-1)  # pairs with different targets

    stack, rest, before, now = names["stack"], names["rest"], names["before"], names["kinds"](names["rest"])
    first, later = apart(stack)[names["failed"]], apart(rest)
    nearest = first.argmin(axis=1)[:, None]
    closer = (np.take_along_axis(later, nearest, 1) < np.take_along_axis(first, nearest, 1))[:, 0]
    stayed, left = (before == 1) & (now == 1), (before == 1) & (now == 0)
    assert closer[stayed].all()
    assert not closer[left].any()
    assert f"in all {stayed.sum()} networks that stayed at 1/8; in the two that left" in source(CHAPTER, "pulls-why")
    assert left.sum() == 2
    assert 0.45 < STUDY["followed"][-1]["1/6"] / np.sum(before == 2) < 0.55
    still = (before == 2) & (now == 2)
    longer = names["xor_network"](int(still.sum()))
    longer.params = rest.params[still]
    names["train"](longer, 70_000)
    assert np.any(closer[still] & names["learned"](longer))  # at 1/6 some turn round


def test_no_single_neuron_does_better_on_xor_than_one_half_everywhere():
    z = np.random.default_rng(0).standard_normal((3, 100_000)) * 10.0 ** np.arange(-2, 2).repeat(25_000)
    answers = nnlib.sigmoid(X @ z[:2] + z[2])
    assert np.mean((answers - T) ** 2, axis=0).min() >= 0.25 - 1e-12


def test_half_of_the_relu_networks_at_one_quarter_are_dead(program):
    recipe = program.rows()["NumPy: ReLU"]
    stack = program.build(recipe, 2000)
    program.train(stack, recipe, recipe.epochs)
    near = np.abs(np.mean((stack(X) - T) ** 2, axis=(1, 2)) - 1 / 4) < program.NEAR
    both = (stack.forward(X)[2][near] == 0).all(axis=(1, 2))
    assert 0.45 < both.mean() < 0.6


def test_the_pulls_add_up_to_the_gradient_and_go_the_wrong_way_as_long_as_we_look(names):
    stuck = names["xor_network"]()
    legacy = np.random.RandomState(42)
    stuck.layers[0].W, stuck.layers[2].W = legacy.randn(2, 2), legacy.randn(2, 1)
    mse, alike, losses, slopes = nnlib.MeanSquaredError(), [], [], []
    for more in 10_000, 20_000, 70_000:
        names["train"](stuck, more)
        outputs = stuck.forward(X)
        stuck.backward(outputs, mse.grad(outputs[-1], T))
        hidden, y = outputs[2], outputs[-1]
        delta1 = (2 / 4 * (y - T) * y * (1 - y)) @ stuck.layers[2].W.T * hidden * (1 - hidden)
        pulls, others = delta1[2:, 0], delta1[1::2, 0]
        np.testing.assert_allclose([pulls.sum(), others.sum()], stuck.layers[0].dW[:, 0], rtol=1e-9)
        if not alike:
            np.testing.assert_allclose(pulls, names["delta1"][2:, 0], rtol=1e-12)
            assert 8.5 < -pulls[0] / pulls[1] < 9.5
            assert 26.5 < -others[0] / others[1] < 27.5
        assert pulls[0] < 0 < pulls[1] < -pulls[0]
        assert others[0] < 0 < others[1] < -others[0]
        slopes.append(pulls.sum())
        alike.append(np.abs(hidden[1] - hidden[3]).max())
        losses.append(names["error"](stuck))
    assert slopes == sorted(slopes)
    assert alike == sorted(alike, reverse=True)
    assert losses == sorted(losses, reverse=True)
    assert min(losses) > 1 / 8
    w1, b1, w2, b2 = (
        torch.tensor(p.copy(), requires_grad=True) for layer in stuck.layers[::2] for p in (layer.W, layer.b)
    )
    answer = torch.sigmoid(torch.sigmoid(torch.tensor(X) @ w1 + b1) @ w2 + b2)
    torch.nn.functional.mse_loss(answer, torch.tensor(T)).backward()
    np.testing.assert_allclose(stuck.layers[0].dW, w1.grad, rtol=0, atol=1e-14)


def test_the_way_out_falls_at_every_step_and_between_the_steps(names):
    way, losses = names["way"], names["fell"]
    assert (np.diff(losses) < 0).all()
    between = way[:-1, None] + (way[1:] - way[:-1])[:, None] * np.linspace(0, 1, 6)[:, None]
    surface = names["xor_network"](n_networks=between[..., 0].size)
    surface.params = between.reshape(-1, 9)
    assert (np.diff(names["error"](surface).reshape(between.shape[:2]), axis=1) < 0).all()
    assert nnlib.accuracy(names["stuck"](X), T) == 1
    assert (np.diff(way[:, 0]) < 0).all()
    assert np.isclose(losses[0], 0.1282, atol=5e-5)


def test_the_hill_is_the_corner_1_0_and_sinks_as_the_other_numbers_come_to_hold_it(names):
    way, lower = names["way"], np.linspace(0, 6, 61)
    length = np.append(0, np.linalg.norm(np.diff(way, axis=0), axis=1).cumsum())
    places = way[np.searchsorted(length, [0, 5, 10, 15, 20, length[-1]])]
    down = np.repeat(places[:, None], len(lower), axis=1)
    down[..., 0] -= lower  # the pushed weight alone
    surface = names["xor_network"](n_networks=down[..., 0].size)
    surface.params = down.reshape(-1, 9)
    answers, heights = (v.reshape(len(places), len(lower), -1) for v in (surface(X), names["error"](surface)))
    assert answers[0, 0, 2] > 0.95
    assert answers[0, :, 2].min() < 0.25
    assert np.abs(answers[0, :, :2] - answers[0, 0, :2]).max() == 0  # it cannot touch the other corners with a 0
    climbs = heights.max(axis=(1, 2)) - heights[:, 0, 0]
    assert (np.diff(climbs) <= 0).all()
    assert climbs[0] > 0.1 > 1e-4 > climbs[-2]
    end = names["xor_network"]()
    end.params = way[-1]
    assert end.forward(X)[2][2, 0] < 0.01
    assert end(X)[2, 0] > 0.95
    assert nnlib.sigmoid(end.params[8] + end.params[7] * end.forward(X)[2][2, 1]) > 0.95  # without the first
    # parting (1, 1) from (0, 1) takes a weight far below zero: on the way to zero they draw closer
    first = nnlib.sigmoid(np.array([3.3, 0, -6]) + way[0][2] + way[0][4]) - nnlib.sigmoid(way[0][2] + way[0][4])
    assert first[2] < -0.1
    assert abs(first[1]) < abs(first[0]) < 0.01


# --- the exercises ---


def test_the_levels_of_cross_entropy_and_of_and():
    text = source(CHAPTER, "exercises")
    third = 3 * (-np.log(1 / 3) / 3 - 2 / 3 * np.log(2 / 3))
    known = [np.log(2) / 2, third, third / 4, np.log(2), np.log(3)]
    decimals = re.findall(r"\d+\.\d+", text)
    assert len(decimals) == 6
    assert [number for number in decimals if not agrees(number, known)] == []
    ways = {frozenset(frozenset(np.flatnonzero(np.array(w) == v)) for v in set(w)) for w in product(range(4), repeat=4)}
    sizes = [len(next(group for group in groups if 3 in group)) for groups in ways]
    assert [sizes.count(m) for m in (1, 2, 3, 4)] == [5, 6, 3, 1]
    assert [1 / 4 * (m - 1) / m for m in (2, 3, 4)] == [1 / 8, 1 / 6, 3 / 16]


@pytest.mark.pinned
def test_the_remedies_of_exercise_3_are_measured(names):
    answer = source(CHAPTER, "exercise-3-answer")
    stack = names["stack"]
    near = ~names["learned"](stack) & (np.abs(names["error"](stack) - 1 / 8) < 0.004)
    stuck = stack.params[near][:200]

    def freed(params, hidden=2):
        layers = nnlib.Linear(2, hidden), nnlib.Sigmoid(), nnlib.Linear(hidden, 1), nnlib.Sigmoid()
        network = nnlib.Network(*layers, rng=np.random.default_rng(0), n_networks=200)
        network.params = params
        names["train"](network, 10_000)
        return int(names["learned"](network).sum())

    def normal(hidden):
        layers = nnlib.Linear(2, hidden, nnlib.normal), nnlib.Sigmoid(), nnlib.Linear(hidden, 1, nnlib.normal)
        return nnlib.Network(*layers, nnlib.Sigmoid(), rng=np.random.default_rng(1), n_networks=200)

    wide, two = normal(3), names["xor_network"](200)
    two.params = stuck
    wide.layers[0].W[..., :2], wide.layers[0].b[..., :2] = two.layers[0].W, two.layers[0].b
    wide.layers[2].W[..., :2, :], wide.layers[2].b = two.layers[2].W, two.layers[2].b
    noise = np.random.default_rng(1).standard_normal(stuck.shape)
    pairs = np.array([(0, 1), (0, 2), (1, 3), (2, 3)])

    def merged(hidden):  # of each network: the closest corners with different targets, and how far apart they are
        apart = np.abs(hidden[:, pairs[:, 0]] - hidden[:, pairs[:, 1]]).max(axis=-1)
        return pairs[apart.argmin(axis=1)], apart.min(axis=1)

    where, apart = merged(two.forward(X)[2])
    for params in stuck + noise, stuck / 2:
        moved = names["xor_network"](200)
        moved.params = params
        names["train"](moved, 10_000)
        same = (merged(moved.forward(X)[2])[0] == where).all(axis=1)
        assert (same & ~names["learned"](moved)).sum() == 199
    third = np.take_along_axis(wide.forward(X)[2][..., 2], where, axis=1)
    assert f"by {np.median(apart):.3f} (the median of 200)" in answer
    assert f"the new one by {np.median(np.abs(third[:, 0] - third[:, 1])):.2f} from the start" in answer
    counts = [freed(p) for p in (stuck, stuck + noise, stuck + 3 * noise, stuck / 2, normal(2).params)]
    counts.append(freed(wide.params, 3))
    rows = re.findall(r"^\| .+ \| (\d+) \| ([\d.]+) % to ([\d.]+) % \|$", answer, re.MULTILINE)
    intervals = [[f"{100 * bound:.1f}" for bound in nnlib.wilson_interval(k, 200)] for k in counts]
    assert [(int(k), [low, high]) for k, low, high in rows] == list(zip(counts, intervals, strict=True))
