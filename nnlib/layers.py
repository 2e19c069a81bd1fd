"""Layers: each is two functions, and remembers nothing.

``forward(x) -> y`` computes the layer's output; ``backward(x, y, dy) -> dx`` takes the gradient of
the loss with respect to that output and returns the one with respect to the input. What went in
and what came out are handed over, not stored, so a second forward pass can't spoil a backward pass.

Rows are examples: ``x (*stack, batch, n_in)``, ``y (*stack, batch, n_out)``. ``stack`` is ``()`` for
one network, or ``(n_networks,)`` for many of the same shape computed at once by the same code.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnlib import _doors
from nnlib.activations import Array, relu, sigmoid, tanh
from nnlib.initializers import Initializer, glorot_uniform


class Layer:
    """What every layer has. One without parameters needs no more than the two functions."""

    n_params = 0

    def forward(self, x: Array) -> Array:
        """Return the output ``y`` for the input ``x``."""
        raise NotImplementedError

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Return the gradient with respect to ``x``, given ``y = forward(x)`` and the gradient ``dy``."""
        raise NotImplementedError

    def parameter_gradients(self, x: Array, dy: Array) -> None:
        """Write the gradients with respect to the layer's parameters, if it has any."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Linear(Layer):
    """Weighted sums: ``y = x @ W + b``, with ``W (*stack, n_in, n_out)`` and ``b (*stack, 1, n_out)``.

    ``W`` and ``b``, and their gradients ``dW`` and ``db``, exist once the layer stands in a `Network`:
    they are views into the network's flat ``params`` and ``grads``. Assigning to ``W`` or ``b`` copies
    the values in. ``init`` draws the start values, see `nnlib.initializers`.

    Raises `TypeError` for a size that is no whole number, `ValueError` for one below 1.

    >>> Linear(2, 3).n_params
    9
    """

    dW: Array
    db: Array

    def __init__(self, n_in: int, n_out: int, init: Initializer = glorot_uniform) -> None:
        self.n_in = _doors.whole_number("Linear: n_in", n_in)
        self.n_out = _doors.whole_number("Linear: n_out", n_out)
        if not callable(init):
            raise TypeError(f"Linear: init must be an initializer such as nnlib.normal, got {init!r}")
        self.init = init
        self.n_params = self.n_in * self.n_out + self.n_out
        self._W: Array | None = None
        self._b: Array | None = None
        self._product: Callable[..., Array] = np.dot

    def bind(self, params: Array, grads: Array) -> None:
        """Make W, b, dW and db views into ``params`` and ``grads``, both ``(*stack, n_params)``."""
        self._W, self._b = self._views(params)
        self.dW, self.db = self._views(grads)
        # The same product either way: np.dot costs less per call, np.matmul can stack.
        self._product = np.dot if params.ndim == 1 else np.matmul

    def forward(self, x: Array) -> Array:
        """Return ``x @ W + b``."""
        y = self._product(x, self.W)
        y += self.b
        return y

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Write dW and db, and return ``dx = dy @ W.T``."""
        self.parameter_gradients(x, dy)
        return self._product(dy, self.W.mT)

    def parameter_gradients(self, x: Array, dy: Array) -> None:
        """Write ``dW = x.T @ dy`` and ``db = 1.T @ dy``: a bias is the weight of an input that is always 1."""
        ones = np.ones((1, dy.shape[-2]), dy.dtype)
        self._product(x.mT, dy, out=self.dW)
        self._product(ones, dy, out=self.db)

    @property
    def W(self) -> Array:
        """The weights, ``(*stack, n_in, n_out)``."""
        return self._drawn(self._W)

    @W.setter
    def W(self, value: Any) -> None:
        self.W[...] = _doors.same_shape(f"{self}: W", value, self.W)

    @property
    def b(self) -> Array:
        """The biases, ``(*stack, 1, n_out)``."""
        return self._drawn(self._b)

    @b.setter
    def b(self, value: Any) -> None:
        self.b[...] = _doors.same_shape(f"{self}: b", value, self.b)

    @property
    def in_network(self) -> bool:
        """Whether the layer stands in a network."""
        return self._W is not None

    def _drawn(self, view: Array | None) -> Array:
        if view is None:
            raise ValueError(f"{self} has no weights yet: put it in a Network, which draws them")
        return view

    def _views(self, flat: Array) -> tuple[Array, Array]:
        stack, n_weights = flat.shape[:-1], self.n_in * self.n_out
        weights, biases = flat[..., :n_weights], flat[..., n_weights:]
        return weights.reshape(*stack, self.n_in, self.n_out), biases.reshape(*stack, 1, self.n_out)

    def __repr__(self) -> str:
        return f"Linear({self.n_in}, {self.n_out})"


class Sigmoid(Layer):
    """``y = sigmoid(x)``, whose derivative is ``y (1 - y)``."""

    def forward(self, x: Array) -> Array:
        """Return ``sigmoid(x)``."""
        return sigmoid(x)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Return ``dy y (1 - y)``."""
        return dy * y * (1.0 - y)


class Tanh(Layer):
    """``y = tanh(x)``, whose derivative is ``1 - y**2``."""

    def forward(self, x: Array) -> Array:
        """Return ``tanh(x)``."""
        return tanh(x)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Return ``dy (1 - y**2)``."""
        return dy * (1.0 - y * y)


class ReLU(Layer):
    """``y = max(x, 0)``, whose derivative is 1 where ``y > 0`` and is taken as 0 at the kink."""

    def forward(self, x: Array) -> Array:
        """Return ``max(x, 0)``."""
        return relu(x)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Return ``dy`` where ``y > 0``, else 0."""
        return dy * (y > 0)
