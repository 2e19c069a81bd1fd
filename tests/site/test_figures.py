"""The figures that move: operated by keyboard, mouse and finger in a real browser, their numbers held against nnlib."""

import math
import re

import numpy as np
import pytest
import robot_arm
import studies
from scipy.optimize import minimize
from scipy.stats import kstest
from test_pages import AXE

import nnlib

FIGURES = {
    "neuron": "01-neuron",
    "activation": "03-activations",
    "hidden-plane": "05-forward",
    "descent": "07-descent",
    "backprop": "08-backprop-numbers",
    "xor-trainer": "11-xor-numpy",
    "robot-arm": "20-robot-arm",
}
X, T = nnlib.xor()
STANDS_IN = re.compile("On the book.s website a figure that moves stands here")
NETWORK = "import('/_static/figures/network.js')"


class Moving:
    """One moving figure on its page."""

    def __init__(self, page, name):
        self.page, self.element = page, page.locator(f"nm-{name}")
        self.element.evaluate("figure => figure.scrollIntoView()")  # so that its part of the page is laid out at all
        seen = None
        while seen != (seen := self.place()):  # until the parts around it are laid out
            self.element.scroll_into_view_if_needed()
            page.wait_for_timeout(150)

    def place(self):
        """Return how far the page is scrolled, and where on it the figure stands."""
        return self.element.evaluate("figure => [scrollY, figure.getBoundingClientRect().top + scrollY]")

    @property
    def values(self):
        """The numbers that the figure shows, unrounded."""
        return self.element.evaluate("figure => figure.values")

    @property
    def said(self):
        """The result sentence, as a screen reader hears it once the hand rests."""
        self.page.wait_for_timeout(500)
        return self.element.locator("[aria-live=polite]").inner_text().replace("\xa0", " ")

    def keys(self, label, *keys):
        """Press keys on the control of that label."""
        buttons = self.element.get_by_role("button", name=label, exact=True)
        control = self.element.get_by_label(label, exact=True).or_(buttons)
        control.focus(timeout=3000)
        for key in keys:
            self.page.keyboard.press(key)

    def swipe(self, start, end):
        """Move a finger over the screen, through the browser's own protocol."""
        touch = self.page.context.new_cdp_session(self.page)
        for k, (x, y) in enumerate(np.linspace(start, end, 11).tolist()):
            kind = "touchMove" if k else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
            self.page.wait_for_timeout(20)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def put(self, **values):
        """Set sliders and choices by name, as an input of the reader's would."""
        self.element.evaluate(
            """(figure, values) => Object.entries(values).forEach(([name, value]) => {
                figure.set(name, value);
                const control = figure.form.elements[name];
                (control[0] ?? control).dispatchEvent(new Event("input", {bubbles: true}));
            })""",
            values,
        )


@pytest.fixture
def figure(visit):
    def figure(name, **options):
        return Moving(visit(f"chapters/{FIGURES[name]}.html", **options), name)

    return figure


def close(got, expected):
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)


def network(params):
    """Return the 2-n-1 network of these parameters, in nnlib."""
    n = (len(params) - 1) // 4
    layers = nnlib.Linear(2, n), nnlib.Sigmoid(), nnlib.Linear(n, 1), nnlib.Sigmoid()
    result = nnlib.Network(*layers, rng=np.random.default_rng(0))
    result.params = params
    return result


# --- every figure ---


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", [1280, 834, 390])
def test_nothing_shifts_when_a_figure_comes_and_it_fits(figure, name, width):
    moving = figure(name, width=width)
    box = moving.element.evaluate(
        """figure => {
            const room = figure.offsetHeight, section = figure.shadowRoot.querySelector("section");
            figure.style.minHeight = 0;
            return {room, needed: section.offsetHeight, wide: section.scrollWidth - section.clientWidth};
        }"""
    )
    assert box["needed"] <= box["room"] <= box["needed"] + 60
    assert box["wide"] == 0
    assert sum(value for value, _ in moving.page.evaluate("window.shifted")) <= 0.02


