"""What an instructor writes: hidden tests, in a module outside this repository.

The module has a `SECRET`, any text that nobody can guess, and a list `EXERCISES`. `example/hidden.py` shows one.
"""

import hashlib
import hmac
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Case:
    """One call of a student's function, and what should come back. Only the title is ever shown to the student."""

    title: str
    points: float
    inputs: Sequence[npt.ArrayLike]  # what `probe` is called with, as arrays of floats
    expected: Sequence[npt.ArrayLike]  # what it has to return: one array for each entry of its tuple
    tolerance: float = 1e-5  # relative to a value's size where that is above 1; float32 passes


@dataclass(frozen=True)
class Exercise:
    """The hidden tests of one exercise in code."""

    chapter: str  # such as "05-forward"
    name: str  # the grade_id of the cell with the answer
    function: str  # the function that the exercise asks for
    probe: str  # the source of a function `probe`, which runs in the box and calls the student's function
    cases: Callable[[np.random.Generator], Iterable[Case]]


@dataclass(frozen=True)
class HiddenTests:
    """A module of hidden tests, read."""

    secret: str
    exercises: tuple[Exercise, ...]
    source: bytes

    def of_chapter(self, chapter: str) -> list[Exercise]:
        """Return the exercises of one chapter."""
        return [exercise for exercise in self.exercises if exercise.chapter == chapter]

    def cases(self, exercise: Exercise, student: str) -> list[Case]:
        """Return a student's own cases: the same again each time, and nobody else's."""
        about = f"{student}|{exercise.name}".encode()
        seed = int.from_bytes(hmac.digest(self.secret.encode(), about, hashlib.sha256))
        return list(exercise.cases(np.random.default_rng(seed)))


def load(path: Path) -> HiddenTests:
    """Read a module of hidden tests."""
    spec = importlib.util.spec_from_file_location("hidden_tests", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise FileNotFoundError(f"no module of hidden tests at {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return HiddenTests(module.SECRET, tuple(module.EXERCISES), path.read_bytes())
