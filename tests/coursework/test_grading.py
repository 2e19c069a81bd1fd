"""Every submission of the fixture course ends with the right score and a readable reason, and harms nobody else."""

import csv
import json
import re

import psutil
import pytest
from fixture import CHAPTER, SUBMISSIONS
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbgrader.api import Gradebook

from coursework import hidden
from coursework.judge import wire

pytest_plugins = ["course"]


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_the_right_score_and_a_reason(graded, name):
    submission, result = SUBMISSIONS[name], graded.results[name]
    points = tuple(exercise["score"] for exercise in result["exercises"]) if "exercises" in result else None
    said = json.dumps(result)
    assert (result["status"], points) == (submission.status, submission.points), said
    assert submission.reason in said
    for exercise in result.get("exercises", ()):
        assert 0 <= exercise["score"] <= exercise["max"]
        assert all(case["says"] for case in exercise["cases"])


def test_nobody_is_lost_and_no_zero_is_silent(graded):
    assert set(graded.results) == set(SUBMISSIONS)
    for name, result in graded.results.items():
        if result["status"] != "graded":
            assert result["notes"], name
            assert "exercises" not in result


def test_grading_leaves_the_gradebook_alone(graded):
    before, after = graded.gradebook
    assert before == after


def test_the_gradebook_has_our_scores_and_waits_for_the_open_question(graded):
    with Gradebook(f"sqlite:///{graded.course}/gradebook.db") as gradebook:
        known = {submission.student.id: submission for submission in gradebook.assignment_submissions(CHAPTER)}
        assert set(known) == {name for name, result in graded.results.items() if result["status"] == "graded"}
        for name, submission in known.items():
            grades = {grade.name: grade for grade in submission.notebooks[0].grades}
            scores = grades["shares-check"].auto_score, grades["both-check"].auto_score
            assert scores == SUBMISSIONS[name].points, name
            assert grades["open"].needs_manual_grade
            assert not grades["shares-check"].needs_manual_grade


def test_nothing_of_a_students_ran_outside_the_box(graded):
    filed = graded.course / "autograded" / "right" / CHAPTER / f"{CHAPTER}.ipynb"
    cells = {cell["id"]: cell for cell in json.loads(filed.read_text())["cells"]}
    assert cells["shares-check"]["outputs"] == []  # running it would have printed a line


@pytest.mark.usefixtures("graded")
def test_nothing_is_left_running():
    assert not psutil.Process().children(recursive=True)
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [words for words in running if "left-behind-daemon" in words]


def test_pages_and_notebooks_for_people_hold_no_script(graded):
    pages = [*graded.course.glob("feedback/*/*/*.html"), *graded.course.glob("collected/*/*/*.ipynb")]
    pages += graded.course.glob("autograded/*/*/*.ipynb")
    assert len(pages) > len(SUBMISSIONS)
    for page in pages:
        text = page.read_text()
        assert "<script" not in text, page
        assert "<img" not in text.replace("type('<img src=x onerror", ""), page


def test_no_link_of_a_students_can_be_followed(graded):
    notebook = json.loads((graded.course / "collected" / "links" / CHAPTER / f"{CHAPTER}.ipynb").read_text())
    page = markdown2html_mistune("".join(notebook["cells"][-1]["source"]))
    assert "javascript:alert" in page
    assert "<a" not in page
    assert "\\href" not in page


def test_every_student_gets_a_page_and_no_page_shows_a_hidden_test(graded, released):
    tests = hidden.load(released.hidden)
    for name in SUBMISSIONS:
        text = (graded.course / "feedback" / name / CHAPTER / f"{CHAPTER}.html").read_text()
        assert "def probe" not in text
        for exercise in tests.exercises:
            for case in tests.cases(exercise, name):
                numbers = [x for value in (*case.inputs, *case.expected) for x in wire(value)["data"]]
                assert not any(f"{x:.4f}" in text for x in numbers)


def test_a_page_says_what_was_wrong(graded):
    text = (graded.course / "feedback" / "naive" / CHAPTER / f"{CHAPTER}.html").read_text()
    assert re.search("very large scores.*0 of 1.*NaN or infinity", text)
    assert "missing" in (graded.course / "feedback" / "missing" / CHAPTER / f"{CHAPTER}.html").read_text()


def test_tables_have_a_row_for_everybody_and_no_number_for_what_is_not_graded(graded):
    with (graded.course / "reports" / CHAPTER / "scores.csv").open() as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(SUBMISSIONS)
    for name, row in rows.items():
        points = SUBMISSIONS[name].points
        scores = row[f"{CHAPTER} shares"], row[f"{CHAPTER} both"]
        assert scores == ("", "") if points is None else tuple(map(float, scores)) == points
        assert row[f"{CHAPTER} total"] == ""  # the open question is not graded yet
        assert row["status"] == SUBMISSIONS[name].status
    assert (graded.course / "reports" / CHAPTER / "hardest.png").stat().st_size > 5000


def test_every_attack_of_the_list_is_there():
    assert len(SUBMISSIONS) >= 60
