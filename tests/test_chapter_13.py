"""Chapter 13, initialization: its gradients, its variances, ten layers, its measurements made again, its check."""

import re

import nbformat
import numpy as np
import pytest
import torch
from hand_numbers import wilson
from refresh import CHAPTERS
from structure import agrees
from studies import by_chance, cells

import nnlib

CELLS = cells("13-initialization")


def definitions(cell):
    """Return what a cell defines before it measures: its functions and the plain names above them."""
    return re.split(r"^(?:fig|for|twins|counts|print)\b", CELLS[cell], flags=re.MULTILINE)[0]


@pytest.fixture(scope="module")
def names():
    names = {"np": np, "nnlib": nnlib}
    exec("from nnlib import glorot_uniform, he_uniform, normal, torch_uniform", names)
    for cell in "fig-scales", "zeros", "twins", "study", "spreads":
        exec(definitions(cell), names)
    exec(re.search(r"^OR = .*$", CELLS["or"], re.MULTILINE).group(), names)
    return names


# --- zeros and twins ---


def test_zeros_are_stationary_for_xor_with_both_losses_and_not_for_or(names):
    x = torch.from_numpy(names["X"])
    for target, balanced in (names["T"], True), (names["OR"], False):
        t = torch.from_numpy(target)
        for n_layers, loss in (4, nnlib.MeanSquaredError()), (3, nnlib.BinaryCrossEntropy()):
            network = names["xor_network"](nnlib.zeros, n_layers=n_layers)
            g = names["gradients"](network, target, loss).copy()
            tensors = [torch.tensor(p, requires_grad=True) for layer in network.layers[::2] for p in (layer.W, layer.b)]
            w1, b1, w2, b2 = tensors
            z = torch.sigmoid(x @ w1 + b1) @ w2 + b2
            if n_layers == 4:
                torch.nn.functional.mse_loss(torch.sigmoid(z), t).backward()
            else:
                torch.nn.functional.binary_cross_entropy_with_logits(z, t).backward()
            automatic = np.concatenate([p.grad.numpy().ravel() for p in tensors])
            assert np.allclose(g, automatic, rtol=0, atol=1e-15)
            assert np.array_equal(g != 0, 6 * [False] + 3 * [not balanced])

            def loss_at(params, network=network, loss=loss, target=target):
                network.params = params
                return loss.value(network(names["X"]), target)

            differences = nnlib.numerical_gradient(loss_at, 0 * network.params)
            assert np.allclose(g, differences, rtol=0, atol=1e-9)


def test_the_printed_deltas_of_zeros_are_those_of_torch(names):
    t = torch.from_numpy(names["T"])
    for loss, size in (
        (lambda z: torch.nn.functional.mse_loss(torch.sigmoid(z), t), 1 / 16),
        (lambda z: torch.nn.functional.binary_cross_entropy_with_logits(z, t), 1 / 8),
    ):
        z = torch.zeros(4, 1, dtype=torch.float64, requires_grad=True)
        loss(z).backward()
        assert np.array_equal(z.grad.numpy().ravel(), size * np.array([1, -1, -1, 1]))
        # What is straight in the inputs cancels, too.
        assert not (np.column_stack([names["X"], np.ones(4)]).T @ z.grad.numpy()).any()


def test_zeros_learn_or_as_twins_and_never_xor(names):
    network = names["xor_network"](nnlib.zeros)
    nnlib.fit(network, names["X"], names["T"], names["mse"], nnlib.SGD(1000.0), 1000)
    assert not network.params.any()
    nnlib.fit(network, names["X"], names["OR"], names["mse"], nnlib.SGD(1.0), 1000)
    first, last = network.layers[::2]
    assert nnlib.accuracy(network(names["X"]), names["OR"]) == 1
    assert np.array_equal(*first.W.T)
    assert np.array_equal(*last.W)


