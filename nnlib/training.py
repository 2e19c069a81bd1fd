"""Training: the loop, what it recorded, and how well the network does."""

import math
from collections.abc import Iterable, Iterator
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
        """Move ``params`` in place: ``params -= ...``, where ``params = params - ...`` would move nothing."""


@dataclass(frozen=True, eq=False)
class History:
    """What `fit` recorded: ``loss[k]`` is the loss after ``epochs[k]`` epochs of training.

    ``epochs`` is ``(n_records,)`` and begins with 0, the untrained network; ``loss`` is ``(n_records,)``,
    or ``(n_records, n_networks)`` for a stack.
    """

    epochs: npt.NDArray[np.int64]
    loss: npt.NDArray[np.float64]


# A training that diverges overflows on its way; the check of the recorded loss says so in words.
@np.errstate(over="ignore", invalid="ignore")
def fit(
    network: Network,
    x: Array,
    target: Array,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    *,
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    record_every: int = 1,
    progress: bool = False,
) -> History:
    """Train ``network`` in place for ``epochs`` passes over the examples, and return the history.

    ``x`` and ``target`` are as in `Network.forward` and the losses. Without a ``batch_size`` each epoch is one
    step on all examples; with one, it is a step on each of the `batches` that ``rng`` draws. The loss over all
    examples is recorded before training, after every ``record_every`` epochs, and at the end.
    ``progress=True`` shows a bar, and needs tqdm.

    Raises `TypeError` or `ValueError` for arrays that do not fit or hold NaN or infinity, and
    `ValueError` when the recorded loss is no longer finite. After an error the network has its old parameters,
    but the optimizer remembers what it saw: make a new one. An interruption from the keyboard leaves the
    parameters as far as they were trained.
    """
    _doors.instance("fit: network", network, ("forward", "backward", "params"), "Network(...)")
    _doors.instance("fit: loss", loss, ("value", "grad"), "MeanSquaredError()")
    _doors.instance("fit: optimizer", optimizer, ("step",), "SGD(0.1)")
    epochs = _doors.whole_number("fit: epochs", epochs)
    record_every = _doors.whole_number("fit: record_every", record_every)
    if (batch_size is None) != (rng is None):
        raise ValueError("fit: batch_size and rng belong together: give both, or neither to train on all examples")
    _doors.finite("x", _doors.float_array("x", x), ": clean the data first")
    _doors.finite("target", _doors.float_array("target", target), ": clean the data first")
    outputs = network.forward(x)
    check_pair(outputs[-1], target)

    recorded: list[int] = []
    losses: list[Any] = []

    def update(outputs: list[Array], target: Array) -> None:
        network.backward(outputs, loss.grad(outputs[-1], target))
        optimizer.step(network.params, network.grads)

    def record(epoch: int) -> None:
        recorded.append(epoch)
        losses.append(_recordable(loss.value(outputs[-1], target), network.stack, epoch))

    start = network.params.copy()
    try:
        record(0)
        for epoch in _counted(epochs, progress):
            if batch_size is None or rng is None:
                update(outputs, target)
            else:
                for x_batch, target_batch in batches(x, target, batch_size, rng):
                    update(network.forward(x_batch), target_batch)
            due = epoch % record_every == 0 or epoch == epochs
            if due or batch_size is None:
                outputs = network.forward(x)
            if due:
                record(epoch)
    except Exception:
        network.params[...] = start
        raise
    return History(np.array(recorded), np.array(losses, dtype=np.float64))


