"""The figures that recur in the book, one line each. The only module that needs Matplotlib.

A chapter begins with ``plt.style.use("nnlib.book")`` and takes its colours from here by meaning.
Each function draws on ``ax``, by default the current axes, and returns it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.patches import Circle
from matplotlib.transforms import ScaledTranslation

from nnlib.activations import Array
from nnlib.layers import Linear
from nnlib.network import Network
from nnlib.training import History, wilson_interval

FORWARD = "#2F7FD6"  # values going forward; class 1
BACKWARD = "#D3700F"  # gradients coming back
TARGET = "#1E9E5A"  # targets, and success
FAILURE = "#DE4B4B"
SECOND = "#8B63E0"  # class 0, where two classes are shown
ANNOTATION = "#7B808A"  # axes, text, weights

# Every corner of XOR keeps its marker wherever it is drawn, in the order of nnlib.xor().
CORNER_MARKERS = ("s", "^", ">", "D")

Predict: TypeAlias = Callable[[Array], Array]


def plot_loss(history: History, ax: Axes | None = None, **line: Any) -> Axes:
    """Plot the loss against the epoch, on a logarithmic scale; one line per network of a stack."""
    ax = plt.gca() if ax is None else ax
    style: dict[str, Any] = {"color": FORWARD} | ({"alpha": 0.3, "linewidth": 1} if history.loss.ndim == 2 else {})
    ax.plot(history.epochs, history.loss, **(style | line))
    ax.set(xlabel="epoch", ylabel="loss", yscale="log")
    ax.grid(axis="y")
    return ax


def plot_rates(counts: Mapping[str, tuple[int, int]], ax: Axes | None = None) -> Axes:
    """Draw rates with their 95 % Wilson intervals, one row for each ``label: (successes, n)``.

    A rate that is surely above 95 % is a green dot, any other a red cross.
    """
    ax = plt.gca() if ax is None else ax
    for row, (successes, n) in enumerate(counts.values()):
        low, high = wilson_interval(successes, n)
        color, marker = (TARGET, "o") if low > 0.95 else (FAILURE, "x")
        ax.plot([low, high], [row, row], color=color, linewidth=1.5)
        ax.plot([low, high], [row, row], "|", color=color)
        ax.plot(successes / n, row, marker, color=color)
    ax.set(yticks=range(len(counts)), yticklabels=list(counts), xlim=(0, 1.03))
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.invert_yaxis()
    ax.grid(axis="x")
    return ax


def plot_corners(points: Array, target: Array, ax: Axes | None = None) -> Axes:
    """Draw the four examples of XOR at ``points (4, 2)``: blue for target 1, purple for target 0.

    Corners that fall on one point stand side by side around it.
    """
    if np.shape(points) != (4, 2) or np.shape(target) != (4, 1):
        raise ValueError(f"expected points (4, 2) and target (4, 1), got {np.shape(points)} and {np.shape(target)}")
    ax = plt.gca() if ax is None else ax
    together = np.abs(points[:, None] - points).max(axis=-1) < 0.02 * max(1, np.ptp(points, axis=0).max())
    for i, ((x1, x2), t, marker) in enumerate(zip(points, target[:, 0], CORNER_MARKERS, strict=True)):
        (corner,) = ax.plot(x1, x2, marker, color=FORWARD if t > 0.5 else SECOND, zorder=3, clip_on=False)
        crowd = together[i]
        aside = 5.5 * (2 * crowd[:i].sum() + 1 - crowd.sum())
        if aside:
            corner.set_transform(ax.transData + ScaledTranslation(aside / 72, 0, ax.figure.dpi_scale_trans))
        label = (7, 5) if crowd.sum() == 1 else (aside - 3.5, 8)  # points, from the corner
        ax.annotate(f"{t:.0f}", (x1, x2), label, textcoords="offset points", fontweight="bold")
    return ax


def plot_decision_boundary(predict: Predict, x: Array, target: Array, ax: Axes | None = None) -> Axes:
    """Draw what ``predict`` answers around the four corners of XOR, and where its answer is 0.5.

    ``predict`` maps ``(n, 2)`` to ``(n, 1)``, as a `Network` does. Blue is towards 1, purple towards 0.
    """
    ax = plt.gca() if ax is None else ax
    ticks = np.linspace(-0.5, 1.5, 81, dtype=x.dtype)
    _draw_answers(ax, predict, ticks)
    plot_corners(x, target, ax)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xticks=[0, 1], yticks=[0, 1], aspect="equal")
    return ax


def plot_hidden_plane(network: Network, x: Array, target: Array, ax: Axes | None = None) -> Axes:
    """Draw where two hidden neurons take the four corners of XOR, and what the output answers there.

    Colours, markers and the line where the answer is 0.5 are those of `plot_decision_boundary`. The thin lines are
    the input plane's grid from -0.5 to 1.5, as the hidden layer bends it. ``network`` is one 2-2-1 network; its
    hidden outputs are what its second `Linear` gets. Raises `ValueError` for a network of another shape.
    """
    linear = [(i, layer) for i, layer in enumerate(network.layers) if isinstance(layer, Linear)]
    sizes = network.n_in, *(layer.n_out for _, layer in linear)
    if sizes != (2, 2, 1) or network.params.ndim != 1:
        got = "a stack" if network.params.ndim != 1 else "-".join(map(str, sizes))
        raise ValueError(f"plot_hidden_plane draws one 2-2-1 network, got {got}")
    ax = plt.gca() if ax is None else ax
    second = linear[1][0]

    def output(hidden: Array) -> Array:
        for layer in network.layers[second:]:
            hidden = layer.forward(hidden)
        return hidden

    grid = np.linspace(-0.5, 1.5, 81, dtype=x.dtype)
    lines = [np.column_stack([np.full_like(grid, fixed), grid]) for fixed in grid[::10]]
    lines += [line[:, ::-1].copy() for line in lines]
    bent = np.stack([network.forward(line)[second] for line in lines])
    low, high = min(0.0, bent.min()), max(1.0, bent.max())
    margin = 0.15 * (high - low)
    _draw_answers(ax, output, np.linspace(low - margin, high + margin, 161, dtype=x.dtype))
    for line in bent:
        ax.plot(*line.T, color=ANNOTATION, linewidth=0.8, alpha=0.5)
    plot_corners(network.forward(x)[second], target, ax)
    ax.set(xlabel="$h_1$", ylabel="$h_2$", aspect="equal")
    if high - low < 2.5:
        ax.set(xticks=[0, 1], yticks=[0, 1])
    return ax


def plot_network(network: Network, x: Array | None = None, ax: Axes | None = None) -> Axes:
    """Draw the neurons of a small network, inputs left, with every weight and bias.

    Given one example ``x (1, n_in)``, each neuron shows the value that it sends forward, in blue;
    otherwise its name. A negative weight is a dashed line. A `Linear` and the activation behind it
    are drawn as one column.
    """
    if network.params.ndim != 1:
        raise ValueError("plot_network draws one network, got a stack: give it network.member(i)")
    if x is not None and np.shape(x)[:1] != (1,):
        raise ValueError(f"plot_network shows one example, x (1, {network.n_in}), got {np.shape(x)}: use x[:1]")
    ax = plt.gca() if ax is None else ax
    columns = _columns(network, x)
    linear = [layer for layer in network.layers if isinstance(layer, Linear)]
    for left, right, layer in zip(columns, columns[1:], linear, strict=False):
        for i, start in enumerate(left):
            for j, end in enumerate(right):
                _draw_edge(ax, start, end, float(layer.W[i, j]))
        for neuron, bias in zip(right, layer.b[0], strict=True):
            ax.annotate(_signed(f"{bias:+.3g}"), neuron.place, (0, -30), **_LABEL)
    for column in columns:
        for neuron in column:
            _draw_neuron(ax, neuron)
    heights = [neuron.place[1] for column in columns for neuron in column]
    ax.set(xlim=(-0.6, 2.4 * len(linear) + 0.6), ylim=(min(heights) - 0.75, max(heights) + 0.75), aspect="equal")
    ax.axis("off")
    return ax


def plot_steps(steps: Sequence[tuple[str, str, str, str]], ax: Axes | None = None) -> Axes:
    """Draw the steps of a computation as boxes from top to bottom, joined by arrows.

    Each step is ``(name, left, right, color)``: the name in the box, and a line of code on either side.
    """
    ax = plt.gca() if ax is None else ax
    mono: dict[str, Any] = {"family": "monospace", "va": "center"}
    for row, (name, left, right, color) in enumerate(steps):
        frame = {"boxstyle": "round,pad=0.5", "facecolor": "none", "edgecolor": color}
        ax.text(0.5, -row, name, ha="center", color=color, bbox=frame, **mono)
        ax.text(0.26, -row, left, ha="right", fontsize=10, **mono)
        ax.text(0.74, -row, right, fontsize=10, **mono)
        if row:
            arrow = {"arrowstyle": "->", "color": color}
            ax.annotate("", (0.5, 0.32 - row), (0.5, 0.68 - row), arrowprops=arrow)
    ax.set(xlim=(-0.08, 1.08), ylim=(0.5 - len(steps), 1))
    ax.axis("off")
    return ax


def _draw_answers(ax: Axes, predict: Predict, ticks: Array) -> None:
    """Fill the square that ``ticks`` span with what ``predict`` answers, and draw the line where that is 0.5."""
    x1, x2 = np.meshgrid(ticks, ticks)
    output = predict(np.column_stack([x1.ravel(), x2.ravel()]))
    if output.shape != (x1.size, 1):
        raise ValueError(f"predict must return one answer per point, ({x1.size}, 1), got {output.shape}")
    output = output.reshape(x1.shape)
    fill = LinearSegmentedColormap.from_list(
        "answer", [to_rgba(SECOND, 0.5), to_rgba(ANNOTATION, 0), to_rgba(FORWARD, 0.5)]
    )
    # Without smoothing the filled levels meet exactly; with it, thin seams show where they overlap.
    ax.contourf(x1, x2, output, levels=np.linspace(0, 1, 11), cmap=fill, extend="both", antialiased=False)
    ax.contour(x1, x2, output, levels=[0.5], colors=ANNOTATION, linewidths=2)


class _Neuron(NamedTuple):
    place: tuple[float, float]
    name: str
    value: float | None


_RADIUS = 0.36
_LABEL: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center"}


def _columns(network: Network, x: Array | None) -> list[list[_Neuron]]:
    """Return the neurons of each column: the inputs, then one column per Linear."""
    outputs = [] if x is None else network.forward(x)
    starts = [i for i, layer in enumerate(network.layers) if isinstance(layer, Linear)]
    sizes = [network.n_in, *(layer.n_out for layer in network.layers if isinstance(layer, Linear))]
    columns = []
    for column, (size, i) in enumerate(zip(sizes, [*starts, len(network.layers)], strict=True)):
        letter = "x" if column == 0 else "y" if column == len(sizes) - 1 else "h"
        names = [f"${letter}_{k + 1}$" if size > 1 else f"${letter}$" for k in range(size)]
        values = [None] * size if x is None else [float(value) for value in outputs[i][0]]
        places = [(2.4 * column, 0.8 * (size - 1) - 1.6 * k) for k in range(size)]
        columns.append([_Neuron(*neuron) for neuron in zip(places, names, values, strict=True)])
    return columns


def _draw_neuron(ax: Axes, neuron: _Neuron) -> None:
    ax.add_patch(Circle(neuron.place, _RADIUS, facecolor="none", edgecolor=ANNOTATION, linewidth=1.5))
    if neuron.value is None:
        ax.annotate(neuron.name, neuron.place, (0, 0), **_LABEL)
    else:
        number = f"{neuron.value:.3f}".removesuffix(".000")
        ax.annotate(_signed(number), neuron.place, (0, 0), color=FORWARD, fontweight="bold", **_LABEL)
        ax.annotate(neuron.name, neuron.place, (0, 30), **_LABEL)


def _draw_edge(ax: Axes, start: _Neuron, end: _Neuron, weight: float) -> None:
    a, b = np.array(start.place), np.array(end.place)
    along = (b - a) / np.hypot(*(b - a))
    line = np.column_stack([a + _RADIUS * along, b - _RADIUS * along])
    ax.plot(*line, color=ANNOTATION, linewidth=1.2, linestyle="--" if weight < 0 else "-")
    # Crossing edges meet in the middle, so the number stands a third of the way, above its line.
    at = a + 0.33 * (b - a)
    ax.annotate(_signed(f"{weight:.3g}"), (at[0], at[1]), (0, 8), fontsize=10, **_LABEL)


def _signed(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