@pytest.mark.parametrize(
    "loss", [nnlib.MeanSquaredError(), nnlib.SumSquaredError()], ids=lambda loss: type(loss).__name__
)
@pytest.mark.parametrize("optimizer", ["SGD(1.0)", "SGD(0.3, momentum=0.9)", "Adam(0.05)"])
def test_twins_stay_twins_to_the_last_bit_with_any_optimizer(names, loss, optimizer):
    # Rows of W1 may differ, and the output's bias: only what belongs to the hidden neurons has to agree.
    network = names["xor_network"](nnlib.normal)
    first, last = network.layers[::2]
    first.W, first.b, last.W, last.b = [[0.7, 0.7], [-1.2, -1.2]], [[0.3, 0.3]], [[0.4], [0.4]], [[-0.8]]
    start = network.params.copy()
    nnlib.fit(network, names["X"], names["T"], loss, eval(f"nnlib.{optimizer}"), 5000)
    assert (network.params != start).all()
    for pair in first.W.T, first.b[0], last.W:
        assert np.array_equal(*pair)


def test_twins_are_one_neuron_with_both_outgoing_weights(names):
    twins, one = names["xor_network"](names["halves"]()), names["xor_network"](nnlib.zeros, hidden=1)
    nnlib.fit(twins, names["X"], names["T"], names["mse"], nnlib.SGD(1.0), 5000)
    for (both, single), outgoing in zip(zip(twins.layers[::2], one.layers[::2], strict=True), (0, 1), strict=True):
        single.b = both.b[:, :1]
        single.W = both.W.sum(axis=0, keepdims=True) if outgoing else both.W[:, :1]
    assert np.allclose(one(names["X"]), twins(names["X"]), rtol=0, atol=1e-15)
    assert nnlib.accuracy(one(names["X"]), names["T"]) < 1
    assert abs(names["mse"].value(twins(names["X"]), names["T"]) - 1 / 6) < 0.002


def test_one_hidden_neuron_comes_no_lower_than_one_sixth(names):
    # Its answer rises or falls along one direction: the best fit in the order of the corners, by pooling neighbours.
    X, T = names["X"], names["T"][:, 0]
    lowest = []
    for direction in np.random.default_rng(8).standard_normal((500, 2)):
        pools = [[t] for t in T[np.argsort(X @ direction)]]
        i = 0
        while i < len(pools) - 1:
            if np.mean(pools[i]) > np.mean(pools[i + 1]):
                pools[i : i + 2] = [pools[i] + pools[i + 1]]
                i = 0
            else:
                i += 1
        lowest.append(sum(np.var(pool) * len(pool) for pool in pools) / 4)
    assert np.isclose(min(lowest), 1 / 6)


def test_the_deltas_of_twins_are_those_of_central_differences_and_torch(names):
    network = names["xor_network"](names["halves"]())
    first, last = network.layers[::2]
    H, Y = network.forward(names["X"])[2::2]
    delta2 = 2 / 4 * (Y - names["T"]) * Y * (1 - Y)
    printed = np.column_stack([delta2[:, 0] * w * h * (1 - h) for w, h in zip(last.W[:, 0], H.T, strict=True)])
    z1 = names["X"] @ first.W + first.b

    def loss(z):
        return np.mean((nnlib.sigmoid(nnlib.sigmoid(z.reshape(4, 2)) @ last.W + last.b) - names["T"]) ** 2)

    differences = [(loss(z1.ravel() + e) - loss(z1.ravel() - e)) / 2e-5 for e in 1e-5 * np.eye(8)]
    z = torch.tensor(z1, requires_grad=True)
    w2, b2 = torch.tensor(last.W), torch.tensor(last.b)
    torch.nn.functional.mse_loss(torch.sigmoid(torch.sigmoid(z) @ w2 + b2), torch.from_numpy(names["T"])).backward()
    assert np.allclose(printed.ravel(), differences, rtol=0, atol=1e-9)
    assert np.allclose(printed, z.grad.numpy(), rtol=0, atol=1e-15)


# --- variances ---


def standard_error(squares):
    return squares.std(ddof=1) / np.sqrt(squares.size)


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        (nnlib.glorot_uniform, lambda n_in, n_out: 2 / (n_in + n_out)),
        (nnlib.he_uniform, lambda n_in, _: 2 / n_in),
        (nnlib.torch_uniform, lambda n_in, _: 1 / (3 * n_in)),
        (nnlib.normal, lambda *_: 1),
    ],
)
def test_the_weights_have_the_variances_of_the_formulas(init, variance):
    for n_in, n_out in (300, 100), (50, 400):
        W, _ = init(np.random.default_rng(3), n_in, n_out, (10,))
        assert abs(np.mean(W**2) - variance(n_in, n_out)) < 3 * standard_error(W**2)
        if init is not nnlib.normal:
            bound = np.sqrt(3 * variance(n_in, n_out))
            assert 0.999 * bound < np.abs(W).max() <= bound


