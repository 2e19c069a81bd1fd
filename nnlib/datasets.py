"""Data sets small enough to read."""

import numpy as np
import numpy.typing as npt

from nnlib import _doors
from nnlib.activations import Array


def xor(dtype: npt.DTypeLike = np.float64) -> tuple[Array, Array]:
    """Return the four inputs ``x (4, 2)`` of exclusive or and their targets ``(4, 1)``.

    >>> x, target = xor()
    >>> np.hstack([x, target])
    array([[0., 0., 0.],
           [0., 1., 1.],
           [1., 0., 1.],
           [1., 1., 0.]])
    """
    dtype = _doors.float_dtype("xor: dtype", dtype)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
    target = np.array([[0], [1], [1], [0]], dtype)
    return x, target