@pytest.mark.parametrize("name", FIGURES)
def test_every_control_has_a_name_and_shows_its_focus(figure, name):
    moving = figure(name)
    controls = moving.element.locator("input:visible, button:visible, summary:visible").all()
    assert controls
    for control in controls:
        told = control.evaluate("node => node.labels?.[0]?.textContent ?? node.textContent")
        assert told.strip()
        control.focus()
        moving.page.keyboard.press("Shift")  # a key, so that the focus counts as the keyboard's
        assert control.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_is_content_with_an_operated_figure(figure, name, width):
    moving = figure(name, width=width)
    moving.element.evaluate(
        """figure => {
            figure.shadowRoot.querySelectorAll("details").forEach(folded => (folded.open = true));
            figure.form.querySelectorAll("[type=range]").forEach(range => (range.value = range.max));
            figure.update();
        }"""
    )
    moving.page.add_script_tag(path=AXE)
    for _ in ("light", "dark"):
        found = moving.page.evaluate("name => axe.run(name, {resultTypes: ['violations']})", f"nm-{name}")
        assert found["violations"] == []
        moving.page.locator("button.switch").click()
    moving.page.evaluate("localStorage.clear()")


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_in_a_figure_reads_on_its_page(figure, name, theme):
    colours = figure(name, theme=theme).element.evaluate(
        """figure => {
            const nodes = [...figure.shadowRoot.querySelectorAll("text, p, label, legend, button, b, .value")];
            const probe = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
            const seen = colour => {
                probe.fillStyle = colour;
                probe.fillRect(0, 0, 1, 1);
                return [...probe.getImageData(0, 0, 1, 1).data];
            };
            const page = seen(getComputedStyle(document.documentElement).backgroundColor);
            return nodes.filter(node => node.textContent.trim()).map(node => {
                const style = getComputedStyle(node);
                return [node.textContent, seen(node.localName === "text" ? style.fill : style.color), page];
            });
        }"""
    )
    assert len(colours) > 5
    for text, ink, page in colours:
        assert contrast(ink, page) >= 4.5, text


def contrast(one, other):
    def luminance(colour):
        parts = np.array(colour[:3]) / 255
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", FIGURES)
def test_a_page_loads_its_figure_and_no_other(figure, name):
    asked = {url.rpartition("/")[2] for url in figure(name).page.asked if "/figures/" in url}
    assert asked - {"network.js", "plane.js", f"{name}-networks.js"} == {"figure.js", "look.js", f"{name}.js"}


def test_a_page_without_figures_loads_none(visit):
    assert not [url for url in visit("chapters/02-perceptron.html").asked if "/figures/" in url]


@pytest.mark.parametrize("name", FIGURES)
def test_without_javascript_a_sentence_stands_in_its_place(visit, name):
    page = visit(f"chapters/{FIGURES[name]}.html", java_script_enabled=False)
    box = page.locator(f"nm-{name}").bounding_box()
    assert box["height"] < 120  # no empty room
    assert page.get_by_text(STANDS_IN).is_visible()


@pytest.mark.parametrize("name", FIGURES)
def test_print_shows_the_sentence_and_no_controls(figure, name):
    moving = figure(name)
    sentence = moving.element.get_by_text(STANDS_IN)
    assert not sentence.is_visible()
    moving.page.emulate_media(media="print")
    assert sentence.is_visible()
    assert not moving.element.locator("section").is_visible()


# --- the neuron ---


def test_the_neuron_answers_as_nnlib_and_is_named(figure):
    moving = figure("neuron")
    names = {(0, 1, 1, 1): "OR", (0, 0, 0, 1): "AND", (1, 1, 1, 0): "NAND", (1, 1, 0, 0): "not x₁"}
    for w1, w2, b in [(4, 4, -2), (4, 4, -6), (-4, -4, 6), (-4, 0, 2), (0.5, -7.9, 3.3), (4, 4, -4), (0, 0, 0)]:
        moving.put(w1=w1, w2=w2, b=b)
        neuron, values = nnlib.Neuron([w1, w2], b), moving.values
        close(values["sums"], neuron.weighted_sum(X))
        assert values["answers"] == neuron(X).tolist()
        assert values["wrong"] == np.flatnonzero(neuron(X) != T[:, 0]).tolist()
        if name := names.get(tuple(values["answers"])):
            assert f"computes {name}" in moving.said


def test_the_neuron_by_keyboard(figure):
    moving = figure("neuron")
    assert "For XOR it is wrong at (1, 1)" in moving.said
    moving.keys("bias b", *["ArrowLeft"] * 40)
    close(moving.values["b"], -6)
    assert "computes AND" in moving.said
    moving.keys("XOR", "ArrowRight")  # round to the first choice, AND
    assert "computes AND, as wanted" in moving.said
    assert moving.element.get_by_label("bias b").get_attribute("aria-valuetext") == "−6"


def test_no_neuron_does_xor(figure):
    values = figure("neuron").element.evaluate(
        """figure => {
            const least = [];
            for (const w1 of [-8, -4, -1, 0, 1, 4, 8]) for (const w2 of [-8, -4, -1, 0, 1, 4, 8])
                for (let b = -12; b <= 12; b += 0.5) {
                    Object.entries({w1, w2, b}).forEach(([name, value]) => figure.set(name, value));
                    least.push(figure.values.wrong.length);
                }
            return least;
        }"""
    )
    assert min(values) == 1