def test_the_starts_are_those_of_torch():
    W = torch.empty(100, 300, dtype=torch.float64)  # (n_out, n_in)
    makers = {
        nnlib.glorot_uniform: torch.nn.init.xavier_uniform_,
        nnlib.he_uniform: lambda w: torch.nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    }
    torch.manual_seed(0)
    for ours, theirs in makers.items():
        assert np.isclose(theirs(W).abs().max(), np.abs(ours(np.random.default_rng(0), 300, 100)[0]).max(), rtol=1e-3)
    linear = torch.nn.Linear(300, 100)
    for ours, theirs in zip(nnlib.torch_uniform(np.random.default_rng(0), 300, 100), linear.parameters(), strict=True):
        assert np.isclose(theirs.detach().abs().max(), np.abs(ours).max(), rtol=0.02)
        assert np.abs(ours).max() <= 1 / np.sqrt(300)


def test_a_layer_multiplies_mean_squares_as_printed():
    # x is fixed, of any mean and with equal entries: the formula assumes nothing about it.
    rng, n_in, n_out, variance = np.random.default_rng(4), 30, 20, 0.07
    x, dz = 3 + rng.standard_normal((1, n_in)), rng.standard_normal((1, n_out)) - 1
    x[0, :5] = x[0, 0]
    W = np.sqrt(variance) * rng.standard_normal((20_000, n_in, n_out))
    for product, wanted in (
        (x @ W, n_in * variance * np.mean(x**2)),
        (dz @ W.mT, n_out * variance * np.mean(dz**2)),
    ):
        per_draw = np.mean(product**2, axis=(1, 2))
        assert abs(per_draw.mean() - wanted) < 3 * standard_error(per_draw)
        assert np.isclose(per_draw.mean(), wanted, rtol=0.01)


def test_relu_halves_the_mean_square_forward_and_back():
    rng = np.random.default_rng(5)
    W, x = rng.uniform(-1, 1, (50_000, 8, 1)), rng.uniform(size=(1, 8))
    z, dy = (x @ W).ravel(), rng.standard_normal(50_000)
    for halved, whole in (np.maximum(z, 0) ** 2, z**2), (np.where(z > 0, dy, 0) ** 2, dy**2):
        assert abs(np.mean(halved - whole / 2)) < 3 * standard_error(halved - whole / 2)


# --- ten layers ---


def ends(names, activation, start, seed=0):
    values, grads = names["spreads"](activation, names["starts"][start], seed)
    return values[-1], grads[0]


