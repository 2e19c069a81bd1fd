"""Optimizers: how parameters move, given their gradients.

Each has ``step(params, grads)``, which moves ``params`` in place. One that remembers earlier gradients belongs
to the network that it moved first: make a new one for another network.
"""

import numpy as np

from nnlib import _doors
from nnlib.activations import Array


class SGD:
    """Gradient descent: ``params -= lr * velocity``, with ``velocity = momentum * velocity + grads``.

    Without momentum the velocity is the gradient itself (Robbins and Monro, 1951, on batches drawn at random).
    The convention for momentum is that of `torch.optim.SGD`.

    Raises `TypeError` or `ValueError` for an ``lr`` that is not a finite number above 0, or a ``momentum`` that
    is not a number from 0 to below 1.
    """

    def __init__(self, lr: float, momentum: float = 0.0) -> None:
        self.lr = _doors.positive_number("SGD: lr", lr)
        self.momentum = _doors.share("SGD: momentum", momentum)
        self._velocity: Array | None = None

    def step(self, params: Array, grads: Array) -> None:
        """Move ``params`` in place; ``grads`` has the same shape and dtype, else `ValueError` or `TypeError`."""
        _check(params, grads, self._velocity)
        if self.momentum:
            if self._velocity is None:
                self._velocity = np.zeros_like(params)
            self._velocity *= self.momentum
            self._velocity += grads
            grads = self._velocity
        params -= self.lr * grads


class Adam:
    """Adam (Kingma and Ba, 2015, algorithm 1), which gives each parameter a step of its own.

    ``m`` and ``v`` are running means of the gradient and of its square. They start at 0, and dividing by
    ``1 - beta**t`` takes that out. The step is ``lr * m / (sqrt(v) + eps)``.

    Raises `TypeError` or `ValueError` for an ``lr`` or ``eps`` that is not a finite number above 0, or a beta
    that is not a number from 0 to below 1.
    """

    def __init__(self, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        self.lr = _doors.positive_number("Adam: lr", lr)
        self.beta1 = _doors.share("Adam: beta1", beta1)
        self.beta2 = _doors.share("Adam: beta2", beta2)
        self.eps = _doors.positive_number("Adam: eps", eps)
        self._t = 0
        self._m: Array | None = None
        self._v: Array | None = None

    def step(self, params: Array, grads: Array) -> None:
        """Move ``params`` in place; ``grads`` has the same shape and dtype, else `ValueError` or `TypeError`."""
        _check(params, grads, self._m)
        if self._m is None or self._v is None:
            self._m, self._v = np.zeros_like(params), np.zeros_like(params)
        m, v = self._m, self._v
        self._t += 1
        m += (1 - self.beta1) * (grads - m)
        v += (1 - self.beta2) * (grads * grads - v)
        unbiased_m = m / (1 - self.beta1**self._t)
        unbiased_v = v / (1 - self.beta2**self._t)
        params -= self.lr * unbiased_m / (np.sqrt(unbiased_v) + self.eps)


def _check(params: Array, grads: Array, memory: Array | None) -> None:
    _doors.float_pair("params", params, "grads", grads)
    if params.shape != grads.shape:
        raise ValueError(
            f"params have shape {params.shape} but grads have shape {grads.shape}: give one gradient per parameter"
        )
    if memory is not None and (memory.shape != params.shape or memory.dtype != params.dtype):
        raise ValueError(
            f"this optimizer remembers params of shape {memory.shape} and {memory.dtype}, got {params.shape} and "
            f"{params.dtype}: make one for each network"
        )
