"""How often does the 2-2-1 network learn XOR? ``python benchmarks/xor_study.py`` counts what chapter 12 reports.

Each row trains a stack of 2,000 networks by one recipe, a published one or a published one with one change. It counts
the networks that have learned XOR, all four outputs on the right side of 0.5, after the recipe's epochs; trains the
others on, to 100,000 epochs in all; and sorts those that have still not learned by their final mean squared error,
whatever loss they were trained with. Networks that learned in between were slow; the others count as stuck. Where to
stop is a choice: a few of these would still learn, as `follow` finds out for the published NumPy recipe, and with a
tenth of its rate the 100,000 epochs go no further than its 10,000. It takes about a quarter of an hour.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import nnlib

RESULTS = Path(__file__).parents[1] / "chapters" / "xor-study.json"
N_NETWORKS, SEED = 2000, 0
LEVELS = {"1/8": 1 / 8, "1/6": 1 / 6, "1/4": 1 / 4}
LATER = 100_000  # epochs, after which a network that has not learned counts as stuck
NEAR = 0.004  # how far from a level a loss may lie and still count as there, a tenth of the way from 1/8 to 1/6
# How long the published recipe's failures are followed, in epochs.
FOLLOWED = (10_000, 30_000, 100_000, 300_000, 1_000_000)
X, T = nnlib.xor()


@dataclass(frozen=True)
class Recipe:
    """Everything that one training needs, but for its random numbers."""

    hidden: int
    init: str
    loss: str
    lr: float
    activation: str = "Sigmoid"
    optimizer: str = "SGD"
    momentum: float = 0.0
    batch_size: int | None = None
    epochs: int = 10_000
    dtype: str = "float64"
    biases: bool = True


def small(rng, n_in, n_out, stack):
    """N(0, 1) weights, times 0.01."""
    W, b = nnlib.normal(rng, n_in, n_out, stack)
    return 0.01 * W, b


def normal_biases(rng, n_in, n_out, stack):
    """N(0, 1) weights, and biases alike."""
    W, _ = nnlib.normal(rng, n_in, n_out, stack)
    return W, rng.standard_normal((*stack, 1, n_out))


INITIALIZERS = {
    "normal": nnlib.normal,
    "normal, biases too": normal_biases,
    "torch_uniform": nnlib.torch_uniform,
    "glorot_uniform": nnlib.glorot_uniform,
    "he_uniform": nnlib.he_uniform,
    "0.01 normal": small,
}
NUMPY = Recipe(hidden=2, init="normal", loss="SumSquaredError", lr=0.1)
TORCH = Recipe(hidden=2, init="torch_uniform", loss="MeanSquaredError", lr=0.1)


def rows():
    """Return the name of each row and its recipe. BinaryCrossEntropy is a mean over four examples, hence its rates."""
    numpy = {
        "as published": {},
        "1 hidden": {"hidden": 1},
        "3 hidden": {"hidden": 3},
        "4 hidden": {"hidden": 4},
        "8 hidden": {"hidden": 8},
        "lr 0.01": {"lr": 0.01},
        "lr 0.3": {"lr": 0.3},
        "lr 1": {"lr": 1.0},
        "lr 3": {"lr": 3.0},
        "lr 10": {"lr": 10.0},
        "cross-entropy": {"loss": "BinaryCrossEntropy", "lr": 0.4},
        "cross-entropy, lr x 10": {"loss": "BinaryCrossEntropy", "lr": 4.0},
        "tanh": {"activation": "Tanh"},
        "tanh, lr 1": {"activation": "Tanh", "lr": 1.0},
        "ReLU": {"activation": "ReLU"},
        "ReLU, He start": {"activation": "ReLU", "init": "he_uniform"},
        "ReLU, 8 hidden": {"activation": "ReLU", "hidden": 8},
        "momentum 0.9": {"momentum": 0.9},
        "momentum 0.9, lr 0.01": {"momentum": 0.9, "lr": 0.01},
        "Adam, lr 0.01": {"optimizer": "Adam", "lr": 0.01},
        "Adam, lr 0.1": {"optimizer": "Adam", "lr": 0.1},
        "one example a step": {"batch_size": 1},
        "biases N(0, 1) too": {"init": "normal, biases too"},
        "uniform start": {"init": "torch_uniform"},
        "Glorot start": {"init": "glorot_uniform"},
        "0.01 start": {"init": "0.01 normal"},
        "float32": {"dtype": "float32"},
        "no biases": {"biases": False},
        "no biases, 8 hidden": {"biases": False, "hidden": 8},
    }
    torch = {
        "as published": {},
        "40,000 epochs": {"epochs": 40_000},
        "lr 0.2": {"lr": 0.2},
        "lr 1": {"lr": 1.0},
        "N(0, 1) start": {"init": "normal"},
        "cross-entropy": {"loss": "BinaryCrossEntropy"},
        "Adam, lr 0.01": {"optimizer": "Adam", "lr": 0.01},
        "4 hidden": {"hidden": 4},
        "4 hidden, lr 1": {"hidden": 4, "lr": 1.0},
    }
    named = {f"NumPy: {name}": replace(NUMPY, **change) for name, change in numpy.items()}
    return named | {f"PyTorch: {name}": replace(TORCH, **change) for name, change in torch.items()}


def build(recipe, n_networks, seed=SEED):
    """Return a stack of untrained networks. A cross-entropy takes logits, so there is no sigmoid at its output."""
    init, hidden = INITIALIZERS[recipe.init], getattr(nnlib, recipe.activation)
    layers = [nnlib.Linear(2, recipe.hidden, init), hidden(), nnlib.Linear(recipe.hidden, 1, init)]
    if recipe.loss != "BinaryCrossEntropy":
        layers.append(nnlib.Sigmoid())
    rng = np.random.default_rng(seed)
    return nnlib.Network(*layers, rng=rng, n_networks=n_networks, dtype=np.dtype(recipe.dtype).type)


class WithoutBiases(nnlib.SGD):
    """Gradient descent on the weights alone: the biases start at zero, and are put back there."""

    def __init__(self, lr, stack):
        super().__init__(lr)
        self.layers = stack.layers[::2]

    def step(self, params, grads):
        """Move the weights."""
        super().step(params, grads)
        for layer in self.layers:
            layer.b[...] = 0


def train(stack, recipe, epochs):
    """Train a stack in place, from wherever it is.

    The optimizer is new: momentum and Adam's means begin at zero, and the order of single examples begins again.
    """
    x, target = nnlib.xor(np.dtype(recipe.dtype).type)
    if recipe.optimizer == "Adam":
        optimizer = nnlib.Adam(recipe.lr)
    else:
        optimizer = nnlib.SGD(recipe.lr, recipe.momentum) if recipe.biases else WithoutBiases(recipe.lr, stack)
    drawn = {"batch_size": recipe.batch_size, "rng": np.random.default_rng(SEED)} if recipe.batch_size else {}
    nnlib.fit(stack, x, target, getattr(nnlib, recipe.loss)(), optimizer, epochs, record_every=epochs, **drawn)


def answers(stack, recipe):
    """Return the outputs (n_networks, 4, 1), on the scale from 0 to 1."""
    output = stack(X.astype(recipe.dtype)).astype(np.float64)
    return nnlib.sigmoid(output) if recipe.loss == "BinaryCrossEntropy" else output


def learned(output):
    """Return which networks have learned XOR."""
    return nnlib.accuracy(output, T) == 1


def levels(output):
    """Return how many of these networks' final errors are at each level, and how many elsewhere."""
    error = np.mean((output - T) ** 2, axis=(1, 2))
    counts = {name: int(np.sum(np.abs(error - level) < NEAR)) for name, level in LEVELS.items()}
    return counts | {"elsewhere": len(error) - sum(counts.values())}


