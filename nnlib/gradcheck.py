"""Gradient checking: hold a backward pass against the definition of the derivative."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnlib import _doors
from nnlib.activations import Array
from nnlib.layers import Linear
from nnlib.losses import Loss
from nnlib.network import Network


def numerical_gradient(f: Callable[[Array], Any], params: Array, step: float = 1e-5) -> Array:
    """Return the gradient of ``f`` at ``params (*stack, n_params)`` by central differences.

    ``f`` takes such an array and returns one number per network. Each partial derivative is
    ``(f(p + step) - f(p - step)) / (2 step)``, wrong by about ``step**2`` and by the rounding of ``f``
    over ``step``; ``params`` stays as it is.

    >>> numerical_gradient(lambda p: p[0] ** 2 * p[1], np.array([3.0, 2.0])).round(6)
    array([12.,  9.])
    """
    _doors.float_array("params", params)
    _doors.positive_number("numerical_gradient: step", step)
    stack = params.shape[:-1]
    if params.ndim == 0:
        raise ValueError("params must be a row of numbers, (*stack, n_params), got a single one of shape ()")
    value = np.asarray(f(params.copy()))
    if value.shape != stack or value.dtype.kind not in "fiu":
        raise ValueError(
            f"f must return one number per network, of shape {stack} for params of shape {params.shape}, "
            f"got {value.dtype} of shape {value.shape}"
        )
    if ((params + step) - (params - step) == 0).any():
        raise ValueError(
            f"numerical_gradient: step {step} is lost in rounding beside the largest parameter: use a larger"
        )
    gradient = np.empty_like(params)
    for j in range(params.shape[-1]):
        up, down = params.copy(), params.copy()
        up[..., j] += step
        down[..., j] -= step
        # Divide by the step that rounding really left, not by the one that was asked for.
        gradient[..., j] = (f(up) - f(down)) / (up[..., j] - down[..., j])
    return gradient


def check_gradients(network: Network, loss: Loss, x: Array, target: Array, tolerance: float = 1e-7) -> float:
    """Compare `Network.backward` with central differences and return the relative difference.

    That is ``||a - n|| / (||a|| + ||n||)`` over all parameters, ``a`` from backward and ``n`` numerical,
    and 0 where both are zero throughout, as for a network of dead ReLUs.
    Use float64 and inputs away from ReLU's kink. ``network`` keeps its parameters.

    Raises `AssertionError` where the difference exceeds ``tolerance``, naming the parameter that is
    furthest off, its index and both values; shapes and types raise as in `Network.forward`.
    """
    _doors.instance("check_gradients: network", network, ("forward", "params"), "Network(...)")
    _doors.instance("check_gradients: loss", loss, ("value", "grad"), "MeanSquaredError()")
    _doors.positive_number("check_gradients: tolerance", tolerance)
    if network.params.dtype != np.float64:
        raise TypeError(
            f"check_gradients needs a network of dtype float64, got {network.params.dtype}: "
            "differences of float32 are too coarse, build the network with dtype=np.float64"
        )
    outputs = network.forward(x)
    analytic = network.backward(outputs, loss.grad(outputs[-1], target)).copy()
    params = network.params.copy()

    def loss_at(moved: Array) -> Any:
        network.params[...] = moved
        return loss.value(network(x), target)

    try:
        numerical = numerical_gradient(loss_at, params)
    finally:
        network.params[...] = params
    size = float(np.linalg.norm(analytic) + np.linalg.norm(numerical))
    difference = float(np.linalg.norm(analytic - numerical)) / size if size else 0.0
    if not difference <= tolerance:
        raise AssertionError(_worst(network, analytic, numerical, difference))
    return difference


def _worst(network: Network, analytic: Array, numerical: Array, difference: float) -> str:
    """Name the parameter that is furthest off; a NaN is further off than any number."""
    gap = np.nan_to_num(np.abs(analytic - numerical), nan=np.inf)
    place = np.unravel_index(int(gap.argmax()), gap.shape)
    who = f" of network {place[0]}" if gap.ndim == 2 else ""
    return (
        f"{_name(network, int(place[-1]))}{who}: backward gives {analytic[place]:.6g}, "
        f"central differences give {numerical[place]:.6g} (relative difference over all parameters {difference:.1e})"
    )


def _name(network: Network, j: int) -> str:
    """Return the name of parameter ``j`` of the flat array, such as ``layers[0].W[1, 0]``."""
    for i, layer in enumerate(network.layers):
        if isinstance(layer, Linear) and j < layer.n_params:
            row, column = divmod(j, layer.n_out)
            return f"layers[{i}].W[{row}, {column}]" if row < layer.n_in else f"layers[{i}].b[0, {column}]"
        j -= layer.n_params
    raise IndexError(j)