@pytest.mark.parametrize("width", [1280, 390])
def test_the_line_follows_the_hand(figure, width):
    moving = figure("neuron", width=width)
    plane = moving.element.locator("svg#plane")
    box = plane.bounding_box()

    def at(x1, x2):  # from the plane's coordinates to the window's
        scale = box["width"] / 230
        return box["x"] + (20 + 100 * (x1 + 0.5)) * scale, box["y"] + (6 + 200 - 100 * (x2 + 0.5)) * scale

    if width == 390:
        moving.swipe(at(0.25, 0.25), at(0.75, 0.75))
    else:
        moving.page.mouse.move(*at(0.25, 0.25))
        moving.page.mouse.down()
        moving.page.mouse.move(*at(0.75, 0.75), steps=5)
        moving.page.mouse.up()
    values = moving.values
    assert (values["w1"], values["w2"]) == (4, 4)
    assert values["b"] == pytest.approx(-6, abs=0.1)
    assert "computes AND" in moving.said

    foot = -values["b"] / 8  # the arrow's tip, moved to the opposite side
    tip = foot + 0.07 * 4
    moving.page.mouse.move(*at(tip, tip))
    moving.page.mouse.down()
    moving.page.mouse.move(*at(2 * foot - tip, 2 * foot - tip), steps=5)
    moving.page.mouse.up()
    assert moving.values["w1"] == pytest.approx(-4, abs=0.2)
    assert "computes NAND" in moving.said


# --- activation functions ---


@pytest.mark.parametrize("name", ["step", "sigmoid", "tanh", "ReLU"])
def test_activations_and_their_slopes_are_nnlibs(figure, name):
    moving = figure("activation")
    f = getattr(nnlib, name.lower())
    layer = {"sigmoid": nnlib.Sigmoid(), "tanh": nnlib.Tanh(), "ReLU": nnlib.ReLU()}.get(name)
    for z in (-6, -1.3, 0, 0.1, 2, 2.9, 3, 5.9, 6):
        moving.put(name=name, z=z)
        values, sums = moving.values, np.array([[float(z)]])
        close(values["y"], f(float(z)))
        slope = layer.backward(sums, layer.forward(sums), np.ones((1, 1))).item() if layer else 0
        close(values["slope"], slope)
        top = {"sigmoid": 0.25, "tanh": 1, "ReLU": 1, "step": -math.inf}[name]
        assert values["saturated"] == (slope < top / 100)


def test_saturation_is_said_by_keyboard(figure):
    moving = figure("activation")
    assert "slope is 0.1050" in moving.said
    moving.keys("sum z", "End")
    assert "Saturated" in moving.said
    moving.keys("sigmoid", "ArrowLeft")
    assert "step answers 1, and its slope is 0. A small change of z changes nothing" in moving.said


def test_a_finger_moves_along_the_curve_and_still_scrolls_the_page(figure):
    moving = figure("activation", width=390)
    box = moving.element.locator("svg#curves").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = moving.page.evaluate("scrollY")
    moving.swipe((x, y), (x + 80, y))
    assert moving.values["z"] == pytest.approx(((x + 80 - box["x"]) / box["width"] * 226 - 120) * 0.06, abs=0.1)
    assert moving.page.evaluate("scrollY") == before
    moving.swipe((x, y), (x, y - 120))
    assert moving.page.evaluate("scrollY") > before + 50


# --- backpropagation ---


def test_backpropagation_has_nnlibs_numbers_for_every_example(figure):
    moving = figure("backprop")
    wired = network([4, -4, 4, -4, -2, 6, 4, 4, -6])
    for i in range(4):
        moving.put(example=f"({X[i, 0]:.0f}, {X[i, 1]:.0f})")
        values, x = moving.values, X[i : i + 1]
        _, z1, h, z2, y = outputs = wired.forward(x)
        dy = 2 * (y - T[i : i + 1])
        for name, expected in {"z1": z1[0], "h": h[0], "z2": z2.item(), "y": y.item(), "dy": dy.item()}.items():
            close(values[name], expected)
        close(values["loss"], nnlib.MeanSquaredError().value(y, T[i : i + 1]))
        close(values["grads"], wired.backward(outputs, dy))
        delta2 = wired.layers[3].backward(z2, y, dy)
        dh = delta2 @ wired.layers[2].W.T
        close(values["delta2"], delta2.item())
        close(values["dh"], dh[0])
        close(values["delta1"], wired.layers[1].backward(z1, h, dh)[0])


