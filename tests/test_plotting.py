"""The recurring figures: where they draw, what they leave alone, and colours that read on light and dark pages."""

import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb, to_rgba
from networks import build

from nnlib import SGD, Linear, MeanSquaredError, Network, Sigmoid, fit, normal, plotting, wilson_interval, xor

mpl.use("Agg")
PALETTE = ["FORWARD", "BACKWARD", "TARGET", "FAILURE", "SECOND", "ANNOTATION"]
DARK_PAGE = "#14181e"
X, POINTS_TARGET = xor()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def network():
    return build((2, 2, 1), Sigmoid, np.random.default_rng(0), Sigmoid)


@pytest.fixture(scope="module")
def stack():
    return build((2, 2, 1), Sigmoid, np.random.default_rng(0), Sigmoid, n_networks=3)


def history(network):
    return fit(network, X, POINTS_TARGET, MeanSquaredError(), SGD(1.0), 12, record_every=3)


def recorded(name, shape, *parents):
    array = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    return SimpleNamespace(name=name, array=array, grad=-array / 8, parents=parents)


W, V = recorded("W", (3, 1)), recorded("V", (1, 2))
PAIR = recorded("@", (3, 2), W, V)
SQUARE = recorded("x", (3, 2), PAIR, PAIR)
GRAPH = [W, V, PAIR, SQUARE]
RATES = {"2-2-1": (723, 1000), "2-4-1": (999, 1000), "2-8-1": (4, 4)}
GROUPS = {"0-10": (1.5, 0, 40), "10-90": (5.0, 6, 10), "90-100": (29.0, 30, 30)}
STEPS = [("forward", "x", "y", plotting.FORWARD), ("backward", "dx", "dy", plotting.BACKWARD)]
PRODUCT = (2, 3, 1), ("H", plotting.FORWARD), ("W", plotting.ANNOTATION), ("Z", plotting.BACKWARD)
DRAW = {
    "loss": lambda network, ax: plotting.plot_loss(history(network), ax),
    "rates": lambda _network, ax: plotting.plot_rates(RATES, ax),
    "calibration": lambda _network, ax: plotting.plot_calibration(GROUPS, ax),
    "product": lambda _network, ax: plotting.plot_product(*PRODUCT, ax),
    "steps": lambda _network, ax: plotting.plot_steps(STEPS, ax),
    "images": lambda _network, ax: plotting.plot_images([np.eye(2).reshape(1, 4)], ax),
    "people": lambda _network, ax: plotting.plot_people(5, 1, 111, ax),
    "graph": lambda _network, ax: plotting.plot_graph(GRAPH, ax),
    "corners": lambda _network, ax: plotting.plot_corners(X, POINTS_TARGET, ax),
    "boundary": lambda network, ax: plotting.plot_decision_boundary(network, X, POINTS_TARGET, ax),
    "hidden plane": lambda network, ax: plotting.plot_hidden_plane(network, X, POINTS_TARGET, ax),
    "network": lambda network, ax: plotting.plot_network(network, ax=ax),
    "network with values": lambda network, ax: plotting.plot_network(network, X[:1], ax),
    "network with derivatives": lambda network, ax: plotting.plot_network(network, X[:1], ax, np.ones((1, 1))),
}
every_plot = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def colours(artists):
    return [to_hex(artist.get_color()).upper() for artist in artists]


@every_plot
def test_a_plot_draws_on_the_given_axes_and_changes_nothing_else(draw, network):
    figure, (ax, current) = plt.subplots(1, 2)
    plt.sca(current)
    settings, params = mpl.rcParams.copy(), network.params.copy()
    assert draw(network, ax) is ax
    assert ax.has_data() or ax.texts
    assert not current.has_data()
    assert not current.texts
    assert plt.gca() is current
    assert plt.get_fignums() == [figure.number]
    assert mpl.rcParams == settings
    assert np.array_equal(network.params, params) or draw is DRAW["loss"]
    figure.canvas.draw()


@every_plot
def test_a_plot_draws_on_the_current_axes_by_default(draw, network):
    ax = plt.figure().subplots()
    assert draw(network, None) is ax
    assert ax.has_data() or ax.texts


