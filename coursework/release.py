"""Student editions of the chapters: notebooks to hand out, notebooks for people who learn alone, a site."""

import copy
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions

from .book import ROOT, build_book, copy_book
from .gradebook import CONFIG, nbgrader, settings

STAMP = "not_magic"  # the metadata that says which chapter and which release a notebook is
BY_HAND = re.compile(r"\n*<details>\n<summary>Solution</summary>.*?</details>", re.DOTALL)


class ReleaseError(Exception):
    """A release that would leak a solution, or break what has been handed in already."""


def release(
    chapters: Iterable[str], course: Path, version: str, book: Path = ROOT, *, site: bool = True
) -> dict[str, list[str]]:
    """Make the student notebooks of some chapters, and a site on which no chapter has a solution.

    Return, for each chapter, what has changed since it was last released.
    """
    course.mkdir(parents=True, exist_ok=True)
    api, changes = nbgrader(course), {}
    for chapter in chapters:
        notebook = nbformat.read(book / "chapters" / f"{chapter}.ipynb", as_version=4)
        source, released = (course / kind / chapter / f"{chapter}.ipynb" for kind in ("source", "release"))
        before = nbformat.read(released, as_version=4) if released.exists() else None
        student = student_edition(notebook)
        if leaks := leaked(notebook, "\n".join(cell.source for cell in student.cells)):
            raise ReleaseError(f"{chapter} would show its solution: {leaks[0]}")
        changes[chapter] = changed(before, student)
        if before and graded(before) != graded(student) and any((course / "collected").glob(f"*/{chapter}")):
            raise ReleaseError(
                f"{chapter}: its exercises, {graded(before)}, have been handed in, and can't become {graded(student)}. "
                "Grade with the version of the book that you released, or begin a new course folder."
            )
        prepared = without_answers(notebook)
        prepared.metadata[STAMP] = {"chapter": chapter, "release": version}
        write(prepared, source)
        text = "".join(cell.source for cell in notebook.cells)
        data = [path for path in (book / "chapters").glob("*.json") if path.name in text]
        for path in data:  # what the chapter reads
            shutil.copy(path, source.parent)
        done = api.generate_assignment(chapter, force=True, create=True)
        if not done["success"]:
            raise ReleaseError(f"nbgrader could not release {chapter}:\n{done['log']}")
        write(plain(student), course / "no-solutions" / f"{chapter}.ipynb")
        for path in data:
            shutil.copy(path, course / "no-solutions")
    if site:
        build_site(course / "site", book)
    return changes


def without_answers(notebook: NotebookNode) -> NotebookNode:
    """Return a copy with the answers to the exercises by hand gone, and nothing folded or printed that gives more away.

    The reference solutions between their markers are still there: taking them out is nbgrader's task.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "nbgrader" not in cell.metadata:
            cell.source = BY_HAND.sub("", cell.source)
        if "nbgrader" in cell.metadata:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            cell.metadata = NotebookNode(nbgrader=cell.metadata.nbgrader)  # without what folds it on the page
    return notebook


def student_edition(notebook: NotebookNode) -> NotebookNode:
    """Return a chapter without solutions."""
    return ClearSolutions(config=settings(CONFIG.parent)).preprocess(without_answers(notebook), {})[0]


def plain(student: NotebookNode) -> NotebookNode:
    """Return a student notebook without the metadata for grading."""
    student = copy.deepcopy(student)
    for cell in student.cells:
        cell.metadata.pop("nbgrader", None)
    return student


def solutions(notebook: NotebookNode) -> list[str]:
    """Return the lines of a chapter that only its solutions have."""
    hidden, shown = [], []
    for before, after in zip(notebook.cells, student_edition(notebook).cells, strict=True):
        hidden += [line.strip() for line in before.source.splitlines() if line not in after.source]
        shown.append(after.source)
    return [line for line in hidden if len(line) > 12 and "SOLUTION" not in line and line not in "\n".join(shown)]


def leaked(notebook: NotebookNode, text: str) -> list[str]:
    """Return the lines of a chapter's solutions that stand in a text."""
    return [line for line in solutions(notebook) if line in text]


def graded(notebook: NotebookNode) -> dict[str, float]:
    """Return the points of a notebook's graded cells."""
    cells = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    return {cell["grade_id"]: cell["points"] for cell in cells if cell.get("grade")}


def changed(before: NotebookNode | None, after: NotebookNode) -> list[str]:
    """Say what a release changes in the one before it."""
    if before is None:
        return ["released for the first time"]
    old, new = ({cell.id: cell for cell in notebook.cells} for notebook in (before, after))
    found = [f"new cell {name}" for name in new if name not in old]
    found += [f"cell {name} is gone" for name in old if name not in new]
    for name in new:
        if name in old and old[name].source != new[name].source:
            grading = new[name].metadata.get("nbgrader", {})
            kind = "answer" if grading.get("solution") else "check" if grading.get("grade") else "other"
            found.append(f"{kind} cell {name} is changed")
    return found or ["nothing has changed"]


def build_site(site: Path, book: Path = ROOT) -> None:
    """Build the whole book with every chapter in its student edition, in ``site/_build/html``."""
    shutil.rmtree(site, ignore_errors=True)
    copy_book(site, book)
    for path in (site / "chapters").glob("*.ipynb"):
        write(plain(student_edition(nbformat.read(path, as_version=4))), path)
    done = build_book(site)
    if done.returncode:
        raise ReleaseError(f"the student site was not built:\n{done.stdout}{done.stderr}")


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