def count(recipe, n_networks=N_NETWORKS, seed=SEED):
    """Return a row's counts: learned by the recipe's epochs, learned by `LATER`, and the levels of the others."""
    stack = build(recipe, n_networks, seed)
    train(stack, recipe, recipe.epochs)
    failed = stack.params[~learned(answers(stack, recipe))]
    found = {"n": n_networks, "learned": n_networks - len(failed)}
    if not len(failed):
        return found | {"slow": 0, "stuck": dict.fromkeys([*LEVELS, "elsewhere"], 0)}
    rest = build(recipe, len(failed))  # only its shape counts: the weights are replaced
    rest.params = failed
    train(rest, recipe, LATER - recipe.epochs)
    output = answers(rest, recipe)
    late = learned(output)
    return found | {"slow": int(late.sum()), "stuck": levels(output[~late])}


def follow(n_networks=N_NETWORKS):
    """Return the counts of the published NumPy recipe as training goes on. Who has learned is not trained further."""
    found, params, done = [], build(NUMPY, n_networks).params, 0
    for epochs in FOLLOWED:
        stack = build(NUMPY, len(params))
        stack.params = params
        train(stack, NUMPY, epochs - done)
        output, done = answers(stack, NUMPY), epochs
        failed = ~learned(output)
        found.append({"epochs": epochs, "learned": n_networks - int(failed.sum())} | levels(output[failed]))
        params = stack.params[failed]
    return found


def main():
    """Count everything, print it, and store it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="count the rows whose name contains this text, and store nothing")
    chosen = parser.parse_args()
    counted = []
    for name, recipe in rows().items():
        if chosen.only and chosen.only not in name:
            continue
        start = time.perf_counter()
        row = {"name": name, "recipe": asdict(recipe)} | count(recipe)
        counted.append(row)
        low, high = (100 * bound for bound in nnlib.wilson_interval(row["learned"], row["n"]))
        rate = f"{100 * row['learned'] / row['n']:5.1f} % [{low:.1f}, {high:.1f}]"
        seconds = f"{time.perf_counter() - start:.0f} s"
        print(f"{name:34} {rate:24} slow {row['slow']:4}  {row['stuck']}  {seconds}", flush=True)
    if chosen.only:
        return
    followed = follow()
    print(*followed, sep="\n")
    study = {"seed": SEED, "numpy": np.__version__, "rows": counted, "followed": followed}
    RESULTS.write_text(json.dumps(study, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
