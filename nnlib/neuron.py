"""One artificial neuron, and how a single one learns. From chapter 4 on, a `Linear` layer holds many."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nnlib import _doors
from nnlib.activations import Array, step


class Neuron:
    """A neuron: ``y = activation(w . x + b)``, a weighted sum of the inputs and a bias, passed through a function.

    ``weights`` is one number per input, ``(n_in,)``, and ``bias`` a number; both are copied, as float64.
    With the `step` of the default it is the threshold unit of McCulloch and Pitts (1943).

    Raises `TypeError` or `ValueError` for weights that are not a row of finite numbers, for a bias that is no
    finite number, and for an activation that is no function.

    >>> both = Neuron([1.0, 1.0], -1.5)
    >>> both([[0, 0], [0, 1], [1, 0], [1, 1]])
    array([0., 0., 0., 1.])
    """

    def __init__(self, weights: npt.ArrayLike, bias: float, activation: Callable[[Array], Array] = step) -> None:
        self.weights = _doors.real_numbers("Neuron: weights", weights).copy()
        if self.weights.ndim != 1 or not self.weights.size:
            raise ValueError(f"Neuron: weights must be one number per input, (n_in,), got shape {self.weights.shape}")
        self.bias = _doors.number("Neuron: bias", bias)
        if not callable(activation):
            raise TypeError(f"Neuron: activation must be a function such as nnlib.step, got {activation!r}")
        self.activation = activation

    def weighted_sum(self, x: npt.ArrayLike) -> Array:
        """Return ``w . x + b``: a number for one example ``x (n_in,)``, ``(n,)`` for ``n`` of them, ``(n, n_in)``."""
        x = _doors.real_numbers("x", x)
        n_in = len(self.weights)
        if x.ndim not in (1, 2) or x.shape[-1] != n_in:
            raise ValueError(f"this neuron expects x of shape ({n_in},) or (n, {n_in}), got {x.shape}")
        return x @ self.weights + self.bias

    def __call__(self, x: npt.ArrayLike) -> Array:
        """Return ``activation(w . x + b)``, shaped and refused as in `weighted_sum`."""
        return self.activation(self.weighted_sum(x))

    def __repr__(self) -> str:
        return f"Neuron({np.asarray(self.weights).tolist()}, {self.bias})"


def perceptron_update(neuron: Neuron, x: npt.ArrayLike, target: float, lr: float = 1.0) -> bool:
    """Show ``neuron`` one example, correct it if it was wrong, and return whether it was.

    The rule of the perceptron (so called by Rosenblatt, 1958): ``w += lr (target - y) x`` and
    ``b += lr (target - y)``, for an example ``x (n_in,)`` with ``target`` 0 or 1. If some weights and bias classify
    all examples, then, shown again and again, they are classified after finitely many corrections (Novikoff, 1962).

    Raises `TypeError` or `ValueError` for anything else; the neuron must have the `step` activation, whose answers
    are 0 and 1.

    >>> neuron = Neuron([0.0, 0.0], 0.0)
    >>> perceptron_update(neuron, [1, 1], target=1), neuron
    (True, Neuron([1.0, 1.0], 1.0))
    """
    if not isinstance(neuron, Neuron):
        raise TypeError(f"perceptron_update: neuron must be a Neuron, got {neuron!r}")
    if neuron.activation is not step:
        raise ValueError("perceptron_update: the rule needs answers 0 and 1, so the neuron's activation must be step")
    if _doors.number("perceptron_update: target", target) not in (0, 1):
        raise ValueError(f"perceptron_update: target must be 0 or 1, got {target}")
    lr = _doors.positive_number("perceptron_update: lr", lr)
    x = _doors.real_numbers("x", x)
    if x.ndim != 1:
        raise ValueError(f"perceptron_update: x must be one example of shape ({len(neuron.weights)},), got {x.shape}")
    error = target - float(neuron(x))
    neuron.weights = neuron.weights + lr * error * x
    neuron.bias = neuron.bias + lr * error
    return error != 0
