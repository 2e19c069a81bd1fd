"""Chapter 19: its formulas, its claims in other worlds, and the check of its exercise."""

import re

import nbformat
import numpy as np
import pytest
import scipy.stats
import torch
from refresh import CHAPTERS
from structure import agrees
from studies import half, run, source

import nnlib
from nnlib.exercises import CheckFailed

CHAPTER = "19-recommend"
DEFINE = ["setup", "world", "answer", "learn", "judge", "compare", "align", "cold"]


@pytest.fixture(scope="module")
def chapter():
    """Run the chapter's cells that define and measure, but for the sweep; return the names."""
    names = {}
    for cell in DEFINE:
        run(source(CHAPTER, cell), names)
    return names


@pytest.fixture(scope="module")
def elsewhere():
    """Run the same cells in eleven other worlds, from other starts."""
    names = {}
    for cell in DEFINE:
        text = source(CHAPTER, cell).replace("world(i)", "world(i + 50)").replace("seed=i)", "seed=i + 70)")
        run(text, names)
    return names


# --- the formulas ---


def test_the_interval_is_students():
    assert agrees("2.228", [scipy.stats.t.ppf(0.975, 10)])


@pytest.mark.parametrize("rows", [[3, 1, 3], [0], [4, 4, 4, 2]])
def test_an_embedding_is_a_linear_layer_with_one_hot_rows(rows):
    rng = np.random.default_rng(0)
    W, up = rng.standard_normal((5, 3)), rng.standard_normal((len(rows), 3))
    table = torch.nn.Embedding.from_pretrained(torch.tensor(W), freeze=False)
    taken = table(torch.tensor(rows))
    taken.backward(torch.tensor(up))
    layer = nnlib.Linear(5, 3)
    network = nnlib.Network(layer, rng=rng)
    layer.W, layer.b = W, np.zeros((1, 3))
    X = np.eye(5)[rows]
    outputs = network.forward(X)
    network.backward(outputs, up)
    for ours in outputs[-1], X @ W:
        np.testing.assert_allclose(ours, taken.detach(), rtol=0, atol=1e-12)
    for ours in layer.dW, X.T @ up:
        np.testing.assert_allclose(ours, table.weight.grad, rtol=0, atol=1e-12)


def test_the_gradients_of_the_loss_with_decay_are_those_displayed(chapter):
    answer, decay, k = chapter["answer"], 0.7, 2
    rng = np.random.default_rng(1)
    p, q = rng.standard_normal((4, 1 + k)), rng.standard_normal((5, 1 + k))
    rating, known = rng.standard_normal((4, 5)), rng.random((4, 5)) < 0.6

    def loss(params):
        p, q = np.split(params.reshape(9, 1 + k), [4])
        error = (rating - answer(0.3, p[:, None], q))[known]
        return error @ error / 2 + decay / 2 * params @ params

    params = np.concatenate([p, q]).ravel()
    e = np.where(known, rating - answer(0.3, p[:, None], q), 0)
    ones = np.ones((4, 1)), np.ones((5, 1))
    displayed = [-e @ np.hstack([ones[1], q[:, 1:]]) + decay * p, -e.T @ np.hstack([ones[0], p[:, 1:]]) + decay * q]
    measured = nnlib.numerical_gradient(loss, params)
    np.testing.assert_allclose(np.concatenate(displayed).ravel(), measured, rtol=0, atol=1e-7)


def test_a_matrix_and_its_inverse_change_no_dot_product():
    rng = np.random.default_rng(2)
    p, q, A = rng.standard_normal((6, 3)), rng.standard_normal((7, 3)), rng.standard_normal((3, 3))
    np.testing.assert_allclose((p @ np.linalg.inv(A)) @ (q @ A.T).T, p @ q.T, rtol=0, atol=1e-10)


def test_embeddings_that_start_at_zero_stay_there(chapter):
    p, q = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    ((4.5 - chapter["answer"](3.5, p, q)) ** 2 / 2).backward()
    assert p.grad[0] == -1
    assert not p.grad[1:].any()
    assert not q.grad[1:].any()


