"""Hidden tests tried before a term starts, on the reference solutions and on empty answers."""

from pathlib import Path

import nbformat
import numpy as np

from . import box
from .book import ROOT
from .hidden import Exercise, HiddenTests
from .judge import fault, judge, wire
from .release import graded, student_edition

PUBLIC = "change me"


def check(tests: HiddenTests, *, book: Path = ROOT, limits: box.Limits | None = None) -> list[str]:
    """Return what is wrong with hidden tests, one line each: nothing, if all is well."""
    found = []
    if tests.secret == PUBLIC:
        found.append("the SECRET is that of the public example: anybody could compute the cases")
    for chapter in dict.fromkeys(exercise.chapter for exercise in tests.exercises):
        path = book / "chapters" / f"{chapter}.ipynb"
        if not path.exists():
            found.append(f"there is no chapter {chapter}")
            continue
        notebook = nbformat.read(path, as_version=4)
        student = student_edition(notebook)
        for exercise in tests.of_chapter(chapter):
            found += check_cases(tests, exercise, graded(student))
        for kind, cells in (("reference", notebook.cells), ("stub", student.cells)):
            result = judge(cells, student.cells, tests, chapter, "somebody", limits=limits)
            for exercise in result["exercises"]:
                for case in exercise["cases"]:
                    if (case["score"] == case["max"]) != (kind == "reference"):
                        found.append(f"{exercise['name']}, {case['title']}: the {kind} solution: {case['says']}")
    return found


def check_cases(tests: HiddenTests, exercise: Exercise, points: dict[str, float]) -> list[str]:
    """Check the cases of one exercise without running anything of a student's."""
    one, other, again = (tests.cases(exercise, student) for student in ("somebody", "somebody else", "somebody"))
    inputs = [[[wire(x) for x in case.inputs] for case in cases] for cases in (one, other, again)]
    found = []
    if inputs[0] != inputs[2]:
        found.append("the same student gets other cases the second time: draw from the given generator alone")
    found += [
        f"{c.title}: two students get the same inputs" for c, a, b in zip(one, *inputs[:2], strict=True) if a == b
    ]
    most, right = sum(case.points for case in one), points.get(f"{exercise.name}-check")
    if right is None:
        found.append(f"the chapter has no graded cell {exercise.name}-check")
    elif most != right:
        found.append(f"the points add up to {most:g}, the chapter gives {right:g}")
    for case in one:
        if not all(np.isfinite(np.asarray(value, dtype=float)).all() for value in case.expected):
            found.append(f"{case.title}: expects NaN or infinity")
        zeros = [wire(np.zeros(np.shape(value))) for value in case.expected]
        if fault(zeros, case) is None:
            found.append(f"{case.title}: zeros are right")
    return [f"{exercise.name}: {line}" for line in found]
