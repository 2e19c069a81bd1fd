"""Chapter 10: every planted bug is caught, and training does not reveal it; what its prose says of the check itself."""

import inspect
import linecache
import re

import numpy as np
import pytest
import torch
from studies import by_chance, source

import nnlib

CHAPTER = "10-gradient-check"
BUGS = "ABCDEF"


def run(cell, names):
    """Run a cell up to its figure; what it defines can be read again, as in a notebook."""
    text = re.split(r"^(?:counts|for row|swapped)\b", source(CHAPTER, cell), flags=re.MULTILINE)[0]
    file = f"<{CHAPTER} {cell}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), names)


@pytest.fixture(scope="module")
def names():
    names = {"np": np, "nnlib": nnlib, "sigmoid": nnlib.sigmoid, "inspect": inspect}
    for cell in "step", "numerical", "check", "plant", "fig-fingerprints", "train":
        run(cell, names)
    return names


def test_the_gradient_on_trial_is_that_of_torch_and_of_the_printed_formulas(names):
    x, t, params = names["X"], names["T"], names["params"]
    tensors = [torch.tensor(p, requires_grad=True) for p in params]
    w1, b1, w2, b2 = tensors
    y = torch.sigmoid(torch.sigmoid(torch.tensor(x) @ w1 + b1) @ w2 + b2)
    torch.nn.functional.mse_loss(y, torch.tensor(t)).backward()
    automatic = np.concatenate([tensor.grad.numpy().ravel() for tensor in tensors])
    np.testing.assert_allclose(names["claimed"](names["step"], x, t, params), automatic, rtol=0, atol=1e-14)
    measured = names["numerical_gradient"](names["loss"], x, t, params)
    np.testing.assert_allclose(measured, automatic, rtol=0, atol=1e-9)


def test_the_derivative_by_hand_and_the_orders_of_both_differences():
    z = torch.tensor(8 * nnlib.sigmoid(2) - 6, requires_grad=True)
    ((torch.sigmoid(z) - 1) ** 2).backward()
    y = float(nnlib.sigmoid(z.item()))
    assert np.isclose(2 * (y - 1) * y * (1 - y), z.grad, rtol=0, atol=1e-14)

    def f(by):
        return float(nnlib.sigmoid(z.item() + by) - 1) ** 2

    def errors(eps):
        return (f(eps) - f(0)) / eps - z.grad, (f(eps) - f(-eps)) / (2 * eps) - z.grad

    one, half = errors(0.1), errors(0.05)
    assert abs(one[0] / half[0] - 2) < 0.1
    assert abs(one[1] / half[1] - 4) < 0.1
    assert abs(errors(1e-5)[1]) < 1e-9


def test_every_bug_is_caught_at_random_parameters_and_the_right_step_is_not(names):
    off = {name: names["off"](suspect, names["params"]) for name, suspect in names["suspects"].items()}
    assert list(off) == ["right", *BUGS, "G"]
    assert off.pop("right") < 1e-9
    assert min(off.values()) > 1e-3
    zeros = [0 * p for p in names["params"]]
    for suspect in names["suspects"].values():
        assert np.abs(names["claimed"](suspect, names["X"], names["T"], zeros)).max() < 1e-15


def test_the_fingerprints(names):
    measured = names["measured"]
    wrong, single = {}, {}
    for name, suspect in names["suspects"].items():
        g = names["claimed"](suspect, names["X"], names["T"], names["params"])
        blocks = [np.split(a, [8, 12, 16]) for a in (g, measured)]
        pairs = [(a, m) for a, m in zip(*blocks, strict=True) if names["difference"](a, m) > 1e-7]
        wrong[name] = [names["difference"](a, m) > 1e-7 for a, m in zip(*blocks, strict=True)]
        ratios = np.concatenate([a / m for a, m in pairs]) if pairs else np.ones(1)
        single[name] = np.ptp(ratios) < 1e-5
    first, bias = [True, True, False, False], [False, True, False, False]
    assert wrong == {"right": 4 * [False], "A": 4 * [True], "B": bias} | {
        "C": first,
        "D": 4 * [True],
        "E": bias,
        "F": first,
        "G": first,
    }
    assert [name for name in BUGS if single[name]] == ["A", "E"]
    for name, suspect in names["suspects"].items():
        ratio = names["claimed"](suspect, names["X"], names["T"], names["params"]) / measured
        into_neurons = ratio[:12].reshape(3, 4)  # two rows of W1 and b1; a column for each hidden neuron
        assert (np.ptp(into_neurons, axis=0).max() < 1e-5) == (name not in "BDEFG"), name


def test_only_the_early_update_follows_the_learning_rate(names):
    for name in BUGS:
        large, small = (names["off"](names["suspects"][name], names["params"], lr) for lr in (0.1, 0.001))
        assert abs(large / small - (100 if name == "C" else 1)) < 0.1 * large / small
    early, right = (names["off"](names["suspects"][name], names["params"], 1e-5) for name in ("C", "right"))
    assert early < 1e-7
    assert 300 < early / right < 3000


