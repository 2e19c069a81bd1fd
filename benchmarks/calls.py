"""Single operations on arrays of XOR's size: two ways to write each, with the same result."""

import numpy as np
from parameters import join, split

import nnlib

SIZES = 2, 2, 1
X, _ = nnlib.xor()
W = np.random.default_rng(0).standard_normal((2, 2))
B = np.random.default_rng(1).standard_normal((1, 2))
DELTA = X @ W
ONES = np.ones((1, 4))
START, STEP = np.random.default_rng(2).standard_normal((2, 9))
LR = 1e-3


def repeated(operation, *args):
    """Return a contender that does one operation again and again, and ends with its result."""

    def contender():
        def run(n):
            for _ in range(n):
                result = operation(*args)
            return result

        return run

    return contender


def four_updates():
    """Return an update of four arrays."""
    params, grads = split(START, SIZES), split(STEP, SIZES)

    def run(n):
        for _ in range(n):
            for p, g in zip(params, grads, strict=True):
                p -= LR * g
        return join(params)

    return run


def one_update():
    """Return the same update of the nine numbers in one array."""
    params, grads = START.copy(), STEP.copy()

    def run(n):
        nonlocal params
        for _ in range(n):
            params -= LR * grads
        return params

    return run


CONTENDERS = {
    "operator": repeated(lambda x, w: x @ w, X, W),
    "dot": repeated(lambda x, w: x.dot(w), X, W),
    "sum": repeated(lambda delta: delta.sum(axis=0, keepdims=True), DELTA),
    "ones": repeated(lambda delta: ONES.dot(delta), DELTA),
    "broadcast": repeated(lambda x, b: x + b, X, B),
    "same_shape": repeated(lambda x, b: x + b, X, DELTA),
    "four_updates": four_updates,
    "one_update": one_update,
}
PAIRS = [("operator", "dot"), ("sum", "ones"), ("four_updates", "one_update")]


def check(n=20):
    """Refuse to go on unless both ways give the same; adding a row and adding a table are two different things."""
    for one, other in PAIRS:
        np.testing.assert_allclose(CONTENDERS[one]()(n), CONTENDERS[other]()(n), rtol=1e-12, err_msg=one)