def batches(x: Array, target: Array, batch_size: int, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Yield the examples in a random order, ``batch_size`` at a time: pairs of ``x`` and ``target``.

    ``x`` is ``(*stack, n, n_in)``, ``target`` ``(*stack, n, n_out)``; every network of a stack sees the same order.
    Each example comes exactly once, and the last batch holds what is left.

    Raises `TypeError` or `ValueError` for anything but two float arrays with as many examples, a whole
    ``batch_size`` from 1 to ``n``, and a `numpy.random.Generator`.

    >>> x = np.arange(5.0)[:, None]
    >>> [x_batch.ravel().tolist() for x_batch, _ in batches(x, x, 2, np.random.default_rng(0))]
    [[2.0, 4.0], [3.0, 0.0], [1.0]]
    """
    _doors.float_array("x", x)
    _doors.float_array("target", target)
    _doors.generator("batches: rng", rng)
    batch_size = _doors.whole_number("batches: batch_size", batch_size)
    if min(x.ndim, target.ndim) < 2 or x.shape[-2] != target.shape[-2]:
        raise ValueError(
            f"batches expects as many examples in x (*stack, n, n_in) as in target (*stack, n, n_out), "
            f"got {x.shape} and {target.shape}"
        )
    n = x.shape[-2]
    if batch_size > n:
        raise ValueError(f"batches: batch_size must be at most the number of examples, {n}, got {batch_size}")
    order = rng.permutation(n)
    parts = (order[first : first + batch_size] for first in range(0, n, batch_size))
    return ((x.take(rows, axis=-2), target.take(rows, axis=-2)) for rows in parts)


def _recordable(loss: Any, stack: tuple[int, ...], epoch: int) -> Any:
    """Return the loss of one epoch, which must be one finite number for each network."""
    if isinstance(loss, float) and math.isfinite(loss) and not stack:
        return loss
    loss = np.array(loss)
    if loss.shape != stack or loss.dtype.kind not in "fiu":
        raise ValueError(
            f"fit: the loss must be one number for each network, of shape {stack}, got {loss.dtype} {loss.shape}"
        )
    broken = loss[~np.isfinite(loss)]
    if broken.size:
        who = f"the loss of {broken.size} of {loss.size} networks" if stack else "the loss"
        if epoch == 0:
            raise ValueError(f"{who} is {broken[0]} at epoch 0, before any training: start from smaller, finite params")
        raise ValueError(
            f"{who} became {broken[0]} at epoch {epoch}: try a smaller learning rate, with a new optimizer"
        )
    return loss


def _counted(epochs: int, progress: bool) -> Iterable[int]:
    """Count from 1 to ``epochs``, behind a progress bar if asked for."""
    numbers = range(1, epochs + 1)
    if not progress:
        return numbers
    try:
        from tqdm import tqdm
    except ImportError:
        raise ImportError("fit: progress=True needs tqdm: python -m pip install tqdm") from None
    return tqdm(numbers, unit="epoch")


def accuracy(prediction: Array, target: Array, threshold: float = 0.5) -> Any:
    """Return the share of examples that are right: a float, or ``(n_networks,)`` for a stack.

    With one output, an example is right when the output lies on its target's side: above ``threshold`` for a
    target above 0.5, below it otherwise. An output of exactly ``threshold`` is on neither side. Where the
    output is a logit, the threshold is 0.

    With several outputs, one for each class, the target is 1 for the right class and 0 for the others
    (*one-hot*), and an example is right when the output of its class is larger than every other.

    Shapes and errors as for the losses; `ValueError` for several outputs whose target is not one-hot.

    >>> accuracy(np.array([[0.2], [0.9], [0.5], [0.4]]), np.array([[0.0], [1.0], [1.0], [1.0]]))
    0.5
    >>> accuracy(np.array([[0.1, 2.0, 0.3], [0.9, 0.8, 0.7]]), np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))
    0.5
    """
    check_pair(prediction, target)
    if prediction.shape[-1] == 1:
        threshold = _doors.number("accuracy: threshold", threshold)
        right = np.where(target > 0.5, prediction > threshold, prediction < threshold)[..., 0]
    else:
        in_class = target == 1
        if not ((in_class.sum(axis=-1) == 1) & ((target == 0).sum(axis=-1) == target.shape[-1] - 1)).all():
            raise ValueError("accuracy: with several outputs, each row of the target must hold a single 1 among 0s")
        own = np.where(in_class, prediction, -np.inf).max(axis=-1)
        best_other = np.where(in_class, -np.inf, prediction).max(axis=-1)
        right = own > best_other
    share = right.mean(axis=-1)
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
