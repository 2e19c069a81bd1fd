"""The judge: it asks a submission in the box, and compares the answers here, where no student's code runs."""

import builtins
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import box
from .hidden import Case, Exercise, HiddenTests

RUNS = 6  # each with one more cell or exercise left out, and none begun after three times the limit on one
ENDINGS = {
    "died": "ended the program",
    "time": "did not end in time",
    "memory": "took too much memory",
    "output": "returned too much",
    "unasked": "could not be called: the program ended too often",
}
WORDS = {
    "ReturnedNone": "returned None: is its `return` missing?",
    "NotNumbers": "returned something that is not an array of numbers",
    "NotFinite": "returned NaN or infinity",
    "TooMany": "returned far too many numbers",
    "NotImplementedError": "is not written yet",
    "TimeUp": "did not end in time",
}
# A name that a student chose could carry hidden inputs out of the box, or HTML into a page. These are Python's own.
ERRORS = {name for name, what in vars(builtins).items() if isinstance(what, type) and issubclass(what, BaseException)}
ERRORS |= {"LinAlgError", "CheckFailed"}
Cell = tuple[int, str, bool]  # its number, its source, and whether it is run only if something needs it


@dataclass
class Answers:
    """What the box has said so far."""

    values: dict[tuple[str, int], Any] = field(default_factory=dict)  # an answer, or a word why there is none
    cells: dict[int, str] = field(default_factory=dict)  # what went wrong in a cell