def test_the_walk_by_keyboard_shows_one_number_after_the_other(figure):
    moving = figure("backprop")
    texts = moving.element.locator("svg text")
    seen = [texts.count()]
    for _ in range(11):
        moving.keys("Next ▸", "Enter")
        seen.append(texts.count())
    assert np.all(np.diff(seen) > 0)
    assert "−0.0420" in moving.said
    moving.keys("Next ▸", "Enter")  # the end is the end
    assert moving.element.get_by_label("step of the walk").get_attribute("aria-valuetext") == "11 of 11"
    assert texts.count() == seen[-1]
    moving.keys("step of the walk", "Home")
    assert texts.count() == seen[0]
    moving.keys("(0, 1)", "ArrowRight")
    assert "The example (1, 0) comes in" in moving.said


def test_a_click_on_the_slider_or_on_a_choice_takes_no_step(figure):
    moving = figure("backprop")
    box = moving.element.get_by_label("step of the walk").bounding_box()
    moving.page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    moving.element.get_by_label("(1, 1)").click()
    assert moving.element.evaluate("figure => figure.get('step')") == 11


def test_each_sentence_of_the_walk_shows_numbers_that_stand_in_the_picture(figure):
    moving = figure("backprop")
    for step in range(1, 12):
        moving.put(step=step)
        new = moving.element.locator("svg text.new").all_text_contents()
        assert new
        for text in new:
            number = re.search(r"−?\d+(\.\d{4})?$", text)[0]
            assert number in moving.element.locator(".result").inner_text(), (step, number)


# --- descent ---


@pytest.mark.parametrize(
    ("rate", "curvature", "word"),
    [(0.02, 4, "creeps"), (0.2, 4, "converges"), (0.25, 4, "lands"), (0.45, 4, "zigzags"), (0.5, 4, "for ever"),
     (0.52, 4, "diverges"), (0.6, 8, "diverges"), (0.6, 1, "converges")],
)  # fmt: skip
def test_the_walk_downhill_is_that_of_sgd_and_is_named(figure, rate, curvature, word):
    moving = figure("descent")
    moving.put(rate=rate, curvature=curvature, steps=20)
    w, walk, sgd = np.ones(1), [1.0], nnlib.SGD(rate)
    for _ in range(20):
        sgd.step(w, curvature * w)
        walk.append(w.item())
    values = moving.values
    np.testing.assert_allclose(
        np.array(values["walk"], dtype=float), walk, rtol=1e-9, atol=1e-9
    )  # 20 steps of a divergence reach 10**11
    losses = np.array(values["losses"], dtype=float)
    np.testing.assert_allclose(losses, curvature / 2 * np.square(walk), rtol=1e-9, atol=1e-9)
    close(values["limit"], 2 / curvature)
    assert word in moving.said


def test_descent_by_keyboard(figure):
    moving = figure("descent")
    assert "converges" in moving.said
    moving.keys("learning rate η", "End")
    assert "diverges" in moving.said
    moving.keys("curvature c of the valley", "Home")
    assert "converges" in moving.said
    assert "2/c = 2" in moving.said


# --- the hidden plane ---


def widest_gap(ones, zeros):
    """The distance between two stretches, by a general optimizer."""

    def distance(shares):
        p, q = ones[0] + shares[0] * (ones[1] - ones[0]), zeros[0] + shares[1] * (zeros[1] - zeros[0])
        return np.sum((p - q) ** 2)

    starts = [(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.5, 0.5)]
    options = {"ftol": 1e-15, "gtol": 1e-12}
    found = [minimize(distance, start, bounds=[(0, 1), (0, 1)], options=options).fun for start in starts]
    return math.sqrt(min(found))


def test_the_hidden_plane_is_nnlibs_and_its_gap_is_the_widest(figure):
    moving = figure("hidden-plane")
    separable = []
    for percent in (0, 5, 15, 30, 60, 100):
        moving.put(wiring=percent)
        values = moving.values
        hidden = network([*values["params"], 1, 1, 0]).forward(X)[2]
        close(values["hidden"], hidden)
        gap = widest_gap(hidden[1:3], hidden[[0, 3]])
        np.testing.assert_allclose(values["gap"], gap, rtol=0, atol=1e-6)
        assert values["separable"] == (gap > 1e-5)
        separable.append(values["separable"])
        # A perceptron finds a line in the hidden plane just where the figure says that there is one.
        assert values["separable"] == perceptron_learns(hidden)
    close(values["params"], [4, -4, 4, -4, -2, 6])
    assert separable == sorted(separable)  # from No to Yes, and never back
    assert len(set(separable)) == 2


