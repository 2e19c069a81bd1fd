"""Activation functions: what a neuron makes of its weighted sum ``z``.

Each takes a number or an array of any shape and returns floats of the same shape: float32 for
float32, float64 for everything else that float64 holds. What is not a real number raises `TypeError`.
Every function is finite and silent for every finite input, however large.

The derivatives stand with the layers (`nnlib.layers`), written from the *output* ``y``.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def step(z: npt.ArrayLike) -> Array:
    """Return 1 where ``z > 0``, else 0: the all-or-nothing unit of McCulloch and Pitts (1943).

    >>> step([-2.0, 0.0, 3.0])
    array([0., 0., 1.])
    """
    z = _floats(z)
    return (z > 0).astype(z.dtype)


def sigmoid(z: npt.ArrayLike) -> Array:
    """Return the logistic function ``1 / (1 + exp(-z))``, between 0 and 1.

    >>> sigmoid([-1000.0, 0.0, 2.0]).round(4)
    array([0.    , 0.5   , 0.8808])
    """
    return logistic(_floats(z))


def logistic(z: Array) -> Array:
    """Return `sigmoid` of what is known to be floats, as in a layer: asking costs a small network 1 % of its time."""
    # The same fraction, expanded by exp(z), overflows only where z is large. From 40 on it is 1 to the last digit.
    e = np.exp(np.minimum(z, 40.0))
    e /= 1.0 + e
    return e


def tanh(z: npt.ArrayLike) -> Array:
    """Return the hyperbolic tangent, between -1 and 1.

    >>> tanh([-1000.0, 0.0, 2.0]).round(4)
    array([-1.   ,  0.   ,  0.964])
    """
    return np.tanh(_floats(z))


def relu(z: npt.ArrayLike) -> Array:
    """Return ``max(z, 0)``, the rectified linear unit of Nair and Hinton (2010).

    >>> relu([-2.0, 0.0, 3.0])
    array([0., 0., 3.])
    """
    return np.maximum(_floats(z), 0.0)


def softmax(z: npt.ArrayLike) -> Array:
    """Return ``exp(z) / sum(exp(z))`` along the last axis: positive shares that add up to 1.

    >>> softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    # Subtracting the largest score changes nothing (it cancels) and keeps exp from overflowing.
    e = np.exp(_below_largest(_floats(z)))
    e /= e.sum(axis=-1, keepdims=True)
    return e


def log_softmax(z: npt.ArrayLike) -> Array:
    """Return ``log(softmax(z))`` along the last axis, finite even where softmax rounds to 0.

    >>> log_softmax([0.0, 1000.0])
    array([-1000.,     0.])
    """
    z = _floats(z)
    # A difference may lie beyond the lowest float, a logarithm should not.
    shifted = np.maximum(_below_largest(z), np.finfo(z.dtype).min)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _below_largest(z: Array) -> Array:
    """Return ``z`` minus its largest along the last axis; a difference beyond the lowest float is -inf."""
    if z.shape[-1:] == (0,):
        raise ValueError(f"softmax needs at least one score along the last axis, got shape {z.shape}")
    with np.errstate(over="ignore"):
        return z - z.max(axis=-1, keepdims=True)


def _floats(z: npt.ArrayLike) -> Array:
    """Return ``z`` as an array of float64, or of float32 if that is what it is."""
    if type(z) is np.ndarray and z.dtype in FLOATS:
        return z
    if isinstance(z, np.ma.MaskedArray):
        raise TypeError("an activation function would drop the mask of a masked array: use z.filled(...)")
    z = np.asarray(z)
    if z.dtype.kind not in "fiub" or z.dtype.itemsize > 8:
        raise TypeError(f"an activation function expects real numbers, float64 at most, got dtype {z.dtype}")
    return z.astype(np.float32 if z.dtype == np.float32 else np.float64, copy=False)