def test_gradients_of_ten_layers_are_those_of_torch(names):
    network = names["deep"](nnlib.Tanh, names["starts"]["1"])
    x = torch.tensor(names["x"], requires_grad=True)
    y = x
    for layer in network.layers[::2]:
        y = torch.tanh(y @ torch.tensor(layer.W) + torch.tensor(layer.b))
    y.backward(torch.from_numpy(np.random.default_rng(2).standard_normal(x.shape)))
    expected = x.grad.pow(2).mean().sqrt().item()
    assert np.isclose(ends(names, nnlib.Tanh, "1")[1], expected, rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_what_ten_layers_do_whatever_the_seed(names, seed):
    forward, back = {}, {}
    for activation in nnlib.Tanh, nnlib.ReLU:
        for start in names["starts"]:
            forward[activation, start], back[activation, start] = ends(names, activation, start, seed)
    for spread in forward, back:
        assert 1e-11 < spread[nnlib.Tanh, "0.01"] < 1e-9
        assert 1e-12 < spread[nnlib.ReLU, "0.01"] < 1e-10
        assert 1e7 < spread[nnlib.ReLU, "1"] < 1e10
        assert 1 / 5 < spread[nnlib.Tanh, "Glorot"] < 1
        assert 1 / 3 < spread[nnlib.ReLU, "He"] < 3
        assert 1 / 64 < spread[nnlib.ReLU, "Glorot"] < 1 / 16
    assert min(back[nnlib.Tanh, "Glorot"], back[nnlib.ReLU, "He"], 1 / back[nnlib.ReLU, "He"]) > 1 / 4
    assert 0.95 < forward[nnlib.Tanh, "1"] < 1
    assert 1000 < back[nnlib.Tanh, "1"] < 20_000
    assert 1 / 3 < forward[nnlib.Tanh, "He"] < 1
    assert 1 / 3 < back[nnlib.Tanh, "He"] < 3
    assert back[nnlib.ReLU, "torch"] < back[nnlib.Tanh, "torch"] < 0.01


def test_what_tanh_takes_is_what_he_adds(names):
    values, _ = names["spreads"](nnlib.Tanh, nnlib.he_uniform)
    assert np.allclose(np.divide(values[6:], values[5:-1]), 1, rtol=0, atol=0.05)
    # Each layer's sums have twice the mean square of what comes in, and tanh halves it again.
    layers = names["deep"](nnlib.Tanh, nnlib.he_uniform).forward(names["x"])
    for before, z, after in zip(layers[10:-2:2], layers[11::2], layers[12::2], strict=True):
        assert np.isclose(np.mean(z**2) / np.mean(before**2), 2, rtol=0.15)
        assert np.isclose(np.mean(after**2) / np.mean(z**2), 1 / 2, rtol=0.15)


def test_a_three_hundredth_of_the_gradient_is_left_with_torch_s_default(names):
    assert 250 < 1 / ends(names, nnlib.Tanh, "torch")[1] < 350


def test_why_saturated_layers_explode(names):
    network = names["deep"](nnlib.Tanh, names["starts"]["1"])
    slopes = 1 - np.stack(network.forward(names["x"])[2::2]) ** 2
    spread = np.sqrt(np.mean(slopes**2, axis=(1, 2)))
    assert np.allclose(spread, 0.24, atol=0.015)
    assert np.all(np.abs(np.mean(slopes < 0.01, axis=(1, 2)) - 0.75) < 0.02)
    grads = names["spreads"](nnlib.Tanh, names["starts"]["1"])[1]
    assert np.allclose(np.divide(grads[:-1], grads[1:]), 10 * 0.24, rtol=0.1)
    # A tenth of the neurons hands back most of it.
    squares = np.sort(slopes**2, axis=None)[::-1]
    assert squares[: squares.size // 10].sum() > 0.7 * squares.sum()


def test_torch_s_default_lives_on_its_biases(names):
    for activation, factor in (nnlib.Tanh, np.sqrt(1 / 3)), (nnlib.ReLU, np.sqrt(1 / 6)):
        network = names["deep"](activation, nnlib.torch_uniform)
        assert np.sqrt(np.mean(network(names["x"]) ** 2)) > 0.03
        for layer in network.layers[::2]:
            layer.b = 0 * layer.b
        spreads = np.sqrt(np.mean(np.stack(network.forward(names["x"])[::2]) ** 2, axis=(1, 2)))
        assert np.isclose((spreads[-1] / spreads[0]) ** 0.1, factor, rtol=0.1)


# --- XOR ---


def test_the_plateau_of_small_starts_is_a_product_of_three(names):
    stack = names["xor_network"](nnlib.normal, n=500)
    drawn = stack.params.copy()

    def gradient(first, last):
        stack.params = drawn * np.repeat([first, 0, last, 0], [4, 2, 2, 1])
        nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(1.0), 100, record_every=100)
        return np.median(np.abs(names["gradients"](stack, names["T"], names["mse"])[:, :4]).max(axis=1))

    usual = gradient(0.1, 0.1)
    assert 900 < usual / gradient(0.01, 0.01) < 1100
    assert 9 < usual / gradient(0.1, 0.01) < 11  # one of the three is the outgoing weight


def test_most_of_the_plateau_s_gradient_is_the_sigmoid_s_bend(names):
    X, T = names["X"], names["T"]

    def largest(gradient):
        return np.median(np.abs(gradient).max(axis=(1, 2)))

    for s in 0.1, 0.01:
        stack = names["xor_network"](names["scaled"](s), n=500)
        nnlib.fit(stack, X, T, names["mse"], nnlib.SGD(1.0), 100, record_every=100)
        H, Y = stack.forward(X)[2::2]
        # The output bias has settled: the answers' mean is one half, far closer than any one of them.
        assert np.abs(Y.mean(axis=1) - 0.5).max() < 0.02 * s
        whole = X.T @ (2 / 4 * (Y - T) * Y * (1 - Y) @ stack.layers[2].W.mT * H * (1 - H))
        bend = X.T @ (1 / 8 * (0.5 - T) @ stack.layers[2].W.mT * (H * (1 - H) - 1 / 4))
        assert largest(whole - bend) < largest(bend) / 3


def test_half_the_scale_waits_about_four_times_as_long(names):
    waits = []
    for s in 0.4, 0.2, 0.1:
        stack = names["xor_network"](names["scaled"](s), n=200)
        history = nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(10.0), 4000, record_every=10)
        waits.append(10 * np.median(np.sum(history.loss > 0.24, axis=0)))
    ratios = np.divide(waits[1:], waits[:-1])
    assert np.all((ratios > 2.5) & (ratios < 4.5))