def judge(
    cells: list[dict[str, Any]],
    released: list[dict[str, Any]],
    tests: HiddenTests,
    chapter: str,
    student: str,
    *,
    limits: box.Limits | None = None,
    unsafe: bool = False,
) -> dict[str, Any]:
    """Score the exercises in code of one submission, given its cells and those of the release.

    Raises `box.BoxError` if the box did not start: nothing is known of the submission then.
    """
    start, limits = time.monotonic(), limits or box.Limits()
    exercises = tests.of_chapter(chapter)
    cases = {exercise.name: tests.cases(exercise, student) for exercise in exercises}
    numbered = [(number, cell) for number, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
    answers = ask(chosen(numbered, released, exercises), exercises, cases, limits, unsafe)
    if "NameError" in [*answers.cells.values(), *answers.values.values()]:  # then run what seemed needless, too
        patient = replace(limits, seconds=3 * limits.seconds, cell_seconds=4 * limits.cell_seconds)
        answers = ask([(n, cell["source"], False) for n, cell in numbered], exercises, cases, patient, unsafe)
    sources = {number: cell["source"] for number, cell in numbered}
    scored = [score(exercise, cases[exercise.name], answers) for exercise in exercises]
    return {
        "exercises": scored,
        "cells": [
            {"cell": number, "source": sources[number][:200], "says": sentence(word)}
            for number, word in sorted(answers.cells.items())
        ],
        "seconds": round(time.monotonic() - start, 2),
    }


def chosen(
    cells: list[tuple[int, dict[str, Any]]], released: list[dict[str, Any]], exercises: Sequence[Exercise]
) -> list[Cell]:
    """Choose the cells to run: none behind the last that mentions an exercise's function, and no check as released.

    A cell of the chapter's that is as it was released is run only if something needs it; the box finds out.
    """
    unchanged = {cell["source"] for cell in released if not cell["metadata"].get("nbgrader", {}).get("solution")}
    checks = {cell["source"] for cell in released if cell["metadata"].get("nbgrader", {}).get("locked")}
    left = [(n, cell["source"], cell["source"] in unchanged) for n, cell in cells if cell["source"] not in checks]
    mentions = [i for i, (_, source, _) in enumerate(left) if any(e.function in source for e in exercises)]
    return left[: max(mentions, default=-1) + 1]


def ask(
    cells: list[Cell],
    exercises: Sequence[Exercise],
    cases: dict[str, list[Case]],
    limits: box.Limits,
    unsafe: bool,
) -> Answers:
    """Run the submission, and again without the cell or the exercise that ended the program, if one did."""
    answers, asked, start = Answers(), list(exercises), time.monotonic()
    for _ in range(RUNS):
        if time.monotonic() - start > 3 * limits.seconds:
            break
        job = {
            "cells": cells,
            "exercises": [
                {"name": e.name, "probe": e.probe, "inputs": [[wire(x) for x in case.inputs] for case in cases[e.name]]}
                for e in asked
            ],
        }
        outcome = box.run(job, limits, unsafe=unsafe)
        place = read(outcome.replies, answers, {number for number, *_ in cells}, cases)
        if outcome.ended == "finished":
            break
        if place is None and not any(reply.startswith(b'{"at": "ready"') for reply in outcome.replies[:1]):
            raise box.BoxError(f"the box did not start ({outcome.ended})")
        if isinstance(place, tuple):
            asked = [exercise for exercise in asked if exercise.name != place[0]]
            for case in range(len(cases[place[0]])):
                answers.values.setdefault((place[0], case), outcome.ended)
        elif place is not None:
            answers.cells[place] = outcome.ended
            cells = [cell for cell in cells if cell[0] != place]
        else:
            break
    return answers


def read(
    replies: list[bytes], answers: Answers, cells: set[int], cases: dict[str, list[Case]]
) -> int | tuple[str, int] | None:
    """Add what the replies say to the answers, and return the place that the box announced last.

    Anything may stand in a reply. The first one about a place counts.
    """
    known = {(name, number) for name, of_exercise in cases.items() for number in range(len(of_exercise))}
    place: int | tuple[str, int] | None = None
    for line in replies:
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if type(reply) is not dict:
            continue
        at, cell, name, case, error = (reply.get(key) for key in ("at", "cell", "exercise", "case", "error"))
        if type(at) is not str:
            continue
        if at in ("cell", "ran") and type(cell) is int and cell in cells:
            place = cell
            if at == "ran" and type(error) is str:
                answers.cells.setdefault(cell, error)
        elif at in ("call", "answer") and type(name) is str and type(case) is int and (name, case) in known:
            place = (name, case)
            if at == "answer":
                answers.values.setdefault(place, error if type(error) is str else reply.get("values"))
    return place


def score(exercise: Exercise, cases: list[Case], answers: Answers) -> dict[str, Any]:
    """Score one exercise."""
    scored = []
    for number, case in enumerate(cases):
        answer = answers.values.get((exercise.name, number), "unasked")
        says = exercise.function + " " + sentence(answer) if type(answer) is str else fault(answer, case)
        scored.append(
            {"title": case.title, "score": 0.0 if says else case.points, "max": case.points, "says": says or "right"}
        )
    total, most = (sum(case[key] for case in scored) for key in ("score", "max"))
    return {"name": exercise.name, "score": min(total, most), "max": most, "cases": scored}


def sentence(word: str) -> str:
    """Put a word from the box into words of ours."""
    known = WORDS.get(word) or ENDINGS.get(word)
    return known or (f"raised {word}" if word in ERRORS else "raised an error of its own")


def fault(answer: Any, case: Case) -> str | None:
    """Say what is wrong with an answer, or return None. Nothing is taken for granted about it."""
    if type(answer) is not list:
        return "gave no answer"
    if len(answer) != len(case.expected):
        return f"{len(answer)} arrays came back, not {len(case.expected)}"
    for place, (got, expected) in enumerate(zip(answer, case.expected, strict=True), 1):
        right = np.asarray(expected, dtype=np.float64)
        which = f"array {place} of {len(answer)}: " if len(answer) > 1 else ""
        if type(got) is not dict:
            return which + "no array"
        if type(got.get("error")) is str:
            return which + sentence(got["error"])
        shape, data = got.get("shape"), got.get("data")
        if type(shape) is not list or len(shape) > 8 or any(type(n) is not int or not 0 <= n < 10**6 for n in shape):
            return which + "no array"
        if tuple(shape) != right.shape:
            return which + f"expected the shape {right.shape}, got {tuple(shape)}"
        if type(data) is not list or len(data) != right.size or any(type(x) is not float for x in data):
            return which + "no array of numbers"
        if not all(map(math.isfinite, data)):
            return which + "NaN or infinity"
        off = np.abs(np.array(data) - right.ravel()) > case.tolerance * np.maximum(1, np.abs(right.ravel()))
        if off.any():
            return which + f"{off.sum()} of {off.size} values differ"
    return None


def wire(value: npt.ArrayLike) -> dict[str, Any]:
    """Return an array as JSON can carry it."""
    array = np.asarray(value, dtype=np.float64)
    return {"shape": list(array.shape), "data": array.ravel().tolist()}
