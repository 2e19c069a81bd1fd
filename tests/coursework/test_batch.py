"""A batch can be killed and goes on where it was; two graders do not meet; tables are safe to open."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from commands import ROOT, run
from fixture import CHAPTER, RIGHT, Submission

from coursework import box, hidden
from coursework import grade as batch
from coursework.report import harmless, report

pytest_plugins = ["course"]


@pytest.fixture
def course(released, tmp_path):
    """A course with twelve right submissions."""
    shutil.copytree(
        released.course, tmp_path / "course", ignore=shutil.ignore_patterns("submitted", "results", "collected")
    )
    notebook = nbformat.read(released.course / "release" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
    for number in range(12):
        Submission(RIGHT).write(tmp_path / "course" / "submitted" / f"student-{number:02}" / CHAPTER, notebook)
    return tmp_path / "course"


def boxes():
    return [p for p in psutil.process_iter(["cmdline"]) if "/inside.py" in (p.info["cmdline"] or [])]


@pytest.mark.usefixtures("usable")
def test_killed_and_resumed(course, released):
    words = [sys.executable, "-m", "coursework", "grade", CHAPTER, "--course", course, "--hidden", released.hidden]
    process = subprocess.Popen(list(map(str, words)), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = course / "results" / CHAPTER
    while len(list(folder.glob("*.json"))) < 4:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert 4 <= len(kept) < 12
    assert not (course / "results" / f"{CHAPTER}.json").exists()
    deadline = time.monotonic() + 10
    while boxes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not boxes(), "a box outlived its grader"
    run("grade", CHAPTER, "--course", course, "--hidden", released.hidden, "--jobs", 2)
    results = json.loads((course / "results" / f"{CHAPTER}.json").read_text())
    assert {tuple(e["score"] for e in result["exercises"]) for result in results.values()} == {(2, 3)}
    assert len(results) == 12
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert {name: after[name] for name in kept} == kept, "something was graded twice"


@pytest.mark.usefixtures("usable")
def test_what_has_changed_is_graded_again_and_nothing_else(course, released):
    tests = hidden.load(released.hidden)
    batch.grade(course, CHAPTER, tests, jobs=2)
    folder = course / "results" / CHAPTER
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    path = course / "submitted" / "student-03" / CHAPTER / f"{CHAPTER}.ipynb"
    path.write_text(path.read_text().replace("e / e.sum()", "e"))
    results = batch.grade(course, CHAPTER, tests, jobs=2)
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert [name for name in after if after[name] != before[name]] == ["student-03.json"]
    assert results["student-03"]["exercises"][0]["score"] == 0


@pytest.mark.usefixtures("usable")
def test_a_judge_that_fails_says_so_and_tries_again(course, released, monkeypatch):
    tests = hidden.load(released.hidden)
    right = batch.judge

    def sometimes(*args, **kwargs):
        if args[4] == "student-05":
            raise box.BoxError("out of something")
        return right(*args, **kwargs)

    monkeypatch.setattr(batch, "judge", sometimes)
    results = batch.grade(course, CHAPTER, tests, jobs=2)
    assert results["student-05"]["status"] == "not judged"
    assert "out of something" in results["student-05"]["notes"][0]
    assert sum(result["status"] == "graded" for result in results.values()) == 11
    monkeypatch.setattr(batch, "judge", right)
    assert batch.grade(course, CHAPTER, tests)["student-05"]["status"] == "graded"


@pytest.mark.usefixtures("usable")
def test_two_graders_do_not_meet(course, released):
    (course / "results" / CHAPTER).mkdir(parents=True)
    with batch.alone(course / "results" / CHAPTER / ".lock"), pytest.raises(box.BoxError, match="already"):
        batch.grade(course, CHAPTER, hidden.load(released.hidden))


def test_without_the_box_nothing_is_graded(course, released, monkeypatch):
    monkeypatch.setattr(box.shutil, "which", lambda *_, **__: None)
    with pytest.raises(box.BoxError, match="bubblewrap is missing"):
        batch.grade(course, CHAPTER, hidden.load(released.hidden))


def test_tables_are_safe_to_open_and_fit_canvas_and_moodle(course):
    (course / "students.csv").write_text(
        "id,last_name,first_name,email\n"
        "student-00,=cmd|' /C calc'!A1,Ada,@ada\nstudent-01,-Smith,+Zoe,zoe@example.org\n"
        "absent,Late,Lou,lou@example.org\n"
    )
    case = {"title": "a case", "score": 2.0, "max": 2.0, "says": "right"}
    exercises = [{"name": n, "score": 2.0, "max": 2.0, "cases": [case]} for n in ("shares", "both")]
    results = {
        "student-00": {"status": "graded", "notes": ["=1+1"], "exercises": exercises, "cells": [], "open": {}},
        "student-01": {"status": "unreadable", "notes": ["\t=2"]},
        "absent": {"status": "missing", "notes": ["no notebook was handed in"]},
    }
    report(course, CHAPTER, results, {("student-00", "open"): (4.0, "well put")})
    tables = {}
    for name in ("scores", "canvas", "moodle"):
        with (course / "reports" / CHAPTER / f"{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
        for row in tables[name]:
            assert not [value for value in row.values() if value.lstrip()[:1] in ("=", "+", "-", "@")], name
    canvas = tables["canvas"]
    assert list(canvas[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"] + [
        f"{CHAPTER} {question}" for question in ("shares", "both", "open")
    ]
    assert canvas[0]["Student"].strip() == "Points Possible"
    assert [canvas[0][f"{CHAPTER} {question}"] for question in ("shares", "both", "open")] == ["2", "3", "5"]
    assert canvas[1][f"{CHAPTER} open"] == "4"
    assert canvas[2][f"{CHAPTER} shares"] == ""
    assert tables["scores"][0][f"{CHAPTER} total"] == "8"
    assert tables["moodle"][1]["ID number"] == "student-01"
    assert tables["moodle"][2]["Feedback comments"] == "no notebook was handed in"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", " =1", "\t=1", "\r=1", "\n=1"])
def test_formulas_become_text(text):
    assert harmless(text) == "'" + text
    assert harmless("plain") == "plain"
    assert harmless(-1.5) == "-1.5"
