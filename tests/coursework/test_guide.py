"""The instructor guide, followed to the letter: release chapter 5, collect ten submissions, grade, read the results."""

import csv
import json
import re

import nbformat
import pytest
from commands import ROOT, follow, guide_blocks, run
from fixture import without_markers

pytest_plugins = ["course"]

CHAPTER = "05-forward"
GUIDE = (ROOT / "chapters" / "instructors.md").read_text()
STEPS = (
    "make coursework",
    "cp coursework",
    "coursework check",
    "coursework collect",
    "coursework grade",
    "coursework report",
)


@pytest.mark.usefixtures("usable")
def test_an_instructor_gets_from_release_to_report(guide):
    course = guide / "course"
    follow("cp coursework", guide)
    assert "change me" not in (guide / "private" / "hidden.py").read_text()
    assert "references get all points" in follow("coursework check", guide)
    released = nbformat.read(course / "release" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
    source = nbformat.read(ROOT / "chapters" / f"{CHAPTER}.ipynb", as_version=4)
    answer, essay = (next(c for c in released.cells if c.id == f"exercise-{n}-answer") for n in (2, 3))
    reference = without_markers(next(c.source for c in source.cells if c.id == "exercise-2-answer"))
    essay.source = "Turn one border by a quarter."
    students = {f"student-{number}": (reference, f"{CHAPTER}.ipynb", 4) for number in range(7)}
    students["wrong"] = (reference.replace("@ W + b", "@ W - b"), f"{CHAPTER}.ipynb", 0)
    students["renamed"] = (reference, f"{CHAPTER}(1).ipynb", 4)
    students["absent"] = ("", "", None)
    for name, (text, file, _) in students.items():
        answer.source = text
        (course / "submitted" / name / CHAPTER).mkdir(parents=True)
        if file:
            nbformat.write(released, course / "submitted" / name / CHAPTER / file)
    said = follow("coursework collect", guide)
    assert "absent: no notebook was handed in" in said
    assert "renamed: 05-forward(1).ipynb was renamed" in said
    assert "9 graded" in follow("coursework grade", guide)
    follow("coursework report", guide)
    with (course / "reports" / CHAPTER / "canvas.csv").open(newline="") as file:
        rows = {row["SIS User ID"]: row[f"{CHAPTER} forward-list"] for row in csv.DictReader(file)}
    assert rows == {"": "4"} | {name: "" if points is None else str(points) for name, (*_, points) in students.items()}
    assert (course / "reports" / CHAPTER / "hardest.png").stat().st_size > 5000
    page = (course / "feedback" / "wrong" / CHAPTER / f"{CHAPTER}.html").read_text()
    assert "values differ" in page


@pytest.mark.usefixtures("usable", "guide")
def test_scores_given_by_hand_come_into_the_tables_and_stay(guide):
    from nbgrader.api import Gradebook

    course = guide / "course"
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        at = CHAPTER, CHAPTER, "student-1"
        grade = gradebook.find_grade("forward-own-wiring", *at)
        grade.manual_score, grade.needs_manual_grade = 5.5, False
        gradebook.find_comment("forward-own-wiring", *at).manual_comment = "Say <b>why</b>."
        gradebook.db.commit()
    for _ in range(2):
        run("report", CHAPTER, "--course", course)
        with (course / "reports" / CHAPTER / "scores.csv").open(newline="") as file:
            rows = {row["id"]: row for row in csv.DictReader(file)}
        assert rows["student-1"][f"{CHAPTER} total"] == "9.5"
        assert rows["student-2"][f"{CHAPTER} total"] == ""
    page = (course / "feedback" / "student-1" / CHAPTER / f"{CHAPTER}.html").read_text()
    assert "Say &lt;b&gt;why&lt;/b&gt;." in page


def test_every_command_of_the_guide_is_followed():
    blocks = guide_blocks()
    assert len(blocks) == len(STEPS)
    assert all(step in block for step, block in zip(STEPS, blocks, strict=True))


def test_minutes_are_those_of_the_chapters():
    rows = re.findall(r"^\| \[[^]]+\]\((\S+\.ipynb)\) \| (\d+) \|", GUIDE, re.M)
    assert len(rows) >= 12
    for name, minutes in rows:
        assert f"**Time:** {minutes} minutes to read" in (ROOT / "chapters" / name).read_text(), name


def test_times_are_those_that_were_measured():
    measured = json.loads((ROOT / "coursework" / "measured.json").read_text())
    each = measured["seconds_each"]
    for value in (measured["submissions"], each["one job"], each["two jobs"], measured["gain_of_two_jobs"]):
        assert re.search(rf"(?<![\d.]){re.escape(str(value))}(?!\d)", GUIDE), value
