"""Layers: each is two functions, and remembers nothing.

``forward(x) -> y`` computes the layer's output; ``backward(x, y, dy) -> dx`` takes the gradient of
the loss with respect to that output and returns the one with respect to the input. What went in
and what came out are handed over, not stored, so a second forward pass can't spoil a backward pass.

`Linear` has a third function, ``parameter_gradients(x, dy)``, for the gradients of its weights.

Rows are examples: ``x (*stack, batch, n_in)``, ``y (*stack, batch, n_out)``. ``stack`` is ``()`` for
one network, or ``(n_networks,)`` for many of the same shape computed at once by the same code.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from nnlib import _doors
from nnlib.activations import Array, logistic, relu, tanh
from nnlib.initializers import Initializer, glorot_uniform


class Layer:
    """What every layer has. One of your own, without parameters, needs `forward` and `backward`.

    Both return a new array of the dtype they are given, `backward` in the shape of ``x``. A layer with settings says
    them in its ``__repr__``, by which `Network.load` tells one architecture from another.
    """

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


class _View:
    """One of ``W, b, dW, db`` as seen from outside: assigning copies the values in."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: "Linear | None", owner: type) -> Any:
        if layer is None:
            return self
        if not layer.in_network:
            layer._no_weights()
        return getattr(layer, "_" + self.name)

    def __set__(self, layer: "Linear", value: Any) -> None:
        view = self.__get__(layer, type(layer))
        view[...] = _doors.same_shape(f"{layer}: {self.name}", value, view)


class Linear(Layer):
    """Weighted sums: ``y = x @ W + b``, with ``W (*stack, n_in, n_out)`` and ``b (*stack, 1, n_out)``.

    ``W`` and ``b``, and their gradients ``dW`` and ``db``, exist once the layer stands in a `Network`:
    they are views into the network's flat ``params`` and ``grads``. Assigning to ``W`` or ``b`` copies
    the values in. ``init`` draws the start values, see `nnlib.initializers`.

    Raises `TypeError` for a size that is no whole number, `ValueError` for one below 1.

    >>> Linear(2, 3).n_params
    9
    """

    W, b, dW, db = _View(), _View(), _View(), _View()
    _W: Array
    _W_T: Array
    _b: Array
    _dW: Array
    _db: Array

    def __init__(self, n_in: int, n_out: int, init: Initializer = glorot_uniform) -> None:
        self.n_in = _doors.whole_number("Linear: n_in", n_in)
        self.n_out = _doors.whole_number("Linear: n_out", n_out)
        if not callable(init):
            raise TypeError(f"Linear: init must be an initializer such as nnlib.normal, got {init!r}")
        self.init = init
        self.n_params = self.n_in * self.n_out + self.n_out
        self.in_network = False
        # Until a network binds the layer, its product is one that says what is missing.
        self._matmul: Callable[..., Array] = self._no_weights
        self._W = self._W_T = self._b = self._dW = self._db = np.empty(0)

    def draw(self, rng: np.random.Generator, params: Array) -> None:
        """Write start values into ``params (*stack, n_params)``."""
        W, b = self._views(params)
        drawn: Any = self.init(rng, self.n_in, self.n_out, params.shape[:-1])
        if not isinstance(drawn, tuple) or len(drawn) != 2:
            raise TypeError(f"{self}: init must return the pair W, b, got {drawn!r}")
        W[...] = _doors.same_shape(f"{self}: W", drawn[0], W)
        b[...] = _doors.same_shape(f"{self}: b", drawn[1], b)

    def bind(self, params: Array, grads: Array) -> None:
        """Make ``W``, ``b``, ``dW`` and ``db`` views into ``params`` and ``grads``, both ``(*stack, n_params)``."""
        self._W, self._b = self._views(params)
        self._dW, self._db = self._views(grads)
        self._W_T = self._W.mT
        self.in_network = True
        # The same product: dot costs half as much to call, which for XOR is most of its time, but can't stack.
        self._matmul = np.ndarray.dot if params.ndim == 1 else np.matmul

    def forward(self, x: Array) -> Array:
        """Return ``x @ W + b``."""
        y = self._matmul(x, self._W)
        y += self._b
        return y

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Return ``dx = dy @ W.T``."""
        return self._matmul(dy, self._W_T)

    def parameter_gradients(self, x: Array, dy: Array) -> None:
        """Write ``dW = x.T @ dy`` and ``db = 1.T @ dy``: a bias is the weight of an input that is always 1."""
        self._matmul(x.mT, dy, out=self._dW)
        self._matmul(_row_of_ones(dy.shape[-2], dy.dtype), dy, out=self._db)

    def _no_weights(self, *_: Any, **__: Any) -> Array:
        raise AttributeError(f"{self} has no weights yet: put it in a Network, which draws them")

    def _views(self, flat: Array) -> tuple[Array, Array]:
        stack, n_weights = flat.shape[:-1], self.n_in * self.n_out
        weights, biases = flat[..., :n_weights], flat[..., n_weights:]
        return weights.reshape(*stack, self.n_in, self.n_out), biases.reshape(*stack, 1, self.n_out)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_in}, {self.n_out})"


@lru_cache
def _row_of_ones(n: int, dtype: np.dtype[Any]) -> Array:
    """Return ``(1, n)`` ones, made once: for a small network, making them costs as much as their product."""
    ones = np.ones((1, n), dtype)
    ones.flags.writeable = False
    return ones


class Sigmoid(Layer):
    """``y = sigmoid(x)``, whose derivative is ``y (1 - y)``."""

    def forward(self, x: Array) -> Array:
        """Return ``sigmoid(x)``."""
        return logistic(x)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Return ``dy y (1 - y)``."""
        dx = 1.0 - y
        dx *= y
        dx *= dy
        return dx


class Tanh(Layer):
    """``y = tanh(x)``, whose derivative is ``1 - y**2``."""

    def forward(self, x: Array) -> Array:
        """Return ``tanh(x)``."""
        return tanh(x)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Return ``dy (1 - y**2)``."""
        dx = 1.0 - y * y
        dx *= dy
        return dx


class ReLU(Layer):
    """``y = max(x, 0)``, whose derivative is 1 where ``y > 0`` and is taken as 0 at the kink."""

    def forward(self, x: Array) -> Array:
        """Return ``max(x, 0)``."""
        return relu(x)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        """Return ``dy`` where ``y > 0``, else 0."""
        return dy * (y > 0)
