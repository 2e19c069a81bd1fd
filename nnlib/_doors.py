"""Checks at the public doors. A message says what was expected, what came, and what to do."""

import math
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlib.activations import FLOATS, Array


def whole_number(what: str, value: Any, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``."""
    try:
        number = None if isinstance(value, (bool, np.bool)) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{what} must be a whole number, got {value!r}")
    if number < least:
        raise ValueError(f"{what} must be at least {least}, got {number}")
    return number


def number(what: str, value: Any) -> float:
    """Return ``value`` as a finite float."""
    result = _real(what, value)
    if not math.isfinite(result):
        raise ValueError(f"{what} must be a finite number, got {result}")
    return result


def positive_number(what: str, value: Any) -> float:
    """Return ``value`` as a finite float above 0."""
    result = _real(what, value)
    if not 0 < result < math.inf:
        raise ValueError(f"{what} must be a finite number above 0, got {result}")
    return result


def share(what: str, value: Any) -> float:
    """Return ``value`` as a float of at least 0 and below 1."""
    result = _real(what, value)
    if not 0 <= result < 1:
        raise ValueError(f"{what} must be at least 0 and below 1, got {result}")
    return result


def float_dtype(what: str, value: npt.DTypeLike) -> np.dtype[Any]:
    """Return ``value`` as the dtype float64 or float32."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = None
    if dtype not in (np.float64, np.float32):
        raise TypeError(f"{what} must be float64 or float32, got {value!r}: use np.float64")
    return dtype


def instance(what: str, value: Any, methods: tuple[str, ...], example: str) -> None:
    """Refuse what lacks one of ``methods``, and a class where an object is needed."""
    if isinstance(value, type) or not all(hasattr(value, method) for method in methods):
        raise TypeError(f"{what} must be an object such as {example}, got {value!r}")


def generator(what: str, value: Any) -> np.random.Generator:
    """Return ``value``, a `numpy.random.Generator`."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(f"{what} must be a numpy.random.Generator, got {value!r}: use np.random.default_rng(seed)")
    return value


def float_array(what: str, value: Any, allowed: tuple[np.dtype[Any], ...] = FLOATS) -> Array:
    """Return ``value``, a plain array of one of the ``allowed`` dtypes with something in it."""
    # Every step of a training comes by here, so what is right is let through with one question. Subclasses are
    # refused too: np.matrix multiplies otherwise, a masked array would lose its mask.
    if type(value) is np.ndarray and value.dtype in allowed and value.size:
        return value
    if type(value) is not np.ndarray:
        mask = isinstance(value, np.ma.MaskedArray)
        advice = f"{what}.filled(...)" if mask else f"np.array({what}, dtype=np.{allowed[0]})"
        raise TypeError(f"{what} must be a NumPy array, got {type(value).__name__}: use {advice}")
    if value.dtype not in allowed:
        raise TypeError(
            f"{what} must have dtype {' or '.join(map(str, allowed))}, got {value.dtype}: "
            f"use {what}.astype(np.{allowed[0]}) if that loses nothing"
        )
    raise ValueError(f"{what} is empty, its shape is {value.shape}: give at least one example")


def float_pair(what: str, value: Any, other_what: str, other: Any) -> None:
    """Refuse anything but two plain arrays of one float dtype, each with something in it."""
    right = type(value) is type(other) is np.ndarray and value.dtype == other.dtype and value.dtype in FLOATS
    if not (right and value.size and other.size):
        float_array(what, value)
        float_array(other_what, other, (value.dtype,))


def finite(what: str, value: Array, advice: str = "") -> None:
    """Refuse NaN and infinity."""
    bad = np.argwhere(~np.isfinite(value))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        raise ValueError(f"{what} must be finite, but {what}{list(place)} is {value[place]}{advice}")


def real_numbers(what: str, value: npt.ArrayLike) -> Array:
    """Return ``value`` as an array of finite float64."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{what} must be real numbers without a mask, got a masked array: use .filled(...)")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what} must be real numbers, got values that are no array: {error}") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{what} must be real numbers, got dtype {array.dtype}")
    array = array.astype(np.float64, copy=False)
    finite(what, array)
    return array


def same_shape(what: str, value: npt.ArrayLike, like: Array) -> Array:
    """Return ``value`` with the shape and dtype of ``like``, broadcasting nothing."""
    array = real_numbers(what, value)
    if array.shape != like.shape:
        raise ValueError(f"{what} has shape {like.shape}, got values of shape {array.shape}")
    with np.errstate(over="ignore"):
        cast = array.astype(like.dtype)
    finite(what, cast)  # what float64 holds may be too large for float32
    return cast


def _real(what: str, value: Any) -> float:
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        raise TypeError(f"{what} must be a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf if value > 0 else -math.inf
