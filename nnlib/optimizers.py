"""Optimizers: how parameters move, given their gradients."""

from nnlib import _doors
from nnlib.activations import Array


class SGD:
    """Gradient descent: ``params -= lr * grads`` (Robbins and Monro, 1951, on batches drawn at random).

    Raises `TypeError` or `ValueError` for a learning rate that is not a finite number above 0.
    """

    def __init__(self, lr: float) -> None:
        self.lr = _doors.positive_number("SGD: lr", lr)

    def step(self, params: Array, grads: Array) -> None:
        """Move ``params`` in place; ``grads`` has the same shape, else `ValueError`."""
        if params.shape != grads.shape:
            raise ValueError(
                f"params have shape {params.shape} but grads have shape {grads.shape}: give one gradient per parameter"
            )
        params -= self.lr * grads
