"""The fixture course: a small chapter, released, handed in by many, graded and reported once for all tests.

The test modules name this file as a plugin: a second conftest.py would hide the one above it.
"""

import hashlib
import os
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from commands import follow, run


def pytest_collection_modifyitems(items):
    """These tests need the pinned nbgrader, and Linux: they belong to those that `make test` runs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.pinned)
            item.add_marker(pytest.mark.filterwarnings("default"))  # nbgrader's imports warn of their own affairs


@pytest.fixture(scope="session")
def usable():
    """Skip where the box can't be used. `test_the_box_can_be_used` fails there, so nobody takes it for a pass."""
    from coursework import box

    try:
        box.try_out()
    except box.BoxError as error:
        pytest.skip(f"NOTHING OF THE BOX IS TESTED HERE: {error}")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """A course folder with two small chapters released."""
    import fixture

    folder = tmp_path_factory.mktemp("coursework")
    (folder / "book" / "chapters").mkdir(parents=True)
    nbformat.write(fixture.chapter(), folder / "book" / "chapters" / f"{fixture.CHAPTER}.ipynb")
    other = nbformat.reads(fixture.another_chapter(None).decode(), as_version=4)
    nbformat.write(other, folder / "book" / "chapters" / f"{fixture.OTHER}.ipynb")
    (folder / "hidden.py").write_text(fixture.HIDDEN)
    course, words = folder / "course", ("--book", folder / "book", "--no-site", "--version", "v1")
    done = run("release", fixture.CHAPTER, fixture.OTHER, "--course", course, *words)
    return SimpleNamespace(folder=folder, course=course, hidden=folder / "hidden.py", said=done.stdout)


@pytest.fixture(scope="session")
def graded(released, usable):  # noqa: ARG001
    """The course with everybody's submissions graded and reported."""
    import fixture

    from coursework import box, hidden
    from coursework.grade import grade

    notebook = nbformat.read(released.course / "release" / fixture.CHAPTER / f"{fixture.CHAPTER}.ipynb", as_version=4)
    for name, submission in fixture.SUBMISSIONS.items():
        submission.write(released.course / "submitted" / name / fixture.CHAPTER, notebook)
    os.environ["SECRET_OF_THE_GRADER"] = "SECRET_OF_THE_GRADER"
    before = digest(released.course / "gradebook.db")
    limits = box.Limits(seconds=8, cell_seconds=1.5, call_seconds=1, memory=1 << 30)
    results = grade(released.course, fixture.CHAPTER, hidden.load(released.hidden), jobs=2, limits=limits)
    after = digest(released.course / "gradebook.db")
    said = run("report", fixture.CHAPTER, "--course", released.course).stdout
    return SimpleNamespace(course=released.course, results=results, said=said, gradebook=(before, after))


@pytest.fixture(scope="session")
def guide(tmp_path_factory):
    """What is there after the guide's first command: the student notebook of chapter 5, and the student site."""
    folder = tmp_path_factory.mktemp("guide")
    follow("make coursework", folder)
    return folder
