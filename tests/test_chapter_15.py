"""Chapter 15: the engine against PyTorch and central differences, its claims, its study with another seed."""

import inspect
import linecache
import re

import numpy as np
import pytest
import torch
from studies import by_chance, source

import nnlib

CHAPTER = "15-autograd"
ENGINE = ["value", "add", "operations", "sigmoid-mean", "ordered", "unbroadcast", "backward"]


def run(cell, names, until=None):
    """Run a cell, or what stands before ``until``; what it defines can be read again, as in a notebook."""
    text = source(CHAPTER, cell).partition(until)[0] if until else source(CHAPTER, cell)
    file = f"<{CHAPTER} {cell}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), names)


@pytest.fixture(scope="module")
def names():
    """Return what the chapter's cells define: the engine, the programs, the engine that forgets to add."""
    names = {"np": np, "nnlib": nnlib, "inspect": inspect, "normal": nnlib.normal, "torch": torch}
    for cell in *ENGINE, "deep", "wired", "count", "train", "detach", "forgets", "reader", "count-learned":
        run(cell, names)
    return names


def leaf(names, array):
    """Return the same leaf twice: for the chapter's engine and for torch."""
    return names["Value"](array), torch.tensor(array, requires_grad=True)


def agree(leaves, tolerance=1e-12):
    for ours, theirs in leaves:
        expected = np.zeros(ours.array.shape) if theirs.grad is None else theirs.grad.numpy()
        assert ours.grad.shape == ours.array.shape
        np.testing.assert_allclose(ours.grad, expected, rtol=tolerance, atol=tolerance)


# --- the operations ---

APPLY = {
    "+": (lambda _, a, b: a + b, lambda a, b: a + b),
    "−": (lambda _, a, b: a - b, lambda a, b: a - b),
    "×": (lambda _, a, b: a * b, lambda a, b: a * b),
    "@": (lambda _, a, b: a @ b, lambda a, b: a @ b),
    "sigmoid": (lambda names, a: names["sigmoid"](a), torch.sigmoid),
    "mean": (lambda names, a: names["mean"](a), lambda a: a.mean(dim=(-2, -1), keepdim=True)),
}
PAIRS = [
    *(((4, 3), (4, 3)), ((4, 3), (1, 3)), ((1, 3), (4, 3)), ((4, 3), (4, 1)), ((4, 1), (1, 3)), ((1, 1), (4, 3))),
    *(((5, 4, 3), (5, 1, 3)), ((5, 4, 3), (4, 3)), ((4, 3), (5, 1, 1)), ((5, 1, 3), (1, 4, 1)), ((), (4, 3)), ((), ())),
]
PRODUCTS = [
    *(((4, 3), (3, 2)), ((1, 3), (3, 2)), ((4, 1), (1, 2)), ((1, 1), (1, 1))),
    *(((5, 4, 3), (5, 3, 2)), ((4, 3), (5, 3, 2)), ((5, 4, 3), (3, 2)), ((1, 4, 3), (5, 3, 1))),
    ((2, 1, 4, 3), (5, 3, 2)),
]
CASES = [(name, pair) for name in "+−×" for pair in PAIRS] + [("@", pair) for pair in PRODUCTS]
CASES += [(name, (shape,)) for name in ("sigmoid", "mean") for shape in ((4, 3), (1, 1), (5, 4, 3))]


