"""Training: the loop, what it recorded, and how well the network does."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nnlib import _doors
from nnlib.activations import Array
from nnlib.losses import Loss, check_pair
from nnlib.network import Network


class Optimizer(Protocol):
    """What `fit` needs of an optimizer."""

    def step(self, params: Array, grads: Array) -> None:
        """Move ``params`` in place."""


@dataclass(frozen=True, eq=False)
class History:
    """What `fit` recorded: ``loss[k]`` is the loss after ``epochs[k]`` epochs of training.

    ``epochs`` is ``(n_records,)`` and begins with 0, the untrained network; ``loss`` is ``(n_records,)``,
    or ``(n_records, n_networks)`` for a stack.
    """

    epochs: npt.NDArray[np.int64]
    loss: npt.NDArray[np.float64]


def fit(
    network: Network,
    x: Array,
    target: Array,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    record_every: int = 1,
) -> History:
    """Train ``network`` in place for ``epochs`` steps on the whole of ``x``, and return the history.

    ``x`` and ``target`` are as in `Network.forward` and the losses. The loss is recorded before
    training, after every ``record_every`` epochs, and at the end.

    Raises `TypeError` or `ValueError` for arrays that do not fit or hold NaN or infinity, and
    `ValueError` when the recorded loss is no longer finite; the network then has its old parameters.
    """
    _doors.instance("fit: network", network, ("forward", "backward"), "Network(...)")
    _doors.instance("fit: loss", loss, ("value", "grad"), "MeanSquaredError()")
    _doors.instance("fit: optimizer", optimizer, ("step",), "SGD(0.1)")
    epochs = _doors.whole_number("fit: epochs", epochs)
    record_every = _doors.whole_number("fit: record_every", record_every)
    _doors.finite("x", _doors.float_array("x", x))
    _doors.finite("target", _doors.float_array("target", target))
    start = network.params.copy()
    recorded: list[int] = []
    losses: list[Any] = []
    # A training that diverges overflows on its way; the check of the loss says so in words.
    with np.errstate(over="ignore", invalid="ignore"):
        check_pair(network(x), target)
        for epoch in range(epochs + 1):
            outputs = network.forward(x)
            if epoch % record_every == 0 or epoch == epochs:
                recorded.append(epoch)
                losses.append(loss.value(outputs[-1], target))
                if not np.isfinite(losses[-1]).all():
                    network.params[...] = start
                    raise ValueError(_diverged(losses[-1], epoch))
            if epoch < epochs:
                grads = network.backward(outputs, loss.grad(outputs[-1], target))
                optimizer.step(network.params, grads)
    return History(np.array(recorded), np.array(losses, dtype=np.float64))


def _diverged(loss: Any, epoch: int) -> str:
    loss = np.asarray(loss)
    broken = loss[~np.isfinite(loss)]
    who = "the loss" if loss.ndim == 0 else f"the loss of {broken.size} of {loss.size} networks"
    value = broken[0]
    if epoch == 0:
        return f"{who} is {value} at epoch 0, before any training: start from smaller, finite params"
    return f"{who} became {value} at epoch {epoch}: try a smaller learning rate"


def accuracy(prediction: Array, target: Array) -> Any:
    """Return the share of examples that are right: a float, or ``(n_networks,)`` for a stack.

    An example is right when each of its outputs lies on the same side of 0.5 as its target; an
    output of exactly 0.5 is on neither side. Shapes and errors as for the losses.

    >>> accuracy(np.array([[0.2], [0.9], [0.5], [0.4]]), np.array([[0.0], [1.0], [1.0], [1.0]]))
    0.5
    """
    check_pair(prediction, target)
    right = np.where(target > 0.5, prediction > 0.5, prediction < 0.5)
    share = right.all(axis=-1).mean(axis=-1)
    return share if prediction.ndim == 3 else float(share)


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval for a rate of ``successes`` out of ``n`` (Wilson, 1927).

    >>> [round(bound, 3) for bound in wilson_interval(723, 1000)]
    [0.694, 0.75]
    """
    n = _doors.whole_number("wilson_interval: n", n)
    successes = _doors.whole_number("wilson_interval: successes", successes, least=0)
    if successes > n:
        raise ValueError(f"wilson_interval: {successes} successes can't come out of n = {n}")
    z = 1.959963984540054  # the 97.5 % point of the standard normal distribution
    rate = successes / n
    center = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (rate * (1 - rate) / n + z**2 / (4 * n**2)) ** 0.5
    return max(center - half, 0.0), min(center + half, 1.0)
