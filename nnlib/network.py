"""A network: a list of layers, and all their parameters in one flat array."""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from nnlib import _doors
from nnlib.activations import Array
from nnlib.layers import Layer, Linear


class Network:
    """Layers applied one after the other, for one network or for a stack of many.

    - ``layers``: a `Linear` first, then any. A `Linear` belongs to one network, and only it has parameters.
    - ``rng``: the `numpy.random.Generator` that draws the start values, layer by layer.
    - ``n_networks``: None for one network, or how many of the same shape to hold and train at once.
    - ``dtype``: float64 or float32, of parameters, inputs and outputs alike.

    ``params`` and ``grads`` are flat, ``(*stack, n_params)``, with ``stack = ()`` or ``(n_networks,)``;
    every weight and bias is a view into them.

    Raises `TypeError` or `ValueError` for layers that are none, do not fit each other or stand in
    another network already, and for a wrong ``rng``, ``n_networks`` or ``dtype``.

    >>> net = Network(Linear(2, 3), Linear(3, 1), rng=np.random.default_rng(0))
    >>> net(np.zeros((4, 2))).shape
    (4, 1)
    """

    def __init__(
        self,
        *layers: Layer,
        rng: np.random.Generator,
        n_networks: int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        _check_chain(layers)
        _doors.generator("Network: rng", rng)
        dtype = _doors.float_dtype("Network: dtype", dtype)
        stack = () if n_networks is None else (_doors.whole_number("Network: n_networks", n_networks),)
        self.layers, self.stack, self._dtypes = layers, stack, (dtype,)
        linears = [layer for layer in layers if isinstance(layer, Linear)]
        self.n_in, self.n_out = linears[0].n_in, linears[-1].n_out
        self._params: Array = np.zeros((*stack, sum(layer.n_params for layer in linears)), dtype)
        self._grads = np.zeros_like(self._params)
        # Drawn first, bound last: where an initializer fails, the layers stay free for another network.
        for layer, part in self._parts():
            layer.draw(rng, self._params[..., part])
        self._bind()

    @property
    def params(self) -> Array:
        """All weights and biases, ``(*stack, n_params)``. Assigning copies the values in."""
        return self._params

    @params.setter
    def params(self, value: npt.ArrayLike) -> None:
        self._params[...] = _doors.same_shape("params", value, self._params)

    @property
    def grads(self) -> Array:
        """The gradients that the last `backward` wrote, laid out like ``params``."""
        return self._grads

    def forward(self, x: Array) -> list[Array]:
        """Return ``[x, y1, ..., yL]``: the input and the output of every layer.

        ``x`` is ``(batch, n_in)``, for a stack shared by its networks or ``(n_networks, batch, n_in)``.
        Raises `TypeError` for another type or dtype, `ValueError` for another shape.
        """
        self._check_input(x)
        outputs = [x]
        for layer in self.layers:
            x = layer.forward(x)
            outputs.append(x)
        return outputs

    def __call__(self, x: Array) -> Array:
        """Return the last layer's output, ``(*stack, batch, n_out)``. Raises what `forward` raises."""
        return self.forward(x)[-1]

    def backward(self, outputs: list[Array], dy: Array) -> Array:
        """Walk the list that `forward` returned from the end, and return ``grads``.

        ``dy``, the gradient of the loss with respect to the last output, has that output's shape.
        The array returned is the network's own: the next call overwrites it, so copy it to keep it.
        Raises `ValueError` or `TypeError` if ``outputs`` or ``dy`` are not of this network.
        """
        self._check_outputs(outputs, dy)
        for i in range(len(self.layers) - 1, -1, -1):
            layer, x = self.layers[i], outputs[i]
            layer.parameter_gradients(x, dy)
            if i > 0:  # nobody asks for the gradient with respect to the data
                dy = layer.backward(x, outputs[i + 1], dy)
        return self._grads

    def member(self, i: int) -> "Network":
        """Return network ``i`` of a stack as a network of its own, with its own copy of the parameters.

        Raises `ValueError` for a network that is no stack, `IndexError` where there is no ``i``.
        """
        if self._params.ndim == 1:
            raise ValueError("member(i) needs a stack: build the network with n_networks=...")
        i = _doors.whole_number("member: i", i, least=0)
        if i >= len(self._params):
            raise IndexError(f"this stack has members 0 to {len(self._params) - 1}, got {i}")
        alone = copy.copy(self)
        alone.layers, alone.stack = tuple(copy.copy(layer) for layer in self.layers), ()
        alone._params = self._params[i].copy()
        alone._grads = np.zeros_like(alone._params)
        alone._bind()
        return alone

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the architecture and ``params`` to the file ``path``, as NumPy's .npz without pickle.

        A file of that name is replaced in one go: a save that is interrupted leaves the old one whole.
        Raises `OSError` where the file can't be written, `ValueError` for params that are not finite.
        """
        _doors.finite("params", self._params)
        unfinished = Path(path).parent / f".{uuid4().hex}.unfinished"
        try:
            with open(unfinished, "wb") as file:
                np.savez(file, format=_FORMAT, architecture=repr(self), params=self._params)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take over the params that a network like this one saved to the file ``path``.

        Raises `OSError` where the file can't be read, `ValueError` with the reason where it was not written by
        `save`, is damaged, or holds a network of another architecture, stack or dtype. The network is then as before.
        """
        with open(path, "rb") as file:
            try:
                saved = np.load(file, allow_pickle=False)
                version, architecture, params = saved["format"].tolist(), str(saved["architecture"]), saved["params"]
            except Exception as error:  # what a damaged file raises depends on where it is damaged
                raise ValueError(f"{path} was not written by Network.save, or is damaged: {error!r}") from None
        if version != _FORMAT:
            raise ValueError(f"{path} has format {version}, this version of nnlib reads format {_FORMAT}")
        got = f"{architecture} with params {params.shape} of {params.dtype}"
        wanted = f"{self!r} with params {self._params.shape} of {self._params.dtype}"
        if got != wanted:
            raise ValueError(f"{path} holds {got}, but this network is {wanted}")
        self.params = params

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A deep copy or an unpickled network has copies of the views: tie them to its params again.
        self.__dict__.update(state)
        self._bind()

    def __repr__(self) -> str:
        return f"Network({', '.join(map(repr, self.layers))})"

    def _parts(self) -> Iterator[tuple[Linear, slice]]:
        """Yield every Linear with its part of the flat arrays."""
        start = 0
        for layer in self.layers:
            if isinstance(layer, Linear):
                yield layer, slice(start, start + layer.n_params)
                start += layer.n_params

    def _bind(self) -> None:
        for layer, part in self._parts():
            layer.bind(self._params[..., part], self._grads[..., part])

    def _check_input(self, x: Array) -> None:
        _doors.float_array("x", x, self._dtypes)
        if not (x.ndim == 2 or (x.ndim == 3 and x.shape[:1] == self.stack)) or x.shape[-1] != self.n_in:
            wanted = f"(batch, {self.n_in})" + (f" or ({self.stack[0]}, batch, {self.n_in})" if self.stack else "")
            advice = ": for one example use x[None, :]" if x.shape == (self.n_in,) else ""
            raise ValueError(f"{self.layers[0]} expects x of shape {wanted}, got {x.shape}{advice}")

    def _check_outputs(self, outputs: list[Array], dy: Array) -> None:
        n = len(self.layers) + 1
        if not isinstance(outputs, list) or len(outputs) != n:
            kind = f"a list of {len(outputs)}" if isinstance(outputs, list) else type(outputs).__name__
            raise ValueError(f"backward expects the list of {n} arrays that forward returned, got {kind}")
        try:
            wanted = (*self.stack, outputs[0].shape[-2], self.n_out)
            fits = type(dy) is np.ndarray and dy.dtype in self._dtypes and dy.shape == outputs[-1].shape == wanted
        except (AttributeError, IndexError):  # the list holds something else than arrays
            fits, wanted = False, (*self.stack, "batch", self.n_out)
        if not fits:
            _doors.float_array("dy", dy, self._dtypes)
            raise ValueError(
                f"dy must have the shape of the last output, {wanted}, got {dy.shape}; the list must be the one that "
                f"forward returned for this batch, but goes from {np.shape(outputs[0])} to {np.shape(outputs[-1])}"
            )


_FORMAT = 1


def _check_chain(layers: tuple[Any, ...]) -> None:
    """Refuse layers that are none, do not fit each other, or are used twice."""
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"Network expects layers such as Linear(2, 3) or Sigmoid(), got {layer!r}")
        if layer.n_params and not isinstance(layer, Linear):
            raise TypeError(f"only a Linear, or a class made from it, can have parameters, got {layer!r}")
    first = layers[0] if layers else None
    if not isinstance(first, Linear):
        raise ValueError(f"Network: the first layer must be a Linear, which fixes the number of inputs, got {first!r}")
    width = first.n_in
    for i, layer in enumerate(layers):
        if not isinstance(layer, Linear):
            continue
        if layer.in_network or layer in layers[:i]:
            raise ValueError(f"layers[{i}], {layer}, is in a network already: make a new layer for each place")
        if layer.n_in != width:
            raise ValueError(
                f"layers[{i}], {layer}, expects {layer.n_in} inputs, but gets {width} from the layer before"
            )
        width = layer.n_out