@pytest.mark.parametrize(("name", "shapes"), CASES)
def test_an_operation_sends_back_its_derivative(names, name, shapes):
    rng = np.random.default_rng(15)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    apply, theirs = APPLY[name]
    leaves = [leaf(names, array) for array in arrays]
    ours = apply(names, *(a for a, _ in leaves))
    assert ours.name == name
    weights = rng.standard_normal(ours.array.shape)

    # Used twice, with weights, so that something other than ones comes back.
    names["backward"](ours * ours * names["Value"](weights))
    value = theirs(*(b for _, b in leaves))
    (value * value * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(ours.array, value.detach().numpy(), rtol=1e-14, atol=1e-14)
    agree(leaves)

    for i, array in enumerate(arrays):

        def total(flat, i=i, array=array):
            moved = [*arrays[:i], flat.reshape(array.shape), *arrays[i + 1 :]]
            value = apply(names, *map(names["Value"], moved)).array
            return float(np.sum(weights * value * value))

        measured = nnlib.numerical_gradient(total, array.ravel()).reshape(array.shape)
        np.testing.assert_allclose(leaves[i][0].grad, measured, rtol=1e-7, atol=1e-7)


def test_unbroadcast_sums_what_numpy_stretches(names):
    rng = np.random.default_rng(15)
    for shape, stretched in [((), (2, 3)), ((1, 3), (2, 3)), ((3,), (4, 2, 3)), ((2, 1), (4, 2, 3)), ((2, 3), (2, 3))]:
        g = rng.standard_normal(stretched)
        summed = names["unbroadcast"](g, shape)
        assert summed.shape == shape
        array = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        (array * torch.tensor(g)).sum().backward()
        np.testing.assert_allclose(summed, array.grad.numpy(), rtol=1e-14, atol=1e-14)


# --- the walk ---

SHAPES = [(1, 1), (1, 3), (3, 1), (3, 3), (2, 3, 3), (2, 1, 3)]


def random_graph(names, rng):
    """Return a random program's end and its leaves in both engines, and how often it shares and stretches a value."""
    values = [leaf(names, rng.uniform(-1, 1, SHAPES[rng.integers(len(SHAPES))])) for _ in range(4)]
    leaves, uses, stretched = values[:], {}, 0
    for _ in range(rng.integers(5, 25)):
        name = list(APPLY)[rng.integers(6)]
        parents = [values[rng.integers(len(values))] for _ in range(1 if name in ("sigmoid", "mean") else 2)]
        arrays = [a.array for a, _ in parents]
        if name == "@" and arrays[0].shape[-1] != arrays[1].shape[-2]:
            continue
        apply, theirs = APPLY[name]
        ours = apply(names, *(a for a, _ in parents))
        if np.abs(ours.array).max() > 100:
            continue
        for parent, _ in parents:
            uses[parent] = uses.get(parent, 0) + 1
            stretched += name in "+−×" and parent.array.shape != ours.array.shape
        values.append((ours, theirs(*(b for _, b in parents))))
    end, other = values[-1]
    for ours, theirs in values[4:-1:3]:  # more ends join, so that paths of different lengths meet
        end, other = end + names["mean"](ours), other + theirs.mean(dim=(-2, -1), keepdim=True)
    return end, other, leaves, sum(n > 1 for n in uses.values()), stretched


def test_random_graphs_agree_with_torch(names):
    rng, seen = np.random.default_rng(15), np.zeros(2, int)
    for _ in range(400):
        end, other, leaves, *kinds = random_graph(names, rng)
        seen += np.minimum(kinds, 1)
        order = names["ordered"](end)
        places = {value: i for i, value in enumerate(order)}
        assert len(places) == len(order)
        assert order[-1] is end
        assert all(places[parent] < places[value] for value in order for parent in value.parents)
        names["backward"](end)
        if other.requires_grad:
            other.sum().backward()
        agree(leaves, 1e-10)
    assert seen.min() > 300


def test_a_deep_chain_needs_a_loop(names):
    assert len(names["ordered"](names["chain"])) == 10_001
    assert names["x"].grad == 10_001

    def recursive(value, order, seen):
        if value not in seen:
            seen.add(value)
            for parent in value.parents:
                recursive(parent, order, seen)
            order.append(value)

    with pytest.raises(RecursionError):
        recursive(names["chain"], [], set())
    start = y = names["Value"](0.5)
    theirs = z = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    quarter = names["Value"](0.25)
    for _ in range(3000):  # not only sums: each of these uses its argument three times
        y, z = (y * y + y) * quarter, (z * z + z) * 0.25
    names["backward"](y)
    z.backward()
    agree([(start, theirs)])


def test_each_operation_is_visited_once(names):
    calls = []
    h = names["Value"](0.1)
    for _ in range(20):
        h = h * h + h
    operations = [value for value in names["ordered"](h) if value.parents]
    for value in operations:
        value.back = lambda g, value=value, back=value.back: (calls.append(value), back(g))[1]
    names["backward"](h)
    assert len(calls) == len(set(calls)) == len(operations) == 40


def test_a_second_walk_adds_to_the_leaves_alone_as_in_torch(names):
    (a, b), (c, d) = leaves = [leaf(names, array) for array in np.random.default_rng(15).standard_normal((2, 3, 3))]
    inner = a * c
    end = names["mean"](inner * inner)
    other = ((b * d) * (b * d)).mean()
    for _ in range(2):
        names["backward"](end)
        other.backward(retain_graph=True)
    agree(leaves)
    once = 2 * inner.array / inner.array.size
    np.testing.assert_allclose(inner.grad, once, rtol=1e-14)


def test_the_engine_takes_some_sixty_lines():
    code = "\n".join(source(CHAPTER, cell) for cell in ENGINE)
    assert 55 <= len([line for line in code.splitlines() if line.strip()]) <= 65


# --- forward mode ---

PUSH = {
    "+": lambda _, d: d[0] + d[1],
    "−": lambda _, d: d[0] - d[1],
    "×": lambda a, d: d[0] * a[1] + a[0] * d[1],
    "@": lambda a, d: d[0] @ a[1] + a[0] @ d[1],
    "sigmoid": lambda a, d: d[0] * nnlib.sigmoid(a[0]) * nnlib.sigmoid(-a[0]),
    "mean": lambda _, d: d[0].mean(),
}


def test_forward_mode_gives_the_same_and_passes_as_many_operations_as_the_chapter_counts(names):
    passed, order = 0, names["ordered"](names["loss"])
    for p in names["params"]:
        for i in np.ndindex(p.array.shape):
            change = {p: np.zeros(p.array.shape)}
            change[p][i] = 1.0
            visited = 0
            for value in order:
                if set(value.parents) & set(change):
                    arrays = [parent.array for parent in value.parents]
                    changes = [change.get(parent, 0 * parent.array) for parent in value.parents]
                    change[value] = PUSH[value.name](arrays, changes)
                    visited += 1
            assert np.isclose(change[names["loss"]], p.grad[i], rtol=0, atol=1e-14)
            passed += visited
        assert p is not names["W1"] or visited == 9
        assert p is not names["b2"] or visited == 5
    assert (len(names["operations"]), passed) == (9, names["ahead"]) == (9, 69)


def test_the_walk_back_does_not_depend_on_the_number_of_parameters(names):
    sizes = (2, 1000), (1, 1000), (1000, 1), (1, 1)
    e = names["xor"](*(names["Value"](np.ones(size)) for size in sizes)) - names["T"]
    assert sum(value.parents != () for value in names["ordered"](names["mean"](e * e))) == 9


# --- the engine that forgets ---


def test_forgetting_to_add_halves_every_gradient_of_xor_and_so_the_rate(names):
    sizes = (4, 2, 2), (4, 1, 2), (4, 2, 1), (4, 1, 1)
    arrays = [np.random.default_rng(15).standard_normal(size) for size in sizes]
    both = (names["gradients"](names["xor"], arrays, names[walk]) for walk in ("forgets", "backward"))
    for a, b in zip(*both, strict=True):
        np.testing.assert_allclose(a, b / 2, rtol=1e-14)
    wrong, slow = ([names["Value"](array) for array in arrays] for _ in range(2))
    names["train"](wrong, names["xor"], 1.0, 1000, names["forgets"])
    names["train"](slow, names["xor"], 0.5, 1000)
    for p, q in zip(wrong, slow, strict=True):
        np.testing.assert_allclose(p.array, q.array, rtol=0, atol=1e-12)


def test_which_reading_is_lost_depends_on_how_the_sum_was_written(names):
    def turned(w, b, U, v, c):
        h = names["sigmoid"](names["first"] @ w + b)
        h = names["sigmoid"](h @ U + names["second"] @ w + b)
        return names["sigmoid"](h @ v + c)

    arrays = names["starts"](names["programs"]["reader, 2"][1], n=3)
    for walk in "backward", "forgets":
        one, other = (names["gradients"](program, arrays, names[walk]) for program in (names["reader"], turned))
        same = [np.allclose(a, b, rtol=0, atol=1e-14) for a, b in zip(one, other, strict=True)]
        assert same == [walk == "backward", True, True, True, True]
    ratio = names["ratios"](names["reader"], arrays)
    assert all(np.array_equal(block, np.full(block.shape, 0.5)) for block in ratio[2:])
    assert all(np.ptp(block) > 0.05 for block in ratio[:2])


def test_the_reader_is_differentiated_rightly(names):
    arrays = names["starts"](names["programs"]["reader, 4"][1], n=2)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    w, b, u, v, c = tensors
    x, t = (torch.tensor(array) for array in nnlib.xor())
    h = torch.sigmoid(x[:, :1] @ w + b)
    h = torch.sigmoid(x[:, 1:] @ w + h @ u + b)
    ((torch.sigmoid(h @ v + c) - t) ** 2).mean(dim=(-2, -1)).sum().backward()
    for ours, theirs in zip(names["gradients"](names["reader"], arrays), tensors, strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=0, atol=1e-14)


@pytest.fixture(scope="module")
def studies(names):
    """Return how many of 500 learn, program by program and way by way, with the chapter's own seed and with another."""
    return [
        {
            (name, way): names["learned"](*program, **settings, seed=seed)
            for name, program in names["programs"].items()
            for way, settings in names["ways"].items()
        }
        for seed in (0, 1)
    ]


def test_the_rates_are_those_of_another_seed(studies):
    for key in studies[0]:
        a, b = (counts[key] / 500 for counts in studies)
        assert abs(a - b) <= by_chance(a, b, 500), key


def test_a_lost_sum_shows_where_weights_are_shared(studies):
    for counts in studies:
        assert counts["2-2-1", "="] == counts["2-2-1", "+=, half the rate"]
        assert 0 < counts["2-2-1", "+="] - counts["2-2-1", "="] < 500 * by_chance(0.7, 0.7, 500)
        right, half, wrong = (counts["reader, 2", way] / 500 for way in ("+=", "+=, half the rate", "="))
        assert right - half > by_chance(right, half, 500)
        assert half - wrong > 2 * by_chance(half, wrong, 500)
        assert counts["reader, 4", "+="] > 490
        assert 460 < counts["reader, 4", "="] < counts["reader, 4", "+=, half the rate"]


@pytest.mark.pinned
def test_the_rates_in_the_prose_are_those_measured(studies):
    counts, text = studies[0], " ".join(source(CHAPTER, "rates-text").split())
    assert f"the same {counts['2-2-1', '=']} learn" in text
    assert f"the right engine's {counts['2-2-1', '+=']}." in text
    right, half, wrong = (counts["reader, 2", way] / 5 for way in ("+=", "+=, half the rate", "="))
    assert f"{right:.1f} % with the right engine, {half:.1f} % at half the rate, {wrong:.1f} % with `=`" in text
    assert f"{counts['reader, 4', '=']} of 500 learn" in text


def test_without_unbroadcast(names):
    with pytest.raises(ValueError, match="non-broadcastable"):
        names["gradients"](names["xor"], names["wired"], names["change"]("unbroadcast(g, parent.array.shape)", "g"))
    whole = "parent.grad += unbroadcast(g, parent.array.shape)"
    got = names["gradients"](names["xor"], names["wired"], names["change"](whole, "parent.grad = g"))
    assert [g.shape for g in got] == [(2, 2), (4, 2), (2, 1), (4, 1)]


def test_a_value_made_anew_gets_the_gradients_that_detach_gives(names):
    tensors = [torch.tensor(np.array(array, dtype=float), requires_grad=True) for array in names["wired"]]
    w1, b1, w2, b2 = tensors
    x, t = (torch.tensor(array) for array in nnlib.xor())
    error = torch.sigmoid(torch.sigmoid(x @ w1 + b1).detach() @ w2 + b2) - t
    (error * error).mean().backward()
    assert w1.grad is b1.grad is None
    ours = names["gradients"](names["looked"], names["wired"])
    assert not ours[0].any()
    assert not ours[1].any()
    for g, theirs in zip(ours[2:], (w2, b2), strict=True):
        np.testing.assert_allclose(g, theirs.grad.numpy(), rtol=0, atol=1e-14)


# --- PyTorch's words and messages ---


def test_what_the_table_says_of_torch():
    x, w = torch.ones(2), torch.ones(2, requires_grad=True)
    y = x * w
    loss = (y * y).sum()
    assert y.detach().grad_fn is None
    assert y.detach().data_ptr() == y.data_ptr()
    with torch.no_grad():
        assert (x * w).grad_fn is None
    assert w.grad_fn is None
    assert loss.grad_fn.next_functions[0][0].next_functions[0][0] is y.grad_fn
    loss.backward()
    assert x.grad is None
    assert w.grad is not None
    assert not y.is_leaf
    # After the walk the record is still there; what it needs of arrays is not.
    assert loss.grad_fn.next_functions[0][0].next_functions[0][0] is y.grad_fn
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()
    no_arrays = (w + w).sum()
    no_arrays.backward()
    no_arrays.backward()
    optimizer = torch.optim.SGD([w], lr=0.1)
    optimizer.zero_grad()
    assert w.grad is None
    with pytest.raises(RuntimeError, match="does not require grad"):
        x.sum().backward()
    total = 0.0
    for _ in range(2):
        total = total + (x * w).sum()
    first_step = total.grad_fn.next_functions[0][0].next_functions[0][0]
    assert first_step.name() == "SumBackward0"
    assert isinstance((x * w).sum().item(), float)
    with pytest.raises(RuntimeError, match="detach"):
        (x * w).numpy()


def test_a_layer_of_nnlib_has_one_place():
    layer = nnlib.Linear(1, 1)
    with pytest.raises(ValueError, match="in a network already"):
        nnlib.Network(layer, nnlib.Sigmoid(), layer, rng=np.random.default_rng(0))


# --- exercises ---


def test_exercise_1_is_computed(names):
    for walk, v, u, a, b in ("backward", 18, 18, 54, 54), ("forgets", 9, 9, 18, 27):
        one, other = names["Value"](3), names["Value"](2)
        product = one * other
        total = product + one
        end = total * total
        names[walk](end)
        assert (product.array, total.array, end.array) == (6, 9, 81)
        assert (total.grad, product.grad, one.grad, other.grad) == (v, u, a, b)
    one, other = names["Value"]([[3]]), names["Value"]([[1], [2], [3]])
    end = names["mean"](one * other)
    names["backward"](end)
    assert np.isclose(end.array, 6)
    np.testing.assert_allclose(one.grad, [[2]])
    np.testing.assert_allclose(other.grad, np.ones((3, 1)))


def test_the_answer_to_exercise_2_is_torchs(names):
    run("exercise-2-answer", names)
    rng = np.random.default_rng(15)
    (z, tensor), t = leaf(names, 5 * rng.standard_normal((6, 4))), rng.dirichlet(np.ones(4), 6)
    loss = names["cross_entropy"](z, t)
    other = torch.nn.functional.cross_entropy(tensor, torch.tensor(t))
    names["backward"](loss * loss)
    (other * other).backward()
    assert loss.array.shape == (1, 1)
    assert np.isclose(loss.array, other.item(), rtol=0, atol=1e-14)
    agree([(z, tensor)])


RIGHT = "(g * (np.exp(logs) - t) / len(t),)"
WRONG = {
    "((np.exp(logs) - t) / len(t),)": "gradient: 1",  # does not pass on what comes back
    "(g * (np.exp(logs) - t),)": "gradient: 1",
    "(g * (t - np.exp(logs)) / len(t),)": "gradient: 1",
    "g * (np.exp(logs) - t) / len(t)": "raised ValueError",  # no pair of brackets around it
}


@pytest.mark.parametrize(("wrong", "message"), WRONG.items())
def test_the_check_of_exercise_2_finds_what_is_wrong(names, wrong, message):
    answer = source(CHAPTER, "exercise-2-answer")
    assert RIGHT in answer
    mine = dict(names)
    exec(answer.replace(RIGHT, wrong), mine)
    with pytest.raises(AssertionError, match=message):
        run("exercise-2-check", mine)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "returned None"),
        ("raise NotImplementedError", "not written yet"),
        ("return 1.5", "expected 2 values, loss, gradient, got a float"),
        ("return Value(nnlib.SoftmaxCrossEntropy().value(z.array, t))", r"loss: expected shape \(1, 1\)"),
        ("return Value([[nnlib.SoftmaxCrossEntropy().value(z.array, t)]])", "gradient: 1"),
    ],
)
def test_the_check_of_exercise_2_helps_with_an_unfinished_answer(names, body, message):
    mine = dict(names)
    exec(f"def cross_entropy(z, t):\n    {body}", mine)
    with pytest.raises(AssertionError, match=message):
        run("exercise-2-check", mine)


def test_the_answer_to_exercise_3(names):
    branch, changed = re.findall(r"```python\n(.*?)\n```", source(CHAPTER, "exercise-3-answer"), re.DOTALL)
    mine = dict(names)
    exec(branch, mine)
    for at, derivative in (1.0, 2), (2.0, 0), (3.0, 6):
        x = mine["Value"](at)
        end = mine["square"](x)
        mine["backward"](end)
        assert (end.array, x.grad) == (at * at, derivative)

    exec(changed, mine)
    assert (mine["y"].array, mine["x"].grad) == (9, 10)

    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.tensor(4.0).backward()
    x = torch.tensor(2.0, requires_grad=True)
    (0 * x + 4).backward()
    assert x.grad == 0
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    with torch.no_grad():
        x.mul_(5 / 3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
