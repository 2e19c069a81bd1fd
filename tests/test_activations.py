"""The activation functions: known values, SciPy's values, and quiet at the end of the number range."""

import re

import numpy as np
import pytest
import scipy.special

from nnlib import log_softmax, relu, sigmoid, softmax, step, tanh

FUNCTIONS = [step, sigmoid, tanh, relu, softmax, log_softmax]
ROW = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])
REACH = {np.float64: 1e308, np.float32: 3e38}
every_function = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)


@pytest.mark.parametrize(
    ("f", "z", "expected"),
    [
        (step, [-2.0, -1e-300, 0.0, 1e-300, 3.0], [0, 0, 0, 1, 1]),
        (relu, [-2.0, 0.0, 3.5], [0, 0, 3.5]),
        (sigmoid, [-np.log(3), 0.0, np.log(3)], [0.25, 0.5, 0.75]),
        (sigmoid, [-1000.0, 1000.0], [0, 1]),
        (tanh, [-np.log(3), 0.0, np.log(3)], [-0.8, 0, 0.8]),
        (tanh, [-1000.0, 1000.0], [-1, 1]),
        (softmax, np.log([1.0, 2.0, 5.0]), [0.125, 0.25, 0.625]),
        (softmax, [1000.0, 1000.0], [0.5, 0.5]),
        (softmax, [[0.0, 1000.0], [7.0, 7.0]], [[0, 1], [0.5, 0.5]]),
        (log_softmax, np.log([1.0, 2.0, 5.0]), np.log([0.125, 0.25, 0.625])),
        (log_softmax, [0.0, 1000.0], [-1000, 0]),
    ],
)
def test_known_values(f, z, expected):
    np.testing.assert_allclose(f(z), expected, rtol=1e-15, atol=1e-300)


@pytest.mark.parametrize(
    ("f", "name"), [(sigmoid, "expit"), (softmax, "softmax"), (log_softmax, "log_softmax")], ids=lambda f: str(f)
)
def test_against_scipy(f, name):
    reference = getattr(scipy.special, name)
    for scale in [1e-3, 1, 30, 500]:
        z = np.random.default_rng(0).normal(scale=scale, size=(50, 7))
        along = {} if name == "expit" else {"axis": -1}
        np.testing.assert_allclose(f(z), reference(z, **along), rtol=1e-13, atol=1e-300)


@every_function
@pytest.mark.parametrize("dtype", REACH)
def test_finite_and_silent_for_every_finite_input(f, dtype):
    # Warnings are errors in these tests, but underflow: a share of 1e-400 is 0 as it should be.
    largest = dtype(REACH[dtype])
    ends = [dtype(10.0) ** k for k in range(np.finfo(dtype).minexp // 4, np.finfo(dtype).maxexp // 4)]
    z = np.array([0, *ends, largest, np.finfo(dtype).max, np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal])
    z = np.concatenate([z, -z]).astype(dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for pair in [z, np.stack([z, z[::-1]], axis=-1), np.stack([z, 0 * z], axis=-1), z[:, None]]:
            y = f(pair)
            assert y.dtype == dtype
            assert y.shape == pair.shape
            assert np.isfinite(y).all()
    low, high = {step: (0, 1), sigmoid: (0, 1), tanh: (-1, 1), softmax: (0, 1)}.get(f, (-np.inf, np.inf))
    assert ((low <= f(z)) & (f(z) <= high)).all()


@every_function
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, bool])
def test_integers_become_float64(f, dtype):
    z = np.array([0, 1, 1, 0], dtype)
    y = f(z)
    assert y.dtype == np.float64
    assert np.array_equal(y, f(z.astype(np.float64)))
    assert f([0, 1]).dtype == np.float64


@every_function
def test_float32_stays_float32(f):
    y = f(ROW.astype(np.float32))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, f(ROW), rtol=1e-6)


@every_function
@pytest.mark.parametrize(
    "z",
    [1j, np.array([1j]), np.array([1.0], object), [None], "1", np.array(["1.0"]), np.array(["2024-01-01"], "M8[D]")],
    ids=["complex", "complex array", "object", "None", "string", "string array", "date"],
)
def test_what_is_no_real_number_is_refused(f, z):
    with pytest.raises(TypeError, match=re.escape(f"got dtype {np.asarray(z).dtype}")):
        f(z)


@every_function
def test_a_mask_is_not_dropped_in_silence(f):
    with pytest.raises(TypeError, match="masked"):
        f(np.ma.masked_array(ROW, ROW < 0))


@every_function
def test_the_input_is_not_modified(f):
    for dtype in [np.float64, np.float32]:
        z = ROW.astype(dtype)
        y = f(z)
        assert not np.shares_memory(y, z)
        assert np.array_equal(z, ROW)


@every_function
def test_a_number_is_enough(f):
    for z in [0.75, np.float64(0.75), np.array(0.75), np.float32(0.75)]:
        y = f(z)
        assert np.shape(y) == ()
        assert y == f(np.array([z]))[0]
        assert y.dtype == np.asarray(z).dtype
    assert f(1) == f(1.0)


@every_function
def test_any_shape(f):
    z = np.linspace(-2, 2, 24).reshape(2, 3, 4)
    y = f(z)
    assert y.shape == z.shape
    assert np.array_equal(y[1, 2], f(z[1, 2]))
    assert np.array_equal(f(z[:, ::2]), y[:, ::2])


def test_shares_add_up_to_one():
    z = np.random.default_rng(0).normal(scale=5, size=(3, 4, 6))
    np.testing.assert_allclose(softmax(z).sum(axis=-1), 1, rtol=1e-14)
    np.testing.assert_allclose(np.exp(log_softmax(z)), softmax(z), rtol=1e-14)