def test_plot_loss(network, stack):
    recorded = history(network)
    ax = plotting.plot_loss(recorded, plt.figure().subplots())
    (line,) = ax.lines
    assert np.array_equal(line.get_xydata(), np.column_stack([recorded.epochs, recorded.loss]))
    assert colours([line]) == [plotting.FORWARD]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "log")

    recorded = history(stack)
    ax = plotting.plot_loss(recorded, plt.figure().subplots(), color=plotting.SECOND)
    assert len(ax.lines) == 3
    assert set(colours(ax.lines)) == {plotting.SECOND}
    assert np.array_equal(ax.lines[2].get_ydata(), recorded.loss[:, 2])


def test_plot_rates():
    ax = plotting.plot_rates(RATES, plt.figure().subplots())
    intervals, ends, dots = ax.lines[::3], ax.lines[1::3], ax.lines[2::3]
    for row, (successes, n) in enumerate(RATES.values()):
        assert np.array_equal(intervals[row].get_xydata(), [(bound, row) for bound in wilson_interval(successes, n)])
        assert np.array_equal(ends[row].get_xydata(), intervals[row].get_xydata())
        assert np.array_equal(dots[row].get_xydata(), [(successes / n, row)])
    # Four out of four is no proof of 95 %.
    assert colours(intervals) == colours(ends) == colours(dots) == [plotting.FAILURE, plotting.TARGET, plotting.FAILURE]
    assert [dot.get_marker() for dot in dots] == ["x", "o", "x"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(RATES)
    assert ax.yaxis_inverted()


def test_plot_product():
    ax = plotting.plot_product(*PRODUCT, plt.figure().subplots())
    assert texts(ax) == [*"123", "H", "\N{MIDDLE DOT}", *"123", "W", "=", "Z"]
    cells = {name: [] for name in "HWZ"}
    names = {plotting.FORWARD: "H", plotting.ANNOTATION: "W", plotting.BACKWARD: "Z"}
    for cell in ax.patches:
        cells[names[to_hex(cell.get_edgecolor()).upper()]].append(cell)
    assert {name: len(cells[name]) for name in cells} == {"H": 6, "W": 3, "Z": 2}
    assert all(cell.get_width() == cell.get_height() == 1 for cell in ax.patches)
    # Row by row: the first row of the left factor, the first column of the right one, the first entry of the result.
    lit = {name: [cell.get_facecolor()[3] > 0 for cell in cells[name]] for name in cells}
    assert lit == {"H": [True] * 3 + [False] * 3, "W": [True] * 3, "Z": [True, False]}
    # Left to right without touching, all around the same height.
    spans = [[cell.get_x() for cell in cells[name]] for name in "HWZ"]
    assert spans == [[0, 1, 2] * 2, [4] * 3, [6] * 2]
    assert [[cell.get_y() for cell in cells[name]] for name in "WZ"] == [[0.5, -0.5, -1.5], [0, -1]]
    assert [text.get_color() for text in ax.texts if text.get_text() in "HWZ"] == [color for _, color in PRODUCT[1:]]


def test_plot_steps():
    ax = plotting.plot_steps(STEPS, plt.figure().subplots())
    drawn = {text.get_text().strip(): text for text in ax.texts}
    assert set(drawn) == {"forward", "x", "y", "backward", "dx", "dy", ""}
    assert colours([drawn["forward"], drawn["backward"]]) == [plotting.FORWARD, plotting.BACKWARD]
    assert drawn["forward"].get_position()[1] > drawn["backward"].get_position()[1]
    assert drawn["x"].get_position()[0] < drawn["forward"].get_position()[0] < drawn["y"].get_position()[0]
    arrow = drawn[""]
    assert arrow.xyann[1] > arrow.xy[1]


def test_plot_images():
    rows = [np.array([[-1.0, 0, 0.5, 1]]), np.zeros((3, 9))]
    ax = plotting.plot_images(rows, plt.figure().subplots())
    places = [tuple(image.get_extent()) for image in ax.images]
    assert places == [(0, 0.85, -0.85, 0), (0, 0.85, -1.85, -1), (1, 1.85, -1.85, -1), (2, 2.85, -1.85, -1)]
    shown = ax.images[0].to_rgba(ax.images[0].get_array())
    assert [to_hex(colour).upper() for colour in shown.reshape(4, 4)[[0, 3]]] == [plotting.SECOND, plotting.FORWARD]
    np.testing.assert_allclose(shown[..., 3].ravel(), [1, 0, 0.5, 1], atol=0.01)
    assert ax.images[1].get_array().shape == (3, 3)
    assert (*ax.get_xlim(), *ax.get_ylim()) == (0, 3, -2, 0)


@pytest.mark.parametrize("counts", [(5, 1, 111), (357, 15, 10), (0, 2, 100), (0, 0, 0)])
def test_plot_people(counts):
    found, missed, alarms = counts
    ax = plotting.plot_people(*counts, plt.figure().subplots(), 700, words=("flagged", "fraud"))
    labels = "fraud, flagged", "fraud, not flagged", "no fraud, flagged", "no fraud, not flagged"
    assert [line.get_label() for line in ax.lines] == list(labels)
    assert [len(line.get_xdata()) for line in ax.lines] == [found, missed, alarms, 700 - sum(counts)]
    assert len({(line.get_marker(), line.get_markerfacecolor()) for line in ax.lines}) == 4
    places = [tuple(point) for line in ax.lines for point in line.get_xydata()]
    assert len(set(places)) == 700
    low, high = (ends for ends in (ax.get_xlim(), ax.get_ylim()))
    assert all(low[0] < x < low[1] and high[0] < y < high[1] for x, y in places)
    # Who is called back stands above the second line of text, the others below it.
    above, below = (text.get_position()[1] for text in ax.texts)
    called = [y for line in (ax.lines[0], ax.lines[2]) for y in line.get_ydata()]
    others = [y for line in (ax.lines[1], ax.lines[3]) for y in line.get_ydata()]
    assert all(below + 1 < y < above for y in called)
    assert max(others) == round(below - 1.1)
    assert texts(ax) == [
        f"flagged: {found + alarms}, with fraud: {found}",
        f"not flagged: {700 - found - alarms}, with fraud: {missed}",
    ]


def test_plot_graph():
    ax = plotting.plot_graph(GRAPH, plt.figure().subplots())
    boxes = {text.get_text(): text.get_position() for text in ax.texts if text.get_bbox_patch()}
    # Leaves left, the last of them beside the operation that uses them.
    assert boxes == {"W": (0, 0), "V": (0, -1), "@": (1, -1), "x": (1, -2)}
    lines = [text for text in ax.texts if text.get_text() and not text.get_bbox_patch()]
    assert [(line.get_text(), to_hex(line.get_color()).upper(), line.xy) for line in lines] == [
        ("(3, 1)", plotting.ANNOTATION, (0, 0)),
        ("(1, 2)", plotting.ANNOTATION, (0, -1)),
        ("0 1", plotting.FORWARD, (0, -1)),
        ("0 \N{MINUS SIGN}0.1250", plotting.BACKWARD, (0, -1)),
        ("(3, 2)", plotting.ANNOTATION, (1, -1)),  # that of the square is its parent's
    ]
    drawn = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    arrows = [(arrow.xyann, arrow.xy, arrow.arrow_patch.get_connectionstyle().rad) for arrow in drawn]
    apart = [rad for *_, rad in arrows]
    assert [ends for *ends, _ in arrows] == [
        [(0, 0), (1, -1)],
        [(0, -1), (1, -1)],
        [(1, -1), (1, -2)],
        [(1, -1), (1, -2)],
    ]
    assert apart[:2] == [0, 0]
    assert apart[2] == -apart[3] != 0
    single = recorded("t", ())
    assert "()" not in texts(plotting.plot_graph([single, recorded("+", (), single)], plt.figure().subplots()))


def test_plot_calibration():
    ax = plotting.plot_calibration(GROUPS, plt.figure().subplots())
    assert [label.get_text() for label in ax.get_xticklabels()] == list(GROUPS)
    bars, dots, dashes = (ax.lines[i::3] for i in range(3))
    assert colours([bars[0], dots[0], dashes[0]]) == [plotting.ANNOTATION, plotting.TARGET, plotting.FORWARD]
    assert [line.get_xdata()[0] for line in dots] == [0, 1, 2]
    np.testing.assert_allclose([line.get_ydata()[0] for line in dashes], [1.5 / 40, 0.5, 29 / 30])
    # Nothing lies outside of what is shown, though a logit of 0 or 1 would.
    low, high = ax.get_ylim()
    np.testing.assert_allclose([line.get_ydata()[0] for line in dots], [0.0007, 0.6, 0.9993])
    assert low < 0.0007 < 0.9993 < high
    np.testing.assert_allclose(bars[1].get_ydata(), wilson_interval(6, 10))
    assert bars[0].get_ydata()[0] == 0.0007
    assert bars[2].get_ydata()[1] == 0.9993
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["95 % interval", "came true", "promised"]
    assert ax.get_yscale() == "logit"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0.1", "1", "10", "50", "90", "99", "99.9"]


def test_plot_corners():
    ax = plotting.plot_corners(X, POINTS_TARGET, plt.figure().subplots())
    assert [tuple(line.get_xydata()[0]) for line in ax.lines] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert colours(ax.lines) == [plotting.SECOND, plotting.FORWARD, plotting.FORWARD, plotting.SECOND]
    assert [line.get_marker() for line in ax.lines] == list(plotting.CORNER_MARKERS)
    assert len(set(plotting.CORNER_MARKERS)) == 4
    assert texts(ax) == ["0", "1", "1", "0"]


@pytest.mark.parametrize(
    ("points", "aside"),
    [
        ([[0.1, 0.9], [0.8, 0.8], [0.8, 0.8], [0.9, 0.1]], [0, -5.5, 5.5, 0]),
        ([[0.5, 0.5]] * 4, [-16.5, -5.5, 5.5, 16.5]),
        ([[0.1, 0.9], [0.8, 0.8], [0.8, 0.75], [0.9, 0.1]], [0, 0, 0, 0]),
    ],
    ids=["two together", "all together", "two that only come near"],
)
def test_plot_corners_sets_corners_on_one_point_side_by_side(points, aside):
    points = np.array(points)
    ax = plotting.plot_corners(points, POINTS_TARGET, plt.figure().subplots())
    ax.figure.canvas.draw()
    drawn = np.array([line.get_transform().transform(line.get_xydata())[0] for line in ax.lines])
    moved = (drawn - ax.transData.transform(points)) * 72 / ax.figure.dpi
    np.testing.assert_allclose(moved, np.column_stack([aside, np.zeros(4)]), atol=1e-9)
    # The number stays with its marker.
    labels = [text.xyann for text in ax.texts]
    assert labels == [(7, 5) if shift == 0 else (shift - 3.5, 8) for shift in aside]


def test_plot_decision_boundary_draws_the_line_where_the_answer_is_one_half():
    def left_of_a_quarter(points):
        return 0.75 - points[:, :1]

    ax = plotting.plot_decision_boundary(left_of_a_quarter, X, POINTS_TARGET, plt.figure().subplots())
    fill, line = ax.collections
    (path,) = line.get_paths()
    np.testing.assert_allclose(path.vertices[:, 0], 0.25, atol=1e-12)
    assert (path.vertices[:, 1].min(), path.vertices[:, 1].max()) == (-0.5, 1.5)
    assert fill.get_clim()[0] < 0.5 < fill.get_clim()[1]
    assert to_rgba(fill.cmap(0.0)) == pytest.approx(to_rgba(plotting.SECOND, 0.5), abs=0.01)
    assert to_rgba(fill.cmap(1.0)) == pytest.approx(to_rgba(plotting.FORWARD, 0.5), abs=0.01)


@pytest.mark.parametrize("answer", [0.1, 0.5, 0.9, 7.0])
def test_plot_decision_boundary_without_a_boundary(answer):
    figure = plt.figure()
    plotting.plot_decision_boundary(lambda p: np.full((len(p), 1), answer), X, POINTS_TARGET, figure.subplots())
    figure.canvas.draw()


@pytest.mark.parametrize("plot", [plotting.plot_decision_boundary, plotting.plot_hidden_plane])
def test_a_plane_keeps_the_dtype(plot):
    network = build((2, 2, 1), Sigmoid, np.random.default_rng(0), Sigmoid, dtype=np.float32)
    plot(network, *xor(np.float32), plt.figure().subplots())


def wired(*layers):
    network = Network(*layers, rng=np.random.default_rng(0))
    network.params = [4, -4, 4, -4, -2, 6, 4, 4, -6]
    return network


def test_plot_hidden_plane():
    ax = plotting.plot_hidden_plane(
        wired(Linear(2, 2), Sigmoid(), Linear(2, 1), Sigmoid()), X, POINTS_TARGET, plt.figure().subplots()
    )
    corners = [tuple(line.get_xydata()[0].round(4)) for line in ax.lines if line.get_marker() != "None"]
    assert corners == [(0.1192, 0.9975), (0.8808, 0.8808), (0.8808, 0.8808), (0.9975, 0.1192)]
    (border,) = ax.collections[1].get_paths()
    np.testing.assert_allclose(border.vertices.sum(axis=1), 1.5, atol=1e-3)
    # Nine lines each way. Both hidden neurons see x1 + x2 alone, so all of them lie on one curve.
    grid = [line for line in ax.lines if line.get_marker() == "None"]
    assert len(grid) == 18
    h1, h2 = np.concatenate([line.get_xydata() for line in grid]).T
    np.testing.assert_allclose(np.log(h1 / (1 - h1)) + np.log(h2 / (1 - h2)), 4)
    assert (ax.get_xlabel(), ax.get_ylabel(), list(ax.get_xticks())) == ("$h_1$", "$h_2$", [0, 1])


def test_plot_hidden_plane_bends_the_grid_of_the_input_plane():
    network = Network(Linear(2, 2, normal), Sigmoid(), Linear(2, 1, normal), Sigmoid(), rng=np.random.default_rng(0))
    ax = plotting.plot_hidden_plane(network, X, POINTS_TARGET, plt.figure().subplots())
    line = ax.lines[9]  # the first along x1, at x2 = -0.5
    along = np.column_stack([np.linspace(-0.5, 1.5, 81), np.full(81, -0.5)])
    np.testing.assert_allclose(line.get_xydata(), network.forward(along)[2])


def test_plot_hidden_plane_without_an_activation_shows_all_of_the_plane():
    network = wired(Linear(2, 2), Linear(2, 1), Sigmoid())
    ax = plotting.plot_hidden_plane(network, X, POINTS_TARGET, plt.figure().subplots())
    assert ax.get_xlim()[0] < -6
    assert ax.get_xlim()[1] > 10
    assert len(ax.get_xticks()) > 2


@pytest.mark.parametrize(
    ("sizes", "n", "got"), [((2, 3, 1), None, "2-3-1"), ((2, 2, 2, 1), None, "2-2-2-1"), ((2, 2, 1), 3, "a stack")]
)
def test_plot_hidden_plane_needs_two_hidden_neurons(sizes, n, got):
    network = build(sizes, Sigmoid, np.random.default_rng(0), Sigmoid, n_networks=n)
    with pytest.raises(ValueError, match=f"one 2-2-1 network, got {got}$"):
        plotting.plot_hidden_plane(network, X, POINTS_TARGET, plt.figure().subplots())


def test_plot_network():
    network = Network(Linear(2, 2, normal), Sigmoid(), Linear(2, 1, normal), rng=np.random.default_rng(0))
    network.layers[0].W = [[20, -20], [21, 0]]
    network.layers[0].b = [[-10, 30]]
    network.layers[2].W = [[1.5], [-2.25]]
    network.layers[2].b = [[0.125]]
    ax = plotting.plot_network(network, ax=plt.figure().subplots())
    minus = "\N{MINUS SIGN}"
    weights, biases = ["20", f"{minus}20", "21", "0", "1.5", f"{minus}2.25"], [f"{minus}10", "+30", "+0.125"]
    names = ["$x_1$", "$x_2$", "$h_1$", "$h_2$", "$y$"]
    assert sorted(texts(ax)) == sorted([*weights, *biases, *names])
    assert len(ax.patches) == 5
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-", "-", "-", "--"]

    ax = plotting.plot_network(network, np.array([[1.0, 0.0]]), plt.figure().subplots())
    values = [text for text in ax.texts if to_hex(text.get_color()).upper() == plotting.FORWARD]
    # h is what is sent forward, behind the sigmoid; the last output is 1.5 - 2.25 + 0.125.
    assert [text.get_text() for text in values] == ["1", "0", "1", "1", f"{minus}0.625"]
    assert set(names) < set(texts(ax))


def test_plot_network_puts_derivatives_below_the_numbers():
    network = wired(Linear(2, 2), Sigmoid(), Linear(2, 1), Sigmoid())
    x, target = X[1:2], POINTS_TARGET[1:2]
    dy = MeanSquaredError().grad(network(x), target)
    network.grads[...] = 7  # drawing leaves them alone
    ax = plotting.plot_network(network, x, plt.figure().subplots(), dy)
    assert (network.grads == 7).all()
    back = [text for text in ax.texts if to_hex(text.get_color()).upper() == plotting.BACKWARD]
    grads = network.backward(network.forward(x), dy)
    minus = "\N{MINUS SIGN}"
    expected = [f"{g:.4f}".replace("-", minus) if g else "0" for g in grads]
    expected += [f"{minus}0.5198", f"{minus}0.4000", f"{minus}0.4000"]
    assert sorted(text.get_text() for text in back) == sorted(expected)
    # Each stands below a grey or blue number, at the same place and turned alike.
    for text in back:
        above = [
            other
            for other in ax.texts
            if other not in back and other.xy == text.xy and other.get_rotation() == text.get_rotation()
        ]
        assert any(other.xyann[1] > text.xyann[1] for other in above)
    assert {"0.8808", "0.7401", "1", "0"} <= set(texts(ax))


def test_plot_network_wants_derivatives_that_fit(network):
    ax = plt.figure().subplots()
    for x, dy in (None, np.ones((1, 1))), (X[:1], np.ones((4, 1))), (X[:1], np.ones(1)):
        with pytest.raises(ValueError, match=r"^dy must have shape \(1, 1\) and come with an example x, got"):
            plotting.plot_network(network, x, ax, dy)


def test_plots_draw_one_network(stack):
    ax = plt.figure().subplots()
    with pytest.raises(ValueError, match=r"one network.*stack.*member"):
        plotting.plot_network(stack, ax=ax)
    with pytest.raises(ValueError, match=r"\(6561, 1\).*got \(3, 6561, 1\)"):
        plotting.plot_decision_boundary(stack, X, POINTS_TARGET, ax)


def test_plot_network_shows_one_example(network):
    with pytest.raises(ValueError, match=r"one example.*\(1, 2\).*got \(4, 2\)"):
        plotting.plot_network(network, X, plt.figure().subplots())


def test_style(tmp_path):
    with plt.style.context("nnlib.book"):
        figure, ax = plt.subplots()
        plotting.plot_corners(X, POINTS_TARGET, ax)
        assert to_rgba(figure.get_facecolor())[3] == to_rgba(ax.get_facecolor())[3] == 0
        figure.savefig(tmp_path / "figure.png")
        image = plt.imread(tmp_path / "figure.png")
        assert (image[[0, 0, -1, -1], [0, -1, 0, -1], 3] == 0).all()
        # Where there is something to see, it has one of the book's colours: no black text.
        visible = image[image[..., 3] == 1][:, None, :3]
        palette = np.array([to_rgb(getattr(plotting, name)) for name in PALETTE])
        assert len(visible) > 100
        assert np.abs(visible - palette).max(axis=-1).min(axis=-1).max() < 0.02


def test_style_has_the_palette():
    palette = [getattr(plotting, name) for name in PALETTE]
    assert len(set(palette)) == 6
    with plt.style.context("nnlib.book"):
        assert [f"#{colour.lstrip('#')}" for colour in plt.rcParams["axes.prop_cycle"].by_key()["color"]] == palette
        for key in ["axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "text.color", "xtick.color", "ytick.color"]:
            assert to_rgb(plt.rcParams[key]) == to_rgb(plotting.ANNOTATION), key
        assert to_rgb(plt.rcParams["grid.color"]) == to_rgb(plotting.ANNOTATION)


def luminance(colour):
    """Return WCAG 2's relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def contrast(a, b):
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_known_pairs():
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("page", ["white", DARK_PAGE])
@pytest.mark.parametrize("name", PALETTE)
def test_a_colour_reads_on_either_page(name, page):
    assert contrast(getattr(plotting, name), page) >= 3.4


@pytest.mark.parametrize(
    ("module", "absent"), [("nnlib", ["matplotlib", "torch", "scipy"]), ("nnlib.plotting", ["torch"])]
)
def test_importing_loads_no_more_than_it_needs(module, absent):
    code = f"import sys, {module}; print([name for name in {absent} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