def test_half_of_the_smallest_starts_wait_for_140_000_epochs_of_ten(names):
    stack = names["xor_network"](names["scaled"](0.01), n=50)
    nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(10.0), 140_000, record_every=140_000)
    waiting = np.sum(names["mse"].value(stack(names["X"]), names["T"]) > 0.24)
    assert 23 <= waiting <= 27
    learned = np.sum(nnlib.accuracy(stack(names["X"]), names["T"]) == 1)
    assert learned > 0.9 * (50 - waiting)


def test_the_smallest_starts_wait_with_cross_entropy_too_and_learn_or(names):
    x, small = names["X"], names["scaled"](0.01)
    stack = names["xor_network"](small, n=500, n_layers=3)
    nnlib.fit(stack, x, names["T"], names["bce"], nnlib.SGD(1.0), 5000, record_every=5000)
    assert np.abs(stack(x)).max() < 0.01
    stack = names["xor_network"](small, n=500)
    nnlib.fit(stack, x, names["OR"], names["mse"], nnlib.SGD(1.0), 1000, record_every=1000)
    assert np.all(nnlib.accuracy(stack(x), names["OR"]) == 1)


def test_twins_parted_by_a_thousandth_are_not_free_after_40_000_epochs(names):
    stack = names["xor_network"](names["halves"](0.001), n=200)
    nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(1.0), 40_000, record_every=40_000)
    assert not np.any(nnlib.accuracy(stack(names["X"]), names["T"]) == 1)
    assert np.allclose(names["mse"].value(stack(names["X"]), names["T"]), 1 / 6, atol=0.001)


def trials(label):
    return 200 if label.startswith("d = ") else 500


@pytest.fixture(scope="module")
def printed():
    """Return what the chapter's two studies print: for each label, how many learned, and how many at each level."""
    notebook = nbformat.read(CHAPTERS / "13-initialization.ipynb", as_version=4)
    text = "".join(cell.outputs[0].text for cell in notebook.cells if cell.id in {"study", "rates"})
    found = re.findall(r"^(.*?) +(\d+), ([\d.]+)% to ([\d.]+)% +\[ *(\d+) +(\d+) +(\d+)\]$", text, re.MULTILINE)
    for label, k, low, high, *_ in found:
        assert np.allclose(wilson(int(k), trials(label)), [float(low), float(high)], rtol=0, atol=0.051)
    return {label: tuple(map(int, (k, *levels))) for label, k, _, _, *levels in found}


@pytest.fixture(scope="module")
def again(names):
    """Return what the same studies count with another seed."""
    rates = dict(names)
    exec(definitions("rates"), rates)
    counts = {f"d = {d}": names["study"]("", names["halves"](d), n=200, seed=1) for d in (0.001, 0.01, 0.1)}
    for note, (hidden, lr, labels) in rates["runs"].items():
        for label in labels:
            counts[label + note] = names["study"]("", rates["starts"][label], hidden, lr, seed=1)
    return counts


def test_the_rates_are_those_of_another_seed(printed, again):
    assert list(printed) == list(again)
    for label, (k, *_) in printed.items():
        n = trials(label)
        a, b = k / n, again[label][0] / n
        assert abs(a - b) <= by_chance(a, b, n), f"{label}: {a:.1%} and {b:.1%}"