def test_the_gap_is_the_widest_for_any_six_numbers(figure):
    moving, rng = figure("hidden-plane"), np.random.default_rng(5)
    for _ in range(12):
        numbers = dict(zip(["w11", "w12", "w21", "w22", "b1", "b2"], rng.uniform(-6, 6, 6).round(2), strict=True))
        moving.put(**numbers)
        values = moving.values
        close(values["params"], list(numbers.values()))
        hidden = network([*values["params"], 1, 1, 0]).forward(X)[2]
        close(values["hidden"], hidden)
        np.testing.assert_allclose(values["gap"], widest_gap(hidden[1:3], hidden[[0, 3]]), rtol=0, atol=1e-6)


def perceptron_learns(points):
    centred = (points - points.mean(axis=0)) / np.ptp(points, axis=0)  # which changes nothing but the pace
    w, b = np.zeros(2), 0.0
    for _ in range(20_000):
        mistakes = 0
        for x, t in zip(centred, T[:, 0], strict=True):
            error = t - float(x @ w + b > 0)
            w, b, mistakes = w + error * x, b + error, mistakes + abs(error)
        if not mistakes:
            return True
    return False


def test_the_hidden_plane_by_keyboard(figure):
    moving = figure("hidden-plane")
    assert "No line separates" in moving.said
    moving.keys("from small to wired weights", "End")
    assert "One line separates" in moving.said
    moving.element.get_by_text("All six numbers").focus()
    moving.page.keyboard.press("Enter")
    moving.keys("bias of h₂", "ArrowRight")
    close(moving.values["params"][5], 6.01)


# --- the XOR trainer ---


@pytest.mark.parametrize("hidden", [2, 3, 4])
def test_a_hundred_steps_from_given_weights_end_where_nnlib_ends(figure, hidden):
    start = nnlib.Network(
        *(nnlib.Linear(2, hidden, nnlib.normal), nnlib.Sigmoid(), nnlib.Linear(hidden, 1, nnlib.normal)),
        nnlib.Sigmoid(),
        rng=np.random.default_rng(hidden),
    )
    params = start.params.copy()
    values = figure("xor-trainer").element.evaluate(
        "(figure, params) => { figure.begin(params); figure.step(100); return figure.values; }", params.tolist()
    )
    history = nnlib.fit(start, X, T, nnlib.MeanSquaredError(), nnlib.SGD(1.0), epochs=100)
    assert not np.allclose(params, start.params)
    close(values["params"], start.params)
    close(values["loss"], history.loss[-1])


def test_a_seed_draws_what_its_references_say(figure):
    """SplitMix64 and Box-Muller, written a second time."""

    def draws(seed, n):
        state, mask, numbers = seed, 2**64 - 1, []
        for _ in range(2 * n):
            state = (state + 0x9E3779B97F4A7C15) & mask
            z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
            numbers.append(((z ^ (z >> 31)) >> 11) / 2**53 + 2**-54)
        return [
            math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)
            for u, v in zip(numbers[::2], numbers[1::2], strict=True)
        ]

    page = figure("xor-trainer").page
    for seed in (0, 1, 42):
        started = page.evaluate(f"seed => {NETWORK}.then(network => network.start(seed, 2))", seed)
        numbers = draws(seed, 6)
        close(started, [*numbers[:4], 0, 0, *numbers[4:], 0])
    many = page.evaluate(
        f"""{NETWORK}.then(({{normals}}) => Array.from({{length: 100000}}, (_, seed) => {{
            const draw = normals(seed);
            return [draw(), draw()];
        }}).join())"""
    )
    many = np.array(many.split(","), dtype=float).reshape(-1, 2)
    for column in np.transpose(many):
        assert kstest(column, "norm").pvalue > 0.001
    assert abs(np.corrcoef(np.transpose(many))[0, 1]) < 4 / math.sqrt(100_000)
    assert abs(np.corrcoef(many[:-1], many[1:], rowvar=False)[0, 2]) < 4 / math.sqrt(100_000)  # neighbouring seeds


def test_its_rate_is_that_of_the_chapter(figure):
    """373 of 500 learned in chapter 11, from NumPy's starts: with these, a rate within four standard errors."""
    learned = figure("xor-trainer").page.evaluate(
        f"""{NETWORK}.then(({{start, descend, learned}}) => {{
            let count = 0;
            for (let seed = 0; seed < 200; seed++) {{
                const params = start(seed, 2);
                for (let k = 0; k < 5000; k++) descend(params, 1);
                count += learned(params);
            }}
            return count;
        }})"""
    )
    error = math.sqrt(0.746 * 0.254 * (1 / 200 + 1 / 500))
    assert abs(learned / 200 - 0.746) < 4 * error