def test_the_solved_row_is_the_lowest_point_of_the_loss(chapter):
    rng = np.random.default_rng(3)
    rows, rest, decay = rng.standard_normal((6, 3)), rng.standard_normal(6), 0.8
    row = chapter["solve_row"](rest, rows, decay)
    gradient = -rows.T @ (rest - rows @ row) + decay * row
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    assert not chapter["solve_row"](rest[:0], rows[:0]).any()  # nothing known: level and embedding are 0


# --- the worlds ---


def test_a_world_is_as_described(chapter):
    w, mixed = chapter["world"](3), chapter["world"](3, drawn=4)
    assert np.array_equal(w.liking, mixed.liking)
    for each in w, mixed:
        assert each.film.shape == (300, 20)
        assert all(len(set(films)) == 20 for films in each.film)  # none is seen twice
        noise = each.rating - np.take_along_axis(each.liking, each.film, axis=1)
        assert abs(noise.std() - 0.5) < 0.02
        assert abs(noise.mean()) < 0.03
    chosen = np.take_along_axis(w.liking, w.film, axis=1)
    assert chosen.mean() > w.liking.mean() + 0.3
    assert np.ptp(chosen.mean(axis=0)) < 0.2  # the order of a row says nothing of the liking
    shared = [len(np.intersect1d(*pair)) for pair in zip(w.film, mixed.film, strict=True)]
    assert min(shared) == 16
    everything = chapter["world"](3, drawn=20)
    seen = np.take_along_axis(everything.liking, everything.film, axis=1)
    assert abs(seen.mean() - everything.liking.mean()) < 0.05


def test_nothing_is_learned_from_ratings_kept_back_or_from_new_viewers(chapter):
    w, changed = chapter["world"](1), chapter["world"](1)
    changed.rating[:260, 15:] = 99
    changed.rating[260:] = 99
    changed.film[260:] = 0
    a, b = chapter["learn"](w, seed=4), chapter["learn"](changed, seed=4)
    assert np.array_equal(a.table, b.table)
    assert np.array_equal(a.q, b.q)


def test_no_list_holds_a_film_that_was_seen(chapter):
    w, net = chapter["both"][0]
    best = chapter["ten"](net.table, w.film[:260])
    assert best.shape == (260, 10)
    assert not any(len(np.intersect1d(*pair)) for pair in zip(best, w.film, strict=False))


# --- the claims ---


def test_the_network_beats_its_baselines_in_every_world(chapter, elsewhere):
    for names in chapter, elsewhere:
        error, liked, shown, every, excess, _ = names["found"]  # each (4 methods, 11 worlds)
        for rival in 0, 1:
            assert (error[2] - error[rival]).max() < 0
            assert (liked[2] - liked[rival]).min() > 0
            assert np.mean(error[2] - error[rival]) + half(error[2] - error[rival]) < -0.1
        assert (error[0] - error[1]).min() > 0.15  # levels have the lower error,
        better = liked[1] - liked[0]  # and lists that are no better
        assert better.mean() - half(better) < 0
        assert abs(error[3].mean() - 0.5) < 0.02
        assert shown[:2].mean(axis=1).max() < 30 < 60 < shown[2].mean() < shown[3].mean()
        assert liked[3].mean() - liked[2].mean() < 0.35
        gap = every[2] - error[2]
        assert gap.mean() - half(gap) > 0.05
        assert excess[2].mean() - half(excess[2]) > 0.1


def test_the_level_of_a_viewer_changes_no_list(chapter):
    w = chapter["worlds"][0]
    levels = chapter["learn"](w, 0, seed=0)
    films = levels.mean + np.tile(levels.q[:, 0], (260, 1))
    error, *lists = chapter["judge"](w, films)[:3]
    better, *same = chapter["judge"](w, levels.table)[:3]
    assert lists == same
    assert better < error - 0.05


