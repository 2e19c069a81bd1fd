"""Losses: one number that says how wrong a network is, and its gradient.

``value(prediction, target)`` is a float for one network and an array ``(n_networks,)`` for a stack;
``grad(prediction, target)`` is the derivative of that very value, with the shape of ``prediction``.

``prediction`` is ``(*stack, batch, n_out)``. ``target`` has the same shape, or is ``(batch, n_out)`` and
shared by all networks of a stack. Nothing else is broadcast: a target of shape ``(batch,)`` would
turn the difference into a ``(batch, batch)`` table without a word. Both functions raise `TypeError`
for anything but two float arrays of one dtype, `ValueError` for shapes that do not fit.
"""

from typing import Any, Protocol

import numpy as np

from nnlib import _doors
from nnlib.activations import Array, log_softmax, sigmoid, softmax


class Loss(Protocol):
    """What `fit` and `check_gradients` need of a loss."""

    def value(self, prediction: Array, target: Array) -> Any:
        """Return the loss, one number per network."""

    def grad(self, prediction: Array, target: Array) -> Array:
        """Return the derivative of `value` with respect to ``prediction``."""


class MeanSquaredError:
    """The mean of ``(prediction - target)**2`` over examples and outputs, like `torch.nn.MSELoss`.

    >>> MeanSquaredError().value(np.array([[0.5], [0.5]]), np.array([[0.0], [1.0]]))
    0.25
    """

    def value(self, prediction: Array, target: Array) -> Any:
        """Return the mean squared error."""
        check_pair(prediction, target)
        return _sum_of_squares(prediction - target) / _count(prediction)

    def grad(self, prediction: Array, target: Array) -> Array:
        """Return ``2 (prediction - target) / n``, with ``n`` the batch size times the outputs."""
        check_pair(prediction, target)
        return (prediction - target) * (2.0 / (prediction.shape[-2] * prediction.shape[-1]))


class SumSquaredError:
    """Half the sum of ``(prediction - target)**2`` over examples and outputs.

    >>> SumSquaredError().value(np.array([[0.5], [0.5]]), np.array([[0.0], [1.0]]))
    0.25
    """

    def value(self, prediction: Array, target: Array) -> Any:
        """Return half the summed squared error."""
        check_pair(prediction, target)
        return 0.5 * _sum_of_squares(prediction - target)

    def grad(self, prediction: Array, target: Array) -> Array:
        """Return ``prediction - target``: the half is there to cancel the 2."""
        check_pair(prediction, target)
        return prediction - target


class BinaryCrossEntropy:
    """The mean of ``-t log(p) - (1 - t) log(1 - p)`` over examples and outputs, with ``p = sigmoid(prediction)``.

    ``prediction`` holds logits, the weighted sums before a sigmoid: the network ends in a `Linear`, without a
    `Sigmoid`. Joined, the two have a plain gradient, and no exponential overflows, like
    `torch.nn.BCEWithLogitsLoss`. ``target`` holds probabilities, mostly 0 or 1.

    >>> round(BinaryCrossEntropy().value(np.array([[0.0]]), np.array([[1.0]])), 4)
    0.6931
    """

    def value(self, prediction: Array, target: Array) -> Any:
        """Return the mean binary cross-entropy; a target below 0 or above 1 is a `ValueError`."""
        check_pair(prediction, target)
        _check_shares(target)
        # -log(sigmoid(z)) is log(1 + exp(-z)), arranged here so that exp only ever sees -|z|.
        terms = np.maximum(prediction, 0.0) - prediction * target + np.log1p(np.exp(-np.abs(prediction)))
        return _sum(terms) / _count(prediction)

    def grad(self, prediction: Array, target: Array) -> Array:
        """Return ``(p - t) / n``, with ``n`` the batch size times the outputs."""
        check_pair(prediction, target)
        return (sigmoid(prediction) - target) / _count(prediction)


class SoftmaxCrossEntropy:
    """The mean over examples of ``-sum(t log(p))``, with ``p = softmax(prediction)`` along the outputs.

    ``prediction`` holds logits, as for `BinaryCrossEntropy`; each row of ``target`` holds a share for every
    class, mostly a single 1. Like `torch.nn.CrossEntropyLoss` with class probabilities.

    >>> round(SoftmaxCrossEntropy().value(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])), 4)
    0.6931
    """

    def value(self, prediction: Array, target: Array) -> Any:
        """Return the mean cross-entropy; one output alone, or shares that do not add up to 1, are a `ValueError`."""
        _check_classes(prediction, target)
        _check_shares(target)
        total = target.sum(axis=-1)
        if not np.allclose(total, 1, rtol=0, atol=1e-5):
            raise ValueError(
                f"SoftmaxCrossEntropy needs shares that add up to 1 in each row of target, got rows that add up to "
                f"{total.min()} to {total.max()}: for several labels at once use BinaryCrossEntropy"
            )
        return _sum(-target * log_softmax(prediction)) / prediction.shape[-2]

    def grad(self, prediction: Array, target: Array) -> Array:
        """Return ``(p - t) / n``, with ``n`` the batch size: right because the shares of a row add up to 1."""
        _check_classes(prediction, target)
        dy = softmax(prediction)
        dy -= target
        dy /= prediction.shape[-2]
        return dy


def check_pair(prediction: Array, target: Array) -> None:
    """Refuse a prediction and a target that do not belong together."""
    _doors.float_pair("prediction", prediction, "target", target)
    if prediction.ndim not in (2, 3):
        raise ValueError(f"prediction must have shape (*stack, batch, n_out), got {prediction.shape}")
    if target.shape != prediction.shape and target.shape != prediction.shape[-2:]:
        column = target.ndim == 1 and prediction.shape[-2:] == (target.size, 1)
        advice = "use target[:, None]" if column else "give one row per example and one column per output"
        raise ValueError(f"prediction has shape {prediction.shape} but target has shape {target.shape}: {advice}")


def _check_classes(prediction: Array, target: Array) -> None:
    check_pair(prediction, target)
    if prediction.shape[-1] == 1:
        raise ValueError("the softmax of one output is always 1: use BinaryCrossEntropy, or one output per class")


def _check_shares(target: Array) -> None:
    if not (target.min() >= 0 and target.max() <= 1):
        raise ValueError(f"a cross-entropy needs targets from 0 to 1, got {target.min()} to {target.max()}")


def _sum_of_squares(error: Array) -> Any:
    """Return, for each network, the inner product of all its errors with themselves."""
    if error.ndim == 2:
        return float(np.vdot(error, error))
    errors = error.reshape(len(error), -1)
    return np.vecdot(errors, errors)


def _sum(terms: Array) -> Any:
    """Return the sum over examples and outputs: a float, or ``(n_networks,)`` for a stack."""
    total = terms.sum(axis=(-2, -1))
    return total if terms.ndim == 3 else float(total)


def _count(prediction: Array) -> int:
    return prediction.shape[-2] * prediction.shape[-1]
