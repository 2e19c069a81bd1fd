"""The check that students see: one line for every way to be wrong, and no expected value in it."""

import numpy as np
import pytest

from nnlib.exercises import CheckFailed, check

X = np.array([[1.0, 2.0], [3.0, 4.0]])
DOUBLE = {"twice": 2 * X}
PAIR = {"twice": 2 * X, "sum": np.array([[10.0]])}


def unfinished(x):
    raise NotImplementedError


def broken(x):
    return x @ np.ones(3)


def long_winded(_):
    raise KeyError("first\nsecond")


def in_place(x):
    x *= 2
    return x


def right(x):
    return 2 * x


WRONG = [
    (None, DOUBLE, "expected a function, got None"),
    (unfinished, DOUBLE, "unfinished is not written yet"),
    (broken, DOUBLE, "broken raised ValueError: matmul"),
    (long_winded, DOUBLE, "long_winded raised KeyError"),
    (lambda _: None, DOUBLE, "returned None: is its `return` missing?"),
    (in_place, DOUBLE, "in_place changed one of its arguments"),
    (lambda _: [2.0], DOUBLE, "twice: expected an array of shape (2, 2), got a list"),
    (lambda _: "2", DOUBLE, "got a str"),
    (lambda _: True, DOUBLE, "got a bool"),
    (lambda x: x > 0, DOUBLE, "expected real numbers, got dtype bool"),
    (lambda x: x.astype(object), DOUBLE, "expected real numbers, got dtype object"),
    (lambda x: 2 * x[0], DOUBLE, "twice: expected shape (2, 2), got (2,)"),
    (lambda _: 2.0, DOUBLE, "expected shape (2, 2), got ()"),
    (lambda x: x * np.nan, DOUBLE, "twice: holds NaN or infinity"),
    (lambda x: 2 * x + [[0, 0], [0, 1e-3]], DOUBLE, "twice: 1 of 4 values differ, the first at [1, 1]"),
    (right, PAIR, "expected 2 values, twice, sum, got a ndarray"),
    (lambda _: 3.0, {"sum": 10.0}, "sum: wrong value: add up all of x"),
    (lambda x: (2 * x,), PAIR, "expected 2 values, twice, sum, got 1 values"),
    (lambda x: (2 * x, np.array([[9.0]])), PAIR, "sum: 1 of 1 values differ, the first at [0, 0]: add up all of x"),
]


@pytest.mark.parametrize(("function", "expected", "words"), WRONG)
def test_wrong_answers_get_one_line_that_does_not_leak(function, expected, words):
    with pytest.raises(CheckFailed) as caught:
        check(function, (X,), expected, {"sum": "add up all of x"})
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "10.0" not in message
    assert caught.value._render_traceback_() == [f"✗ {message}"]


def test_right_answers_pass_in_any_float_type(capsys):
    check(right, (X,), DOUBLE)
    check(lambda x: (2 * x, x.sum(keepdims=True)), (X,), PAIR)
    check(lambda x: (2 * x).astype(np.float32), (X,), DOUBLE)
    check(lambda _: np.float64(10.0), (X,), {"sum": 10.0})
    assert capsys.readouterr().out.splitlines()[0] == "✓ right: twice right"


def test_arguments_stay_as_they_were():
    before = X.copy()
    with pytest.raises(CheckFailed):
        check(in_place, (X,), DOUBLE)
    assert np.array_equal(X, before)