@pytest.mark.parametrize("decay", [0.5, 4.0, 8.0])
def test_another_shrinkage_does_not_save_the_levels(chapter, decay):
    gaps = []
    for i in range(4):
        w = chapter["worlds"][i]
        rival = chapter["judge"](w, chapter["learn"](w, 0, decay, i).table)
        gaps.append([chapter["found"][0, 2, i] - rival[0], chapter["found"][1, 2, i] - rival[1]])
    error, liked = np.transpose(gaps)
    assert error.max() < -0.1
    assert liked.min() > 0.4


def test_the_learned_map_is_the_true_one_up_to_a_matrix(chapter, elsewhere):
    for names in chapter, elsewhere:
        assert sum(np.array(names["fit"]) < 0.8) == (names is elsewhere)  # one is still on the plateau
        assert max(names["control"]) < 0.25
    assert min(chapter["fit"]) > 0.85


def test_a_few_ratings_place_a_new_viewer(chapter, elsewhere):
    for names in chapter, elsewhere:
        cold = names["cold"]
        gains = cold[1:] - cold[0]
        for gain in gains:
            assert gain.mean() - half(gain) > 0
        assert np.all(np.diff(cold.mean(axis=1)) > 0)
        assert 0.6 * gains[4].mean() < gains[2].mean() < 0.95 * gains[4].mean()
        assert cold[0].mean() > names["found"][1, 1].mean() + 0.1  # better than plain levels


def test_a_row_left_at_its_random_start_is_worse_than_none(chapter):
    rng, at, ten, answer = np.random.default_rng(6), chapter["at"], chapter["ten"], chapter["answer"]
    liked = []
    for w, net in chapter["both"]:
        rows = rng.standard_normal((40, 1, 3))  # as nn.Embedding draws them
        best = ten(answer(net.mean, rows, net.q), w.film[260:])
        liked.append(at(w.liking[260:], best).mean())
    loss = chapter["cold"][0] - liked
    assert loss.mean() - half(loss) > 0


def test_films_with_hardly_a_rating_have_small_rows_and_are_rarely_recommended(chapter):
    rare, listed = [], []
    for w, net in chapter["both"]:
        count = np.bincount(w.film[:260, :15].ravel(), minlength=200)
        rare.append(np.mean(count <= 2))
        listed.append(np.mean(count[chapter["ten"](net.table, w.film[:260])] <= 2))
        assert np.abs(net.q[count == 0]).max(initial=0) < 0.05
    assert np.mean(rare) > 0.02
    assert np.mean(listed) < 0.6 * np.mean(rare)


def test_the_first_settings_left_a_world_on_a_plateau(chapter):
    w = chapter["worlds"][4]
    text = source(CHAPTER, "learn").replace("range(100)", "range(80)").replace("0.3, weight", "0.2, weight")
    slow = {**chapter}
    exec(text, slow)
    assert chapter["agree"](slow["learn"](w, seed=4).q[:, 1:], w.q) < 0.75
    assert chapter["fit"][4] > 0.85


def test_too_many_dimensions_need_decay(chapter):
    def error(i, k, decay):
        w = chapter["worlds"][i]
        return chapter["rmse"](w, chapter["learn"](w, k, decay, i).table, chapter["VALID"])

    for i in range(11):
        best = chapter["rmse"](chapter["worlds"][i], chapter["nets"][i].table, chapter["VALID"])
        assert best < min(error(i, k, 1.0) for k in (1, 4, 8))
    for i in 3, 4:  # the cell shows the worlds 0 to 2
        without = [error(i, k, 0.0) for k in (1, 2, 4, 8)]
        assert without[0] < min(without[1:])
        assert min(without) > error(i, 8, 1.0)