def test_another_step_moves_truncation_and_rounding_and_no_bug(names):
    eps = 1e-4, 1e-5, 1e-6
    measured = [names["numerical_gradient"](names["loss"], names["X"], names["T"], names["params"], e) for e in eps]
    for name, suspect in names["suspects"].items():
        claims = names["claimed"](suspect, names["X"], names["T"], names["params"])
        d = [names["difference"](claims, m) for m in measured]
        if name == "right":
            assert min(d[0], d[2]) > 5 * d[1]
        else:
            assert np.ptp(d) < 0.01 * d[1]


@pytest.fixture(scope="module")
def studies(names):
    """Return how many of 500 learn, with the chapter's own seed and with another."""
    return [{name: names["learned"](step, seed=seed) for name, step in names["suspects"].items()} for seed in (0, 1)]


def test_the_rates_are_those_of_another_seed(studies):
    for name in studies[0]:
        a, b = (counts[name] / 500 for counts in studies)
        assert abs(a - b) <= by_chance(a, b, 500), name


def test_training_does_not_reveal_the_six(studies):
    counts = studies[0]
    for name in BUGS:
        assert counts[name] >= 0.98 * 500
        assert nnlib.wilson_interval(counts[name], 500)[1] > nnlib.wilson_interval(counts["right"], 500)[0]
    assert counts["C"] == counts["right"]
    assert min(counts[name] for name in "BDE") > counts["right"]
    assert counts["G"] < 0.5 * 500


def test_the_steps_of_the_v_are_near_those_of_the_formula(names):
    steps = np.logspace(0, -12, 25)
    exact = names["claimed"](names["step"], names["X"], names["T"], names["params"])
    for dtype in np.float64, np.float32:
        data = *nnlib.xor(dtype), [p.astype(dtype) for p in names["params"]]
        d = np.array([names["difference"](exact, names["numerical_gradient"](names["loss"], *data, e)) for e in steps])
        r = float(np.finfo(dtype).eps)
        assert abs(np.log10(steps[d.argmin()] / r ** (1 / 3))) < 0.8
        assert 0.1 < d.min() / r ** (2 / 3) < 10
        if dtype is np.float64:
            assert (d[(steps > 0.9e-7) & (steps < 1.1e-4)] < 1e-7).all()
            assert d[steps < 1.1e-10].min() > 1e-7
            assert d[steps > 0.9e-2].min() > 1e-7
        else:
            assert d.min() > 1e-5
            assert (d[steps < 0.9e-8] > 0.9).all()


def test_exercise_1_is_computed():
    for eps, forward, central in (0.1, 12.61, 12.01), (0.05, 12.3025, 12.0025):
        assert np.isclose(((2 + eps) ** 3 - 8) / eps, forward)
        assert np.isclose(((2 + eps) ** 3 - (2 - eps) ** 3) / (2 * eps), central)
    x = np.random.default_rng(0).uniform(1, 4, 2000)
    wrong = [np.std(((x + eps) ** 2 - (x - eps) ** 2) / (2 * eps) - 2 * x) for eps in (1e-2, 0.1, 2.5, 100, 1e4)]
    assert np.argmin(wrong) == 2
    assert min(np.diff(wrong)[2:]) > 0 > max(np.diff(wrong)[:2])


def test_the_answer_to_exercise_3(names):
    answer = source(CHAPTER, "exercise-3-answer")
    own = names["plant"](*re.search(r'plant\("(.*?)", "(.*?)"\)', answer).groups())
    k = names["learned"](own)
    low, high = nnlib.wilson_interval(k, 500)
    assert f"{k} of 500 starts, {k / 5:.1f} % [{100 * low:.1f}, {100 * high:.1f}]" in answer
    g = names["claimed"](own, names["X"], names["T"], names["params"])
    assert np.allclose(g[:16], names["measured"][:16], rtol=0, atol=1e-9)
    assert round(names["difference"](g[16:], names["measured"][16:]), 2) == 1
    blind = [*names["params"][:2], np.zeros((4, 1)), np.zeros((1, 1))]
    assert names["off"](own, blind) < 1e-7
    assert np.abs(names["claimed"](own, names["X"], names["T"], blind)[12:16]).max() > 1e-4


def test_the_defaults_of_torchs_own_check():
    defaults = {name: p.default for name, p in inspect.signature(torch.autograd.gradcheck).parameters.items()}
    written = source(CHAPTER, "in-practice")
    assert "step of `1e-6` and the tolerances `atol=1e-5` and `rtol=1e-3`" in written
    assert [defaults[name] for name in ("eps", "atol", "rtol")] == [1e-6, 1e-5, 1e-3]
    assert "double precision" in torch.autograd.gradcheck.__doc__