def test_twenty_seeds_by_keyboard_are_counted_with_their_interval(figure):
    moving = figure("xor-trainer")
    moving.keys("Next 20", "Enter")
    moving.page.wait_for_function("document.querySelector('nm-xor-trainer').values.trained === 20")
    values = moving.values
    close(values["interval"], nnlib.wilson_interval(values["successes"], 20))
    low, high = values["interval"]
    assert f"{values['successes']} of 20 learned: {values['successes'] / 20:.1%}" in moving.said
    assert f"[{low:.1%}, {high:.1%}]" in moving.said
    moving.keys("2", "ArrowRight")  # three hidden neurons: counted anew
    assert moving.values["trained"] == 0
    assert len(moving.values["params"]) == 13


def test_one_seed_is_watched_and_ends_as_nnlib_says(figure):
    moving = figure("xor-trainer")
    start = moving.values["params"]
    moving.keys("Next seed", "Enter")
    moving.page.wait_for_function("document.querySelector('nm-xor-trainer').epoch > 200")
    assert moving.values["trained"] == 0  # still on its way, and seen
    moving.keys("To the end", "Enter")
    moving.page.wait_for_function("document.querySelector('nm-xor-trainer').values.trained === 1")
    judge = network(start)
    nnlib.fit(judge, X, T, nnlib.MeanSquaredError(), nnlib.SGD(1.0), epochs=5000, record_every=5000)
    assert moving.values["learned"] == (nnlib.accuracy(judge(X), T) == 1)
    np.testing.assert_allclose(moving.values["params"], judge.params, rtol=0, atol=1e-6)  # 5,000 steps, not 100


def test_whoever_wants_no_motion_sees_none(figure):
    moving = figure("xor-trainer", reduced_motion="reduce")
    moving.element.evaluate(
        """figure => {
            window.drawn = 0;
            const curve = figure.shadowRoot.getElementById("curve");
            new MutationObserver(() => window.drawn++).observe(curve, {childList: true});
        }"""
    )
    for button, trained in ("Next seed", 1), ("Next 20", 21):
        moving.keys(button, "Enter")
        moving.page.wait_for_function(f"document.querySelector('nm-xor-trainer').values.trained === {trained}")
    moving.page.wait_for_timeout(200)
    assert moving.page.evaluate("window.drawn") <= 4  # at each press, and at each end
    assert "So far" in moving.said


# --- the robot arm ---

BOTH, ONE, CHECKED = "both elbows", "one elbow", "one elbow, with a check"


@pytest.fixture(scope="module")
def chapter_20():
    """What the cells of the chapter define, and how far off a hand may land there."""
    tolerance = float(re.search(r"tolerance=([\d.]+)", studies.source("20-robot-arm", "refuse"))[1])
    return {**robot_arm.chapter(), "tolerance": tolerance}


def stored_networks():
    """The parameters that the page brings, by what the network learned from."""
    found = re.findall(r'"(.+)": \[(.+)\]', robot_arm.STORED.read_text(encoding="utf-8"))
    return {moves: [float(number) for number in numbers.split(", ")] for moves, numbers in found}


def arm_network(params):
    layers = nnlib.Linear(2, 20), nnlib.Tanh(), nnlib.Linear(20, 20), nnlib.Tanh(), nnlib.Linear(20, 2)
    result = nnlib.Network(*layers, rng=np.random.default_rng(0))
    result.params = params
    return result


def test_the_arm_computes_with_nnlibs_numbers_and_the_chapters_formulas(figure, chapter_20):
    moving, rng = figure("robot-arm"), np.random.default_rng(20)
    for name, params in stored_networks().items():
        stored = arm_network(params)
        for x, y in rng.uniform([-1.2, -2], 2, (15, 2)).round(2).tolist():
            moving.put(network=name, x=x, y=y)
            values, target = moving.values, np.array([[x, y]])
            close(values["target"], target[0])
            angles = stored(target)
            close(values["angles"], angles[0])
            lands = chapter_20["hand"](angles)
            close(values["lands"], lands[0])
            close(values["hand"], lands[0])
            close(values["miss"], np.linalg.norm(lands - target))
            assert values["inside"] == chapter_20["in_area"](target).item()


