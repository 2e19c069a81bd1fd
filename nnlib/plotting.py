"""The figures that recur in the book, one line each. The only module that needs Matplotlib.

A chapter begins with ``plt.style.use("nnlib.book")`` and takes its colours from here by meaning.
Each function draws on ``ax``, by default the current axes, and returns it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.patches import Circle, Rectangle
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


def plot_calibration(groups: Mapping[str, tuple[float, int, int]], ax: Axes | None = None) -> Axes:
    """Draw what probabilities promised, and what came true, for each ``{"0-10": (promised, successes, n)}``.

    ``promised`` is the sum of the group's ``n`` probabilities. The bars are 95 % Wilson intervals. The scale is that of
    logits, so that rates close to 0 and to 1 can be told apart; those of 0 and 1 themselves lie at the edge.
    """
    ax = plt.gca() if ax is None else ax
    for place, (promised, successes, n) in enumerate(groups.values()):
        low, high = wilson_interval(successes, n)
        low, rate, high = np.clip((low, successes / n, high), 0.0007, 0.9993)
        ax.plot([place, place], [low, high], color=ANNOTATION)
        ax.plot(place, rate, "o", color=TARGET)
        ax.plot(place, promised / n, "_", color=FORWARD, markeredgewidth=3, markersize=18)
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set(yscale="logit", ylim=(0.0004, 0.9996), xlabel="answer, in %", ylabel="came true, in %")
    ticks = 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999
    ax.set_yticks(ticks, [f"{100 * tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.legend(ax.lines[:3], ["95 % interval", "came true", "promised"])
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


def plot_network(network: Network, x: Array | None = None, ax: Axes | None = None, dy: Array | None = None) -> Axes:
    """Draw the neurons of a small network, inputs left, with every weight and bias.

    Given one example ``x (1, n_in)``, each neuron shows the value that it sends forward, in blue;
    otherwise its name. A negative weight is a dashed line. A `Linear` and the activation behind it
    are drawn as one column.

    Given ``dy (1, n_out)`` as well, the derivative of a loss with respect to the output, every number but the
    inputs has below it, in orange, the derivative of that loss with respect to it.
    """
    if network.params.ndim != 1:
        raise ValueError("plot_network draws one network, got a stack: give it network.member(i)")
    if x is not None and np.shape(x)[:1] != (1,):
        raise ValueError(f"plot_network shows one example, x (1, {network.n_in}), got {np.shape(x)}: use x[:1]")
    if dy is not None and (x is None or np.shape(dy) != (1, network.n_out)):
        raise ValueError(f"dy must have shape (1, {network.n_out}) and come with an example x, got {np.shape(dy)}")
    ax = plt.gca() if ax is None else ax
    columns = _columns(network, x, dy)
    linear = [layer for layer in network.layers if isinstance(layer, Linear)]
    for left, right, layer in zip(columns, columns[1:], linear, strict=False):
        for i, start in enumerate(left):
            for j, end in enumerate(right):
                _draw_edge(ax, start, end, float(layer.W[i, j]))
        for neuron, bias in zip(right, layer.b[0], strict=True):
            ax.annotate(_signed(f"{bias:+.3g}"), neuron.place, (0, -30 if neuron.delta is None else -35), **_LABEL)
            if neuron.delta is not None:
                ax.annotate(_derivative(neuron.delta), neuron.place, (0, -48), **_BACK)
    for column in columns:
        for neuron in column:
            _draw_neuron(ax, neuron)
    heights = [neuron.place[1] for column in columns for neuron in column]
    down, up = (0.75, 0.75) if dy is None else (1.0, 0.85)
    ax.set(xlim=(-0.6, 2.4 * len(linear) + 0.6), ylim=(min(heights) - down, max(heights) + up), aspect="equal")
    ax.axis("off")
    return ax


def plot_product(
    sizes: tuple[int, int, int],
    left: tuple[str, str],
    right: tuple[str, str],
    result: tuple[str, str],
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix product to scale, one cell for each number, and what makes its first entry.

    ``sizes = (r, s, c)`` stands for ``(r, s) @ (s, c) -> (r, c)``; each matrix is ``(name, color)``. Filled cells with
    the same number are multiplied, and the ``s`` products added to give the filled cell of the result.
    """
    ax = plt.gca() if ax is None else ax
    rows, shared, columns = sizes
    edge = 0.0
    shapes = (rows, shared), (shared, columns), (rows, columns)
    for k, ((name, color), shape) in enumerate(zip((left, right, result), shapes, strict=True)):
        top = shape[0] / 2
        for i, j in np.ndindex(shape):
            lit = (i == 0, j == 0, i == j == 0)[k]
            fill = (color, 0.2) if lit else "none"
            ax.add_patch(Rectangle((edge + j, top - i - 1), 1, 1, facecolor=fill, edgecolor=color, linewidth=1.2))
            if lit and k < 2:
                center: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 10, "fontweight": "bold"}
                ax.text(edge + j + 0.5, top - i - 0.54, str(i + j + 1), color=color, **center)
        ax.text(edge + shape[1] / 2, top + 0.3, name, color=color, ha="center")
        edge += shape[1] + 1
        if k < 2:
            ax.text(edge - 0.5, 0, "\N{MIDDLE DOT}="[k], ha="center", va="center")
    tallest = max(rows, shared) / 2
    ax.set(xlim=(-0.1, edge - 0.9), ylim=(-tallest - 0.1, tallest + 1), aspect="equal")
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