def test_what_the_text_says_of_the_rates_holds_with_both_seeds(printed, again):
    for counts in printed, again:
        learned = {label: k for label, (k, *_) in counts.items()}
        stuck = {label: eighth + sixth for label, (_, eighth, sixth, _) in counts.items()}
        quarter = {label: last for label, (*_, last) in counts.items()}
        assert learned["d = 0.001"] == learned["0.01"] == 0
        assert stuck["d = 0.001"] == 200
        assert quarter["0.01"] == 500
        by_scale = ["0.01", "0.2", "torch", "Glorot", "N(0, 1)", "5"]
        assert np.all(np.diff([stuck[label] for label in by_scale]) > 0)
        assert np.all(np.diff([quarter[label] for label in by_scale[:-1]]) < 0)
        assert max(learned[label] for label in by_scale) == learned["torch"]
        assert learned["0.2, rate 10"] >= 0.95 * 500 > 0.9 * 500 > learned["N(0, 1), rate 10"]
        assert nnlib.wilson_interval(learned["0.2, rate 10"], 500)[0] < 0.96
        assert min(learned["torch, 4 hidden"], learned["N(0, 1), 4 hidden"]) >= 0.99 * 500
        assert learned["5, 4 hidden"] < 0.75 * 500
        glorot, normal = learned["Glorot"] / 500, learned["N(0, 1)"] / 500
        assert abs(glorot - normal) <= by_chance(glorot, normal, 500)
        assert learned["torch"] / 500 - normal > by_chance(learned["torch"] / 500, normal, 500)
        assert nnlib.wilson_interval(learned["d = 0.1"], 200)[0] > learned["torch"] / 500
    assert printed["N(0, 1), rate 10"][0] - printed["N(0, 1)"][0] == 0.07 * 500
    assert printed["N(0, 1)"][0] == 373  # chapter 11's "our first recipe", and its "four hidden neurons"
    assert printed["N(0, 1), 4 hidden"][0] == 497


@pytest.mark.pinned
def test_it_is_the_scale_of_torch_s_start_and_not_its_biases(names, printed):
    def without_biases(*args):
        return names["torch_uniform"](*args)[0], nnlib.zeros(*args)[1]

    k = names["study"]("", without_biases)[0]
    assert k == 425
    a, b = k / 500, printed["torch"][0] / 500
    assert abs(a - b) <= by_chance(a, b, 500)


def test_a_quarter_is_all_halves_from_small_starts_and_one_wrong_corner_from_large_ones(names):
    for s, small in (0.2, True), (5, False):
        stack = names["xor_network"](names["scaled"](s), n=500)
        nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(1.0), 5000, record_every=5000)
        wrong = nnlib.accuracy(stack(names["X"]), names["T"]) < 1
        at = wrong & (np.abs(names["mse"].value(stack(names["X"]), names["T"]) - 1 / 4) < 0.005)
        off = np.abs(stack(names["X"])[at] - names["T"])[..., 0]
        assert at.sum() > 10
        if small:
            assert np.abs(off - 0.5).max() < 0.15
        else:
            assert np.array_equal(np.sum(off > 0.9, axis=1), np.ones(at.sum()))
            assert np.array_equal(np.sum(off < 0.1, axis=1), 3 * np.ones(at.sum()))


def test_fewer_small_starts_end_stuck_once_they_had_time(names, printed):
    stack = names["xor_network"](names["scaled"](0.1), n=500)
    nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(10.0), 20_000, record_every=20_000)
    loss = names["mse"].value(stack(names["X"]), names["T"])
    stuck = int(np.sum((np.abs(loss - 1 / 8) < 0.005) | (np.abs(loss - 1 / 6) < 0.005)))
    assert nnlib.wilson_interval(stuck, 500)[1] < 0.05 < (printed["N(0, 1)"][1] + printed["N(0, 1)"][2]) / 500
    assert np.sum(nnlib.accuracy(stack(names["X"]), names["T"]) == 1) > 0.9 * 500


# --- questions and exercises ---