def test_the_stored_networks_are_those_of_the_chapter_and_as_good(chapter_20):
    targets = np.random.default_rng(20).uniform(-2, 2, (4000, 2))
    targets = targets[chapter_20["in_area"](targets)]
    stored, trained = stored_networks(), robot_arm.train(chapter_20)
    assert stored.keys() == trained.keys() == {BOTH, ONE}
    for moves, params in stored.items():
        np.testing.assert_allclose(params, trained[moves].params, rtol=0.5 * 10 ** (1 - robot_arm.DIGITS))
        exact, rounded = (chapter_20["hand"](network(targets)) for network in (trained[moves], arm_network(params)))
        assert np.linalg.norm(exact - rounded, axis=-1).max() < 0.002
        exact, rounded = (np.linalg.norm(hands - targets, axis=-1).mean() for hands in (exact, rounded))
        assert rounded == pytest.approx(exact, abs=1e-4)


def test_an_arm_that_checks_moves_just_where_it_will_not_miss(figure, chapter_20):
    moving, rng = figure("robot-arm"), np.random.default_rng(21)
    moving.put(network=CHECKED)
    hand, refused = moving.values["hand"], []
    for k, place in enumerate([-1, 0.5, 1, 1, 0, 0.1, *rng.uniform(-1.2, 2, 50).round(2).tolist()]):
        moving.put(**{"xy"[k % 2]: place})
        values = moving.values
        assert values["refuses"] == (values["miss"] > chapter_20["tolerance"])
        hand = hand if values["refuses"] else values["lands"]
        close(values["hand"], hand)
        assert not (values["refuses"] and values["inside"])
        refused.append(values["refuses"])
    assert 10 < sum(refused) < 46


def test_behind_its_back_the_arm_says_why_it_stands_still(figure):
    moving = figure("robot-arm")
    before = moving.values["hand"]
    moving.put(x=-1, y=0.5)
    lands, said = moving.values["lands"], moving.said
    close(moving.values["hand"], before)
    assert "Target (−1.00, 0.50): the network answers a = 67.3°, b = 114.7°." in said
    assert f"would land at (−{-lands[0]:.2f}, {lands[1]:.2f}), {moving.values['miss']:.3f} from the target" in said
    assert "It does not move. The target is outside the work area." in said
    assert moving.element.get_by_text("would land here").is_visible()
    moving.put(network=ONE)
    close(moving.values["hand"], lands)
    assert "does not move" not in moving.said
    assert moving.element.get_by_text("would land here").count() == 0


def test_a_network_trained_on_both_elbows_answers_their_mean_a_straight_arm(figure, chapter_20):
    moving = figure("robot-arm")
    for x, y in [(1, 1), (0.7, 0), (0.9, -0.9), (1.2, 0.3)]:
        moving.put(network=BOTH, x=x, y=y)
        values = moving.values
        assert abs(values["angles"][1]) < 0.6  # radians; the right answers bend the elbow by 1.3 to 2.4
        assert math.hypot(*values["hand"]) > 1.9
        assert values["miss"] > 0.5
        assert moving.element.locator("path.second").count() == 2
        assert "It has learned both right answers (purple), whose mean is a straight arm." in moving.said
        moving.put(network=ONE)
        assert moving.values["angles"][1] > 1.2
        assert moving.values["miss"] < chapter_20["tolerance"]


def test_the_path_is_followed_by_keyboard_and_watched(figure, chapter_20):
    moving = figure("robot-arm")
    moving.keys("Follow the path", "Enter")
    moving.page.wait_for_function("document.querySelector('nm-robot-arm').went.length > 20")
    values = moving.values
    assert len(values["went"]) < len(values["asked"])  # still on its way, and seen
    close(values["target"], values["asked"][len(values["went"]) - 1])
    moving.keys("To the end", "Enter")
    moving.page.wait_for_function("!document.querySelector('nm-robot-arm').frame")
    values = moving.values
    asked, went = np.array(values["asked"]), np.array(values["went"])
    misses = np.linalg.norm(went - asked, axis=1)
    close(values["misses"], misses)
    assert misses.max() < chapter_20["tolerance"]
    assert np.linalg.norm(np.diff(asked, axis=0), axis=1).max() < 0.0151
    assert f"On the way it missed by {misses.max():.3f} at most." in moving.said
    moving.keys("one elbow, with a check", "ArrowRight")  # round to the first choice: the same by the other network
    values = moving.values
    close(values["asked"], asked)
    close(values["went"], chapter_20["hand"](arm_network(stored_networks()[BOTH])(asked)))
    assert max(values["misses"]) > 0.5


