"""Hidden tests for two chapters, as an example. These are public: copy the file to a private place, and change it.

Change the `SECRET` first. Then change what the cases look at: other sizes, other traps. The titles are all that a
student is shown, so let them say what a case is about.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.random import Generator

import nnlib
from coursework.hidden import Case, Exercise

SECRET = "change me"


def forward_cases(rng: Generator) -> Iterator[Case]:
    """Chapter 5: networks of other depths and sizes than the visible check's, and a batch of one example."""
    for title, sizes, examples, points in (
        ("one layer", (4, 3), 6, 1),
        ("four layers", (3, 5, 4, 2, 2), 5, 2),
        ("a batch of one example", (2, 3, 1), 1, 1),
    ):
        layers: list[nnlib.Layer] = []
        for n_in, n_out in pairwise(sizes):
            layers += [nnlib.Linear(n_in, n_out, nnlib.torch_uniform), nnlib.Sigmoid()]
        network = nnlib.Network(*layers, rng=rng)
        batch = rng.standard_normal((examples, sizes[0]))
        params = [p for layer in layers if isinstance(layer, nnlib.Linear) for p in (layer.W, layer.b)]
        yield Case(title, points, [batch, *params], network.forward(batch))


def cross_entropy_cases(rng: Generator) -> Iterator[Case]:
    """Chapter 6: ordinary scores, targets that are not certain, and scores that overflow an exponential."""
    loss = nnlib.SoftmaxCrossEntropy()
    scores = rng.normal(size=(6, 4))
    certain = np.eye(4)[rng.integers(4, size=6)]
    uncertain = rng.dirichlet(np.ones(4), size=6)
    extreme = rng.choice([-1000.0, 0.0, 1000.0], size=(6, 4)) + rng.normal(size=(6, 4))
    for title, Z, T, points, tolerance in (
        ("certain targets", scores, certain, 1, 1e-5),
        ("uncertain targets", scores, uncertain, 1, 1e-5),
        ("scores of a thousand", extreme, uncertain, 2, 1e-3),  # in float32 they are known to about 0.0001
    ):
        yield Case(title, points, [Z, T], [loss.value(Z, T), loss.grad(Z, T)], tolerance)


EXERCISES = [
    Exercise(
        chapter="05-forward",
        name="forward-list",
        function="forward_list",
        probe="def probe(X, *params): return tuple(forward_list(X, *params))",
        cases=forward_cases,
    ),
    Exercise(
        chapter="06-loss",
        name="cross-entropy",
        function="cross_entropy",
        probe="def probe(Z, T): return cross_entropy(Z, T)",
        cases=cross_entropy_cases,
    ),
]