def test_question_1_tanh_from_zeros_learns_the_mean_of_the_targets(names):
    rng = np.random.default_rng(6)
    for target in names["T"], names["OR"], rng.uniform(size=(4, 1)):
        layers = nnlib.Linear(2, 2, nnlib.zeros), nnlib.Tanh(), nnlib.Linear(2, 1, nnlib.zeros), nnlib.Sigmoid()
        network = nnlib.Network(*layers, rng=rng)
        nnlib.fit(network, names["X"], target, names["mse"], nnlib.SGD(1.0), 2000)
        assert not network.params[:-1].any()
        assert np.allclose(network(names["X"]), target.mean())


def test_question_2_which_starts_keep_twins(names):
    def equal(params):
        network = names["xor_network"](nnlib.zeros)
        network.params = params
        nnlib.fit(network, names["X"], names["T"], names["mse"], nnlib.SGD(1.0), 200)
        first, last = network.layers[::2]
        return np.array_equal(*first.W.T) and np.array_equal(*first.b[0]) and np.array_equal(*last.W)

    assert not equal([0.3, -0.8, 0.5, 0.9, 0, 0, 0, 0, 0])
    assert not equal([0.5, 0.5, 0.5, 0.5, 0.1, -0.1, 0.5, 0.5, 0])
    assert equal([0.3, 0.3, -0.8, -0.8, 0.2, 0.2, 0.7, 0.7, 1.3])


def test_the_numbers_of_exercise_1_are_computed(names):
    assert np.isclose(2 / (300 + 100), 0.005)
    assert agrees("0.1225", [np.sqrt(3 * 0.005)])
    assert np.allclose([300 * 0.005, 100 * 0.005, 100 / 300], [1.5, 0.5, 1 / 3])
    widths = np.array([100, 50, 100, 50, 100, 30])
    assert np.isclose(np.prod(widths[1:] / widths[:-1]), 30 / 100)
    assert agrees("0.7071", [np.sqrt(50) * 0.1])
    assert np.isclose((np.sqrt(50) * 0.1) ** 10, 0.03125)
    network = names["xor_network"](names["halves"](), hidden=3)
    network.layers[0].b = [[0, 0, 1]]
    nnlib.fit(network, names["X"], names["T"], names["mse"], nnlib.SGD(1.0), 1000)
    W = network.layers[0].W
    assert np.array_equal(W[:, 0], W[:, 1])
    assert not np.array_equal(W[:, 1], W[:, 2])
    # Merged, the twins' outgoing weights start at their sum; a step moves the sum by two gradients, not by one.
    three, two = names["xor_network"](names["halves"](), hidden=3), names["xor_network"](names["halves"]())
    three.layers[0].b, two.layers[0].b = [[0, 0, 1]], [[0, 1]]
    two.layers[2].W = [[1], [0.5]]
    assert np.allclose(three(names["X"]), two(names["X"]), rtol=0, atol=1e-15)
    for net in three, two:
        names["gradients"](net, names["T"], names["mse"])
    assert np.isclose(three.layers[2].dW[:2].sum(), 2 * two.layers[2].dW[0, 0])


def four_hidden(names, activation, scale, lr):
    """Return a stack of exercise 3, trained, which of its networks learned, and how far each answer is off."""
    init = names["scaled"](scale)
    layers = nnlib.Linear(2, 4, init), activation(), nnlib.Linear(4, 1, init), nnlib.Sigmoid()
    stack = nnlib.Network(*layers, rng=np.random.default_rng(0), n_networks=500)
    nnlib.fit(stack, names["X"], names["T"], names["mse"], nnlib.SGD(lr), 5000, record_every=5000)
    answers = stack(names["X"])
    return stack, nnlib.accuracy(answers, names["T"]) == 1, np.abs(answers - names["T"])[..., 0]


@pytest.mark.pinned
def test_the_window_of_exercise_3_is_measured(names):
    rows = re.findall(
        r"^\| ([\d.]+) \| (\d+), (.*?) \| (\d+), (.*?) \|$", CELLS["exercise-3-answer"], flags=re.MULTILINE
    )
    assert len(rows) == 6
    for scale, *measured in rows:
        kinds = (nnlib.Tanh, 1.0), (nnlib.ReLU, 0.1)
        for (activation, lr), count, interval in zip(kinds, measured[::2], measured[1::2], strict=True):
            _, learned, off = four_hidden(names, activation, float(scale), lr)
            assert int(count) == learned.sum()
            low, high = wilson(int(count), 500)
            assert interval == f"{low:.1f} % to {high:.1f} %"
            if (scale, activation) == ("0.01", nnlib.Tanh):
                assert np.abs(off - 0.5).max() < 0.01
            if (scale, activation) == ("10", nnlib.Tanh):
                surely_wrong = np.sum(off[~learned] > 0.9, axis=1)
                loss = np.mean(off[~learned] ** 2, axis=1)
                for level, corners in (1 / 4, 1), (1 / 2, 2):
                    assert np.all(surely_wrong[np.abs(loss - level) < 0.005] == corners)
                assert np.mean(np.abs(loss[:, None] - [1 / 4, 1 / 2]).min(axis=1) < 0.005) > 0.85