def test_another_start_gives_the_same_answers_and_another_map(chapter):
    names = dict(chapter)
    assert "answers: 0.0" in run(source(CHAPTER, "again"), names)
    swapped = np.corrcoef(chapter["nets"][0].q.T, names["again"].q.T)[1:3, 4:]
    assert np.abs(np.diag(swapped)).max() < 0.1
    assert swapped[0, 1] > 0.95
    assert swapped[1, 0] < -0.95
    net, other = chapter["nets"][5], chapter["learn"](chapter["worlds"][5], seed=200)
    assert np.sqrt(np.mean((net.table - other.table) ** 2)) < 0.1
    assert chapter["agree"](net.q[:, 1:], other.q[:, 1:]) > 0.98


@pytest.fixture(scope="module")
def lots(chapter):
    """Return, for each number of films drawn by lot, what `judge` says of the network, (6, 11)."""
    found = {0: chapter["found"][:, 2]}
    for drawn in 2, 4, 10, 20:
        drawn_worlds = [chapter["world"](i, drawn=drawn) for i in range(11)]
        tables = [chapter["learn"](w, seed=i).table for i, w in enumerate(drawn_worlds)]
        found[drawn] = np.transpose(list(map(chapter["judge"], drawn_worlds, tables)))
    return found


def test_a_lottery_helps_and_costs(chapter, elsewhere, lots):
    rows = []
    for i in range(11):
        w = chapter["world"](i + 50, drawn=4)
        rows.append(chapter["judge"](w, chapter["learn"](w, seed=i + 70).table))
    for change in lots[4] - lots[0], np.transpose(rows) - elsewhere["found"][:, 2]:
        test, liked, films, every, excess, watched = change
        assert every.mean() + half(every) < 0
        assert liked.mean() - half(liked) > 0
        assert excess.mean() + half(excess) < 0
        assert watched.mean() + half(watched) < 0
        for unseen in test, films:
            assert abs(unseen.mean()) < half(unseen)
    assert lots[0][3].mean() / lots[0][0].mean() > 1.15  # larger by a fifth


def test_answers_are_too_high_where_viewers_choose_and_not_by_lot(chapter):
    for drawn, low, high in (0, 0.1, 0.4), (20, -0.06, 0.06):
        worlds = [chapter["world"](i, drawn=drawn) for i in range(4)]
        nets = [chapter["learn"](w, seed=i) for i, w in enumerate(worlds)] if drawn else chapter["nets"][:4]
        excess = [np.mean(net.table - w.liking[:260]) for w, net in zip(worlds, nets, strict=True)]
        assert low < np.mean(excess) < high


