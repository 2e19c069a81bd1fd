"""Start values for a `Linear` layer's weights and biases.

An initializer is a function ``(rng, n_in, n_out, stack) -> (W, b)`` with ``W`` of shape
``(*stack, n_in, n_out)`` and ``b`` of shape ``(*stack, 1, n_out)``. All randomness comes from
the `numpy.random.Generator` passed in: there is no hidden seed.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from nnlib.activations import Array

Stack: TypeAlias = tuple[int, ...]
Initializer: TypeAlias = Callable[[np.random.Generator, int, int, Stack], tuple[Array, Array]]


def zeros(rng: np.random.Generator, n_in: int, n_out: int, stack: Stack = ()) -> tuple[Array, Array]:
    """Return zeros. No random number is drawn; as a start for training it fails, see chapter 13."""
    return np.zeros((*stack, n_in, n_out)), np.zeros((*stack, 1, n_out))


def normal(rng: np.random.Generator, n_in: int, n_out: int, stack: Stack = ()) -> tuple[Array, Array]:
    """Return standard normal weights, N(0, 1), and zero biases."""
    return rng.standard_normal((*stack, n_in, n_out)), np.zeros((*stack, 1, n_out))


def glorot_uniform(rng: np.random.Generator, n_in: int, n_out: int, stack: Stack = ()) -> tuple[Array, Array]:
    """Return uniform weights of variance ``2 / (n_in + n_out)`` and zero biases.

    Equation 16 of Glorot and Bengio (2010): the bound is ``sqrt(6 / (n_in + n_out))``.
    """
    return _uniform(rng, np.sqrt(6 / (n_in + n_out)), (*stack, n_in, n_out)), np.zeros((*stack, 1, n_out))


def he_uniform(rng: np.random.Generator, n_in: int, n_out: int, stack: Stack = ()) -> tuple[Array, Array]:
    """Return uniform weights of variance ``2 / n_in`` and zero biases, for ReLU.

    The variance is equation 10 of He et al. (2015); the bound that gives it is ``sqrt(6 / n_in)``.
    """
    return _uniform(rng, np.sqrt(6 / n_in), (*stack, n_in, n_out)), np.zeros((*stack, 1, n_out))


def torch_uniform(rng: np.random.Generator, n_in: int, n_out: int, stack: Stack = ()) -> tuple[Array, Array]:
    """Return weights *and* biases uniform within ``1 / sqrt(n_in)``: the default of `torch.nn.Linear`."""
    bound = 1 / np.sqrt(n_in)
    return _uniform(rng, bound, (*stack, n_in, n_out)), _uniform(rng, bound, (*stack, 1, n_out))


def _uniform(rng: np.random.Generator, bound: float, shape: tuple[int, ...]) -> Array:
    return rng.uniform(-bound, bound, shape)