def test_the_relu_networks_of_exercise_3_that_fail_have_fewer_living_neurons(names):
    stack, learned, off = four_hidden(names, nnlib.ReLU, 0.1, 0.1)
    living = (stack.forward(names["X"])[2] > 0).any(axis=1).sum(axis=1)
    assert round(living[~learned].mean()) == 2
    assert round(living[learned].mean()) == 3
    loss = np.mean(off[~learned] ** 2, axis=1)
    assert np.mean(np.abs(loss[:, None] - [1 / 8, 1 / 6]).min(axis=1) < 0.005) > 0.8
    assert nnlib.wilson_interval(int(learned.sum()), 500)[0] < 0.6
    spreads = [np.sqrt(v) for v in (2 / 6, 2 / 5, 2 / 2, 2 / 4)]  # Glorot, then He, for 2-4-1
    assert [round(end, 2) for end in (min(spreads), max(spreads))] == [0.58, 1]


def stub(*_):
    raise NotImplementedError


def right(X, *weights):
    fitted = []
    for W in weights:
        fitted.append(W / np.sqrt(np.mean((X @ W) ** 2)))
        X = np.tanh(X @ fitted[-1])
    return tuple(fitted)


def from_the_given_answers(X, *weights):
    fitted = []
    for W in weights:
        fitted.append(W / np.sqrt(np.mean((X @ W) ** 2)))
        X = np.tanh(X @ W)
    return tuple(fitted)


def without_tanh(X, *weights):
    fitted = []
    for W in weights:
        fitted.append(W / np.sqrt(np.mean((X @ W) ** 2)))
        X = X @ fitted[-1]
    return tuple(fitted)


def by_the_standard_deviation(X, *weights):
    fitted = []
    for W in weights:
        fitted.append(W / (X @ W).std())
        X = np.tanh(X @ fitted[-1])
    return tuple(fitted)


def each_column(X, *weights):
    fitted = []
    for W in weights:
        fitted.append(W / np.sqrt(np.mean((X @ W) ** 2, axis=0)))
        X = np.tanh(X @ fitted[-1])
    return tuple(fitted)


def in_place(X, *weights):
    for W in weights:
        W /= np.sqrt(np.mean((X @ W) ** 2))
        X = np.tanh(X @ W)
    return weights


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (stub, "not written yet"),
        (lambda *_: None, "returned None"),
        (lambda X, *weights: list(right(X, *weights)), "got a list"),
        (lambda X, *weights: right(X, *weights)[:2], "raised ValueError"),
        (lambda X, *weights: right(X, *weights)[::-1], "W has shape"),
        (lambda _, *weights: weights, "z1: wrong value"),
        (from_the_given_answers, "z2: wrong value"),
        (without_tanh, "z2: wrong value"),
        (by_the_standard_deviation, "z1: wrong value"),
        (each_column, "one factor per matrix: wrong value"),
        (in_place, "changed one of its arguments"),
        (lambda _, *weights: tuple(np.nan * W for W in weights), "W must be finite"),
    ],
)
def test_the_check_of_exercise_2_answers_in_one_line(answer, says):
    from nnlib.exercises import CheckFailed

    with pytest.raises(CheckFailed) as failure:
        exec(CELLS["exercise-2-check"], {"np": np, "nnlib": nnlib, "fit_scales": answer})
    assert says in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_check_of_exercise_2_passes_the_solution():
    names = {"np": np, "nnlib": nnlib}
    exec(CELLS["exercise-2-answer"], names)
    exec(CELLS["exercise-2-check"], names)
    exec(CELLS["exercise-2-check"], {"np": np, "nnlib": nnlib, "fit_scales": right})
