"""What the check cells of the exercises use: one line that helps and does not give the answer away."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


class CheckFailed(AssertionError):
    """A check that did not pass. In a notebook it shows as its message alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"\N{BALLOT X} {self}"]


def check(
    function: Callable[..., Any],
    args: tuple[npt.NDArray[Any], ...],
    expected: Mapping[str, npt.ArrayLike],
    hints: Mapping[str, str] | None = None,
    tolerance: float = 1e-6,
) -> None:
    """Call ``function(*args)`` and compare what it returns with ``expected``, by name and in order.

    One name means that the function returns one array, several that it returns a tuple of them.
    A value passes if it differs from the expected one by at most ``tolerance``, relative to its size
    where that is above 1. ``hints`` adds, for a name, what to look at. Expected values are never shown.

    Raises `CheckFailed` with one line; prints one line if all is right.
    """
    name = getattr(function, "__name__", "the function")
    returned = _call(name, function, args)
    if len(expected) == 1:
        returned = (returned,)
    elif not isinstance(returned, tuple) or len(returned) != len(expected):
        got = f"{len(returned)} values" if isinstance(returned, tuple) else _kind(returned)
        raise CheckFailed(f"{name}: expected {len(expected)} values, {', '.join(expected)}, got {got}")
    for (label, right), got in zip(expected.items(), returned, strict=True):
        fault = _fault(got, np.asarray(right, dtype=np.float64), tolerance)
        if fault:
            hint = (hints or {}).get(label)
            raise CheckFailed(f"{name}: {label}: {fault}" + (f": {hint}" if hint else ""))
    print(f"\N{CHECK MARK} {name}: {', '.join(expected)} right")


def _call(name: str, function: Any, args: tuple[npt.NDArray[Any], ...]) -> Any:
    if not callable(function):
        raise CheckFailed(f"expected a function, got {_kind(function)}")
    given = tuple(arg.copy() for arg in args)
    try:
        returned = function(*given)
    except NotImplementedError:
        raise CheckFailed(f"{name} is not written yet") from None
    except Exception as error:
        what = (str(error).splitlines() or [""])[0]
        raise CheckFailed(f"{name} raised {type(error).__name__}: {what}") from None
    if returned is None:
        raise CheckFailed(f"{name} returned None: is its `return` missing?")
    if any(not np.array_equal(arg, copy, equal_nan=True) for arg, copy in zip(args, given, strict=True)):
        raise CheckFailed(f"{name} changed one of its arguments: compute a new array instead")
    return returned


def _fault(got: Any, right: npt.NDArray[Any], tolerance: float) -> str | None:
    """Say what is wrong with ``got``, or return None."""
    if not isinstance(got, (np.ndarray, np.generic, float, int)) or isinstance(got, bool):
        return f"expected an array of shape {right.shape}, got {_kind(got)}"
    value = np.asarray(got)
    if value.dtype.kind not in "fiu":
        return f"expected real numbers, got dtype {value.dtype}"
    if value.shape != right.shape:
        return f"expected shape {right.shape}, got {value.shape}"
    if not np.isfinite(value).all():
        return "holds NaN or infinity"
    off = np.abs(value - right) > tolerance * np.maximum(1, np.abs(right))
    if off.any():
        place = tuple(int(i) for i in np.argwhere(off)[0])
        return f"{off.sum()} of {off.size} values differ, the first at {list(place)}" if place else "wrong value"
    return None


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