def test_the_path_lies_in_the_work_area(figure, chapter_20):
    path = np.array(figure("robot-arm").values["asked"])
    assert chapter_20["in_area"](path).all()
    assert np.abs(np.linalg.norm(path[:200] - 0.9, axis=1) - 0.45).max() < 1e-9
    assert set(map(tuple, path.round(9).tolist())) >= {(0.5, -1.3), (1.3, -1.3), (1.3, -0.5), (0.5, -0.5)}


def test_the_target_by_keyboard(figure):
    moving = figure("robot-arm")
    moving.keys("target x", *["ArrowLeft"] * 10)
    moving.keys("target y", *["ArrowUp"] * 5)
    close(moving.values["target"], [0.9, 1.05])
    assert moving.values["went"] == []
    assert "Target (0.90, 1.05)" in moving.said
    assert moving.element.get_by_label("target x").get_attribute("aria-valuetext") == "0.90"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_hand_follows_the_hand_and_leaves_a_trace(figure, width, chapter_20):
    moving = figure("robot-arm", width=width)
    box = moving.element.locator("svg#arm").bounding_box()

    def at(x, y):  # from the plane's coordinates to the window's
        scale = box["width"] / 161
        return box["x"] + (100 + 200 * x / 4.2 - 41) * scale, box["y"] + (100 - 200 * y / 4.2 + 2) * scale

    moving.page.mouse.click(*at(1, 1))  # which alone moves nothing
    assert moving.values["target"] == [1, 1]
    assert len(moving.values["asked"]) > 400
    scrolled = moving.page.evaluate("scrollY")
    if width == 390:
        moving.swipe(at(1, 1), at(0.9, -1.1))
    else:
        moving.page.mouse.move(*at(1, 1))
        moving.page.mouse.down()
        moving.page.mouse.move(*at(0.9, -1.1), steps=20)
        moving.page.mouse.up()
    assert moving.page.evaluate("scrollY") == scrolled
    values = moving.values
    np.testing.assert_allclose(values["target"], [0.9, -1.1], atol=0.02)
    assert "Target (0.90, −1.10)" in moving.said
    assert len(values["went"]) >= 8
    assert max(values["misses"]) < chapter_20["tolerance"]
    assert moving.element.get_by_label("target y").input_value() == "-1.1"
    dashes = moving.element.evaluate(
        """figure => ["path.trace", "path.stroke.target"].map(
            kind => getComputedStyle(figure.shadowRoot.querySelector(kind)).strokeDasharray)"""
    )
    assert dashes[0] == "none" != dashes[1]  # what was asked for is dashed, where the hand went is not


def test_a_finger_beside_the_target_still_scrolls_the_page(figure):
    moving = figure("robot-arm", width=390)
    box = moving.element.locator("svg#arm").bounding_box()
    x, y, before = box["x"] + 30, box["y"] + box["height"] / 2, moving.page.evaluate("scrollY")
    target = moving.values["target"]
    moving.swipe((x, y), (x, y - 120))
    assert moving.page.evaluate("scrollY") > before + 50
    close(moving.values["target"], target)


def test_whoever_wants_no_motion_sees_the_finished_trace_at_once(figure):
    moving = figure("robot-arm", reduced_motion="reduce")
    moving.element.evaluate(
        """figure => {
            window.drawn = 0;
            const arm = figure.shadowRoot.getElementById("arm");
            new MutationObserver(() => window.drawn++).observe(arm, {childList: true});
        }"""
    )
    moving.keys("Follow the path", "Enter")
    moving.page.wait_for_function("document.querySelector('nm-robot-arm').went.length > 0")
    values = moving.values
    assert len(values["went"]) == len(values["asked"])
    moving.page.wait_for_timeout(200)
    moving.keys("one elbow, with a check", "ArrowRight")
    moving.page.wait_for_timeout(200)
    assert moving.page.evaluate("window.drawn") <= 4  # at each of the two, and for what each has changed
    assert "On the way it missed by" in moving.said


def test_the_arm_glides_from_one_networks_answer_to_the_others(figure):
    moving = figure("robot-arm")
    seen = moving.element.evaluate(
        """async figure => {
            const seen = [];
            figure.form.elements.network[0].click();
            while (figure.frame) {
                seen.push(figure.drawn[1]);
                await new Promise(requestAnimationFrame);
            }
            return [...seen, figure.drawn];
        }"""
    )
    assert seen.pop() is None  # it has arrived
    values = moving.values
    assert len(seen) > 3
    assert np.all(np.diff(seen) <= 0)  # the elbow straightens
    assert seen[0] > 1.5 > 0.3 > values["angles"][1]
    close(values["hand"], values["lands"])