@pytest.mark.pinned
def test_the_table_of_exercise_3_is_measured(chapter, lots):
    text = source(CHAPTER, "exercise-3-answer").replace("−", "-")
    rows = re.findall(r"^\| (\d+) of 20 \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert [int(row[0]) for row in rows] == [0, 2, 4, 10, 20]
    for drawn, *columns in rows:
        for i, column in zip((5, 3, 1), columns, strict=True):
            x, change = lots[int(drawn)][i], lots[int(drawn)][i] - lots[0][i]
            expected = f"{x.mean():.3f}" + (f", {chapter['interval'](change)}" if int(drawn) else "")
            assert column == expected
    shown = " ".join(re.search(r"afterwards (.+?) films", text)[1].replace("and", "").replace(",", "").split())
    assert shown == " ".join(f"{lots[drawn][2].mean():.0f}" for drawn in (0, 2, 4, 10, 20))


# --- the exercises ---


def test_the_numbers_of_exercise_1():
    text = source(CHAPTER, "exercises").split("<summary>Solution")[1].replace("−", "-")
    assert 260 * 3 + 200 * 3 + 1 == 1381
    known = [100 * 1381 / 52000, 1.5, 2 * 1.5 / 5, 2 * 1.5 / 4, -0.6, -0.75]
    p, q = np.array([0.5, 1]), np.array([-0.4, 0.6])
    known += [*p, *q, p[0] * q[0], p[1] * q[1], p @ q, 2 / 4, 18 / 20]
    decimals = re.findall(r"-?\d+\.\d+", text)
    assert len(decimals) > 10
    assert [number for number in decimals if not agrees(number, known)] == []
    np.testing.assert_allclose(p @ q, np.dot([1, -0.5], [0.6, 0.4]))


def solution():
    names = {"np": np}
    exec(source(CHAPTER, "exercise-2-answer"), names)
    return names["step_rows"]


def test_the_solution_of_exercise_2_is_a_step_of_pytorch(chapter):
    rng = np.random.default_rng(5)
    for k in 1, 2, 5:
        p, q = rng.standard_normal((2, 1 + k))
        theirs = [torch.tensor(row, requires_grad=True) for row in (p, q)]
        sgd = torch.optim.SGD(theirs, lr=0.2, weight_decay=0.3)
        ((2.5 - chapter["answer"](3.1, *theirs)) ** 2 / 2).backward()
        sgd.step()
        for ours, row in zip(solution()(p, q, 3.1, 2.5, 0.2, 0.3), theirs, strict=True):
            np.testing.assert_allclose(ours, row.detach(), rtol=0, atol=1e-12)


def changed(*pairs):
    """Return the solution with pieces of its source replaced."""
    text = source(CHAPTER, "exercise-2-answer")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    names = {"np": np}
    exec(text, names)
    return names["step_rows"]


WRONG = {
    "one after the other": [("    dq =", "    p, dp = p - lr * dp, 0 * p\n    dq =")],
    "uphill": [("p - lr * dp, q - lr * dq", "p + lr * dp, q + lr * dq")],
    "no decay": [(" + decay * p", ""), (" + decay * q", "")],
    "decay of the other row": [("decay * p", "decay * q"), ("+ decay * q\n    dq", "+ decay * q\n    dq")],
    "decay upwards": [("+ decay * p", "- decay * p"), ("+ decay * q", "- decay * q")],
    "levels in the dot product": [("- p[0] - q[0] - p[1:] @ q[1:]", "- p @ q")],
    "levels move along levels": [("[one, q[1:]]", "[q[:1], q[1:]]"), ("[one, p[1:]]", "[p[:1], p[1:]]")],
    "levels stay": [("np.ones(1)", "np.zeros(1)")],
    "each along itself": [("[one, q[1:]]", "[one, p[1:]]")],
    "squared error without the half": [("p - lr * dp, q - lr * dq", "p - 2 * lr * dp, q - 2 * lr * dq")],
    "in place": [("return p - lr * dp, q - lr * dq", "p -= lr * dp\n    q -= lr * dq\n    return p, q")],
    "embeddings alone": [("return p - lr * dp, q - lr * dq", "return (p - lr * dp)[1:], (q - lr * dq)[1:]")],
    "nothing": [("return p - lr * dp, q - lr * dq", "return None")],
}


def test_the_check_of_exercise_2_passes_the_step(capsys):
    exec(source(CHAPTER, "exercise-2-check"), {"np": np, "step_rows": solution()})
    assert capsys.readouterr().out.count("right") == 3


@pytest.mark.parametrize("name", WRONG)
def test_the_check_of_exercise_2_fails_a_wrong_step(name):
    with pytest.raises(CheckFailed) as failed:
        exec(source(CHAPTER, "exercise-2-check"), {"np": np, "step_rows": changed(*WRONG[name])})
    assert "\n" not in str(failed.value)
    assert not re.search(r"1\.03|0\.65|0\.375", str(failed.value))
    hints = {"level": "level is not", "one after": "as both were before", "decay": "decay alone"}
    for word, hint in hints.items():
        assert hint in str(failed.value) or word not in name


def test_no_cell_needs_the_exercise():
    cells = nbformat.read(CHAPTERS / f"{CHAPTER}.ipynb", as_version=4).cells
    users = [cell.id for cell in cells if cell.cell_type == "code" and "step_rows" in cell.source]
    assert users == ["exercise-2-answer", "exercise-2-check"]
