"""No solution leaves with a student edition, and everything else does."""

import json
import os
import re
import shutil

import nbformat
import pytest
from bs4 import BeautifulSoup
from commands import ROOT, run
from fixture import CHAPTER, chapter

from coursework import box
from coursework.release import graded, leaked, plain, solutions, student_edition

pytest_plugins = ["course"]

CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("[0-9]*.ipynb"))


def source_of(name):
    return nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)


def flat(text):
    """Return a text without anything that a page may put between two words."""
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def test_the_fixture_has_solutions_to_leak():
    assert len(solutions(chapter())) == 6
    assert leaked(chapter(), "e = np.exp(z - z.max())  # the trick that no student may see")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_student_edition_has_no_solution_and_everything_else(name):
    before, after = source_of(name), student_edition(source_of(name))
    assert len(solutions(before)) > 10
    assert not leaked(before, "\n".join(cell.source for cell in after.cells))
    assert "SOLUTION" not in nbformat.writes(after)
    for old, new in zip(before.cells, after.cells, strict=True):
        assert new.id == old.id
        if "nbgrader" in old.metadata:
            assert not new.get("outputs")
            assert "tags" not in new.metadata
            assert new.source.count("raise NotImplementedError()") == (
                old.cell_type == "code" and old.metadata.nbgrader.solution
            )
        else:
            assert new.get("outputs") == old.get("outputs")
            assert new.source == old.source or old.id == "exercises"
    assert graded(after) == graded(before)
    assert not any("nbgrader" in cell.metadata for cell in plain(after).cells)


def test_the_student_site_has_no_solution_anywhere(guide):
    student_site = guide / "course" / "site" / "_build" / "html"
    assert not list(student_site.rglob("*NotImplemented*"))
    seen = 0
    index = (student_site / "searchindex.js").read_text()
    terms = set(json.loads(re.search(r"setIndex\((.*)\)", index, re.DOTALL)[1])["terms"])
    for name in CHAPTERS:
        page = BeautifulSoup((student_site / "chapters" / f"{name}.html").read_text(), "html.parser")
        downloads = (student_site / "_sources" / "chapters" / f"{name}.ipynb").read_text()
        places = {
            "page": flat(page.get_text()),
            "source": flat("".join("".join(c["source"]) for c in json.loads(downloads)["cells"])),
        }
        assert page.select("img[src$='.png']"), "the figures are gone"
        student = flat("".join(cell.source for cell in student_edition(source_of(name)).cells))
        for line in solutions(source_of(name)):
            if len(flat(line)) > 15 and flat(line) not in student:
                seen += 1
                assert not [where for where, text in places.items() if flat(line) in text], (name, line)
    assert seen > 10 * len(CHAPTERS)
    pages = [ROOT / "index.md", *(ROOT / "chapters").glob("*.md"), *(ROOT / "chapters").glob("*.bib")]
    shown = flat("".join(path.read_text() for path in pages))
    shown += "".join(flat(cell.source) for name in CHAPTERS for cell in student_edition(source_of(name)).cells)
    shown += flat("".join(path.read_text() for path in (ROOT / "nnlib").glob("*.py")))
    shown += "".join(flat(cell.source) for cell in source_of("speed").cells)
    text = " ".join(line for name in CHAPTERS for line in solutions(source_of(name)))
    only = {word for word in re.findall(r"[a-z]{6,}", text.lower()) if word[:6] not in shown}
    assert len(only) >= 10
    assert not [word for word in only if word[:6] in {term[:6] for term in terms}]
    assert "Show a solution" not in (student_site / "chapters" / f"{CHAPTERS[0]}.html").read_text()


@pytest.mark.parametrize("name", CHAPTERS if os.environ.get("COURSEWORK_ALL") else ["01-neuron", "05-forward"])
@pytest.mark.usefixtures("usable")
def test_a_student_notebook_fails_in_its_check_cells_alone(name):
    cells = student_edition(source_of(name)).cells
    job = {"cells": [[i, c.source, False] for i, c in enumerate(cells) if c.cell_type == "code"], "exercises": []}
    outcome = box.run(job, box.Limits(seconds=300, cell_seconds=100))
    assert outcome.ended == "finished"
    ran = [json.loads(reply) for reply in outcome.replies if b'"ran"' in reply]
    assert len(ran) == len(job["cells"])
    failed = {cells[reply["cell"]].id: reply["error"] for reply in ran if reply["error"]}
    checks = [cell.id for cell in cells if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code"]
    assert failed == dict.fromkeys(checks, "CheckFailed")


def test_a_release_says_what_is_new(released, tmp_path):
    assert "released for the first time" in released.said
    course = tmp_path / "course"
    shutil.copytree(released.course, course, ignore=shutil.ignore_patterns("submitted", "collected"))
    book = tmp_path / "book" / "chapters"
    book.mkdir(parents=True)
    changed = chapter()
    changed.cells[5].source += "\n# a better check"
    nbformat.write(changed, book / f"{CHAPTER}.ipynb")
    words = ("release", CHAPTER, "--course", course, "--book", book.parent, "--no-site", "--version", "v2")
    assert "check cell shares-check is changed" in run(*words).stdout
    assert "nothing has changed" in run(*words).stdout
    notebook = json.loads((course / "release" / CHAPTER / f"{CHAPTER}.ipynb").read_text())
    assert notebook["metadata"]["not_magic"] == {"chapter": CHAPTER, "release": "v2"}
    assert "SOLUTION" not in json.dumps(notebook)
    assert not leaked(chapter(), "\n".join("".join(cell["source"]) for cell in notebook["cells"]))


def test_exercises_are_frozen_once_handed_in(released, tmp_path):
    course, book = tmp_path / "course", tmp_path / "book" / "chapters"
    shutil.copytree(released.course, course, ignore=shutil.ignore_patterns("submitted", "collected"))
    (course / "collected" / "somebody" / CHAPTER).mkdir(parents=True, exist_ok=True)
    book.mkdir(parents=True)
    changed = chapter()
    changed.cells[5].metadata.nbgrader.points = 7
    nbformat.write(changed, book / f"{CHAPTER}.ipynb")
    done = run("release", CHAPTER, "--course", course, "--book", book.parent, "--no-site", check=False)
    assert done.returncode == 1
    assert "have been handed in" in done.stderr