def plot_images(rows: Sequence[Array], ax: Axes | None = None) -> Axes:
    """Draw square images, a row of them for each ``(n_images, n_pixels)`` of ``rows``, from the top.

    A pixel lies between -1 and 1: blue above 0, purple below, and at 0 not drawn.
    """
    ax = plt.gca() if ax is None else ax
    stops = (0, SECOND), (0.5, to_rgba(SECOND, 0)), (0.5, to_rgba(FORWARD, 0)), (1, FORWARD)
    fill = LinearSegmentedColormap.from_list("image", stops)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            side = math.isqrt(image.size)
            pixels, place = image.reshape(side, side), (j, j + 0.85, -i - 0.85, -i)
            ax.imshow(pixels, fill, vmin=-1, vmax=1, extent=place)
    ax.set(xlim=(0, max(map(len, rows))), ylim=(-len(rows), 0))
    ax.axis("off")
    return ax


def plot_people(
    found: int,
    missed: int,
    alarms: int,
    ax: Axes | None = None,
    n: int = 1000,
    words: tuple[str, str] = ("called back", "cancer"),
) -> Axes:
    """Draw a sign for each of ``n`` people, in rows of 50: above, who is called back by a test; below, who is not.

    Of those called back, ``found`` have what the test looks for (diamonds), and ``alarms`` have not (rings). Of the
    others, ``missed`` have it (crosses). ``words`` are those for being called back and for having it; the four signs
    are labelled for a legend.
    """
    ax = plt.gca() if ax is None else ax
    called, place = found + alarms, np.arange(n)
    place[called:] += -called % 50 + 150  # from a new row on, below three empty ones
    x, y = place % 50, -(place // 50)
    to, having = words
    signs = {
        f"{having}, {to}": (slice(found), "D", TARGET, TARGET, 3.6),
        f"{having}, not {to}": (slice(called, called + missed), "X", FAILURE, FAILURE, 5.5),
        f"no {having}, {to}": (slice(found, called), "o", "none", FAILURE, 3.8),
        f"no {having}, not {to}": (slice(called + missed, n), "o", ANNOTATION, "none", 2),
    }
    for label, (rows, marker, fill, edge, size) in signs.items():
        look: dict[str, Any] = {"marker": marker, "markerfacecolor": fill, "markeredgecolor": edge, "markersize": size}
        ax.plot(x[rows], y[rows], linestyle="", label=label, **look)
    ax.text(-0.5, 1.1, f"{to}: {called}, with {having}: {found}")
    below = -((called + 49) // 50) - 3
    ax.text(-0.5, below + 1.1, f"not {to}: {n - called}, with {having}: {missed}")
    ax.set(xlim=(-1, 50), ylim=(-n / 50 - 4, 2.5), aspect="equal")
    ax.axis("off")
    return ax


def plot_graph(values: Sequence[Any], ax: Axes | None = None) -> Axes:
    """Draw a computational graph: operations from top to bottom, and leaves to the left of the first that uses them.

    ``values`` has each value behind those it was made from. A value is anything with a ``name``, its ``parents``, an
    ``array`` and its gradient, ``grad``. Beside the name stands, in grey, the shape, unless it is ``()`` or a parent's;
    for at most two numbers also the array in blue and the gradient in orange. Half an inch for each row is enough.
    """
    ax = plt.gca() if ax is None else ax
    places: dict[int, tuple[int, int]] = {}
    row = 0
    for value in values:
        leaves = [parent for parent in value.parents if id(parent) not in places]
        for leaf in leaves:
            places[id(leaf)] = 0, -row
            row += leaf is not leaves[-1]
        if value.parents:
            places[id(value)] = 1, -row
            row += 1
    for value in values:
        _draw_value(ax, value, places)
    ax.set(xlim=(-0.9, 1.9), ylim=(0.5 - row, 0.5))
    ax.axis("off")
    return ax


def _draw_value(ax: Axes, value: Any, places: Mapping[int, tuple[int, int]]) -> None:
    """Draw a value of a graph, what is known of it, and an arrow from each of its parents."""
    place = places[id(value)]
    frame = {"boxstyle": "square", "facecolor": "none", "edgecolor": ANNOTATION}
    ax.text(*place, value.name, ha="center", va="center", fontsize=9, bbox=frame)
    known = [(), *(parent.array.shape for parent in value.parents)]  # a single number needs no shape
    lines = ["" if value.array.shape in known else str(value.array.shape)]
    if value.array.size <= 2:
        for array in value.array, value.grad:
            lines.append(" ".join(_derivative(number).removesuffix(".0000") for number in array.ravel()))
    aside, side = (14 + 3 * len(value.name)) * (1 if place[0] else -1), "left" if place[0] else "right"
    for k, (line, color) in enumerate(zip(lines, (ANNOTATION, FORWARD, BACKWARD), strict=False)):
        ax.annotate(line, place, (aside, 11 - 11 * k), color=color, fontsize=9, **(_LABEL | {"ha": side}))
    for k, parent in enumerate(value.parents):
        bend = 0.8 * k - 0.4 if value.parents.count(parent) > 1 else 0.0  # two arrows from one parent part
        arrow = {"arrowstyle": "->", "color": FORWARD, "shrinkA": 13, "shrinkB": 12}
        ax.annotate("", place, places[id(parent)], arrowprops=arrow | {"connectionstyle": f"arc3,rad={bend}"})


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
    dvalue: float | None  # the derivative of the loss with respect to the value
    delta: float | None  # and with respect to the weighted sum
    radius: float


_LABEL: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center"}
_BACK: dict[str, Any] = _LABEL | {"color": BACKWARD, "fontsize": 10}


def _columns(network: Network, x: Array | None, dy: Array | None) -> list[list[_Neuron]]:
    """Return the neurons of each column: the inputs, then one column per Linear."""
    outputs = [] if x is None else network.forward(x)
    slopes: dict[int, Array] = {} if dy is None else {len(network.layers): dy}
    for i in range(len(network.layers) - 1, 0, -1) if slopes else ():
        slopes[i] = network.layers[i].backward(outputs[i], outputs[i + 1], slopes[i + 1])
    starts = [i for i, layer in enumerate(network.layers) if isinstance(layer, Linear)]
    sizes = [network.n_in, *(layer.n_out for layer in network.layers if isinstance(layer, Linear))]
    half, radius = (0.8, 0.36) if dy is None else (1.0, 0.46)
    columns = []
    for column, (size, i) in enumerate(zip(sizes, [*starts, len(network.layers)], strict=True)):
        letter = "x" if column == 0 else "y" if column == len(sizes) - 1 else "h"
        names = [f"${letter}_{k + 1}$" if size > 1 else f"${letter}$" for k in range(size)]
        places = [(2.4 * column, half * (size - 1 - 2 * k)) for k in range(size)]
        # The derivatives of a column's weighted sums stand one place behind what its Linear reads.
        deltas = slopes.get(starts[column - 1] + 1) if column else None
        arrays = outputs[i] if outputs else None, slopes.get(i), deltas
        numbers = [[None] * size if array is None else [float(value) for value in array[0]] for array in arrays]
        columns.append([_Neuron(*neuron) for neuron in zip(places, names, *numbers, [radius] * size, strict=True)])
    return columns


def _draw_neuron(ax: Axes, neuron: _Neuron) -> None:
    ax.add_patch(Circle(neuron.place, neuron.radius, facecolor="none", edgecolor=ANNOTATION, linewidth=1.5))
    up = 30 if neuron.radius < 0.4 else 36
    if neuron.value is None:
        ax.annotate(neuron.name, neuron.place, (0, 0), **_LABEL)
    elif neuron.dvalue is None:
        number = f"{neuron.value:.3f}".removesuffix(".000")
        ax.annotate(_signed(number), neuron.place, (0, 0), color=FORWARD, fontweight="bold", **_LABEL)
        ax.annotate(neuron.name, neuron.place, (0, up), **_LABEL)
    else:
        number = f"{neuron.value:.4f}".removesuffix(".0000")
        ax.annotate(_signed(number), neuron.place, (0, 7), color=FORWARD, fontweight="bold", **_LABEL)
        ax.annotate(_derivative(neuron.dvalue), neuron.place, (0, -8), **_BACK)
        ax.annotate(neuron.name, neuron.place, (0, up), **_LABEL)


def _draw_edge(ax: Axes, start: _Neuron, end: _Neuron, weight: float) -> None:
    a, b = np.array(start.place), np.array(end.place)
    along = (b - a) / np.hypot(*(b - a))
    line = np.column_stack([a + start.radius * along, b - end.radius * along])
    ax.plot(*line, color=ANNOTATION, linewidth=1.2, linestyle="--" if weight < 0 else "-")
    # Crossing edges meet in the middle, so the number stands a third of the way, above its line.
    at = a + 0.33 * (b - a)
    if end.delta is None or start.value is None:
        ax.annotate(_signed(f"{weight:.3g}"), (at[0], at[1]), (0, 8), fontsize=10, **_LABEL)
        return
    # With a derivative below it, both lie along their line, or that would run through them.
    at = a + (start.radius + 0.45) * along
    across, angle = np.array([-along[1], along[0]]), float(np.degrees(np.arctan2(along[1], along[0])))
    turned: dict[str, Any] = {"rotation": angle, "rotation_mode": "anchor"}
    ax.annotate(_signed(f"{weight:.3g}"), tuple(at), tuple(8 * across), fontsize=10, **_LABEL, **turned)
    ax.annotate(_derivative(start.value * end.delta), tuple(at), tuple(-8 * across), **_BACK, **turned)


def _derivative(value: float) -> str:
    number = f"{value:.4f}"
    return "0" if float(number) == 0 else _signed(number)


def _signed(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
