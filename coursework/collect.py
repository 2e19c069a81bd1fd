"""A look at every submission before it is graded: what can be mended is mended, the rest is explained, in words.

This is the only place that reads a file of a student's. What it writes has the form of a notebook and is safe to show.
"""

import csv
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4

from .release import STAMP, write

LARGEST = 20 << 20
MOST_CELLS = 2000
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
PICTURES = ("image/png", "image/jpeg")


class UnreadableError(Exception):
    """A file that is no notebook; the message says why."""


@dataclass
class Found:
    """What a student handed in for a chapter."""

    status: str  # ready, missing, unreadable, or wrong chapter
    notes: list[str] = field(default_factory=list)
    notebook: NotebookNode | None = None


def students(course: Path) -> dict[str, dict[str, str]]:
    """Return the class: who stands in students.csv, and whoever has handed in something."""
    known = {}
    if (course / "students.csv").exists():
        with (course / "students.csv").open(newline="", encoding="utf-8-sig") as file:
            known = {row["id"]: row for row in csv.DictReader(file)}
    folders = (course / "submitted").glob("*") if (course / "submitted").exists() else ()
    return dict(sorted({**{path.name: {"id": path.name} for path in folders}, **known}.items()))


def releases(course: Path) -> dict[str, NotebookNode]:
    """Return the released notebooks by chapter."""
    return {path.stem: nbformat.read(path, as_version=4) for path in sorted((course / "release").glob("*/*.ipynb"))}


def collect(course: Path, chapter: str) -> dict[str, Found]:
    """Look at every student's submission, and write what can be graded into the folder ``collected``."""
    found, released = {}, releases(course)
    if chapter not in released:
        raise ValueError(f"{chapter} has not been released in {course}")
    for student in students(course):
        try:
            found[student] = look(course / "submitted" / student / chapter, chapter, released)
        except Exception as error:  # a surprise in one submission is not the end of the others
            found[student] = Found("unreadable", [f"could not be looked at: {type(error).__name__}; tell the authors"])
        found[student].notes = [printable(note) for note in found[student].notes]
        target = course / "collected" / student / chapter / f"{chapter}.ipynb"
        if (notebook := found[student].notebook) is None:
            target.unlink(missing_ok=True)
        elif not target.exists() or nbformat.read(target, as_version=4) != notebook:  # its time says what is new
            write(notebook, target)
    return found


def look(folder: Path, chapter: str, released: dict[str, NotebookNode]) -> Found:
    """Find a student's notebook of a chapter, and mend it."""
    if folder.is_symlink() or folder.parent.is_symlink():
        return Found("unreadable", ["the folder is a link, which is not followed"])
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    candidates = sorted((n for n in names if n.lower().endswith(".ipynb")), key=lambda n: n != f"{chapter}.ipynb")
    others = [name for name in names if name not in (*candidates, "timestamp.txt", "submission_secret.txt")]
    notes = [f"{name} is not a notebook and was left aside" for name in others]
    if not candidates:
        return Found("missing", ["no notebook was handed in", *notes])
    best = Found("missing")
    for name in candidates:
        try:
            cells, stamp = read(folder / name)
        except UnreadableError as error:
            best = best if best.status == "wrong chapter" else Found("unreadable", [f"{name}: {error}"])
            continue
        shares = {other: share(cells, notebook) for other, notebook in released.items()}
        likely = max(shares, key=lambda other: (shares[other], other == chapter))
        if likely != chapter and shares[likely] > 0.3 and shares[chapter] < 0.3:
            best = Found("wrong chapter", [f"{name} is a notebook of the chapter {likely}, not of {chapter}"])
            continue
        if shares[chapter] < 0.1:
            best = Found("wrong chapter", [f"{name} has next to nothing of the chapter {chapter} in it"])
            continue
        if name != f"{chapter}.ipynb":
            notes.append(f"{name} was renamed to {chapter}.ipynb")
        notes += [f"{other} was not looked at, {name} was" for other in candidates[candidates.index(name) + 1 :]]
        notebook, more = mend(cells, released[chapter])
        current = released[chapter].metadata.get(STAMP, {}).get("release")
        if stamp != current and not any("metadata" in note for note in more):
            notes.append(f"made from release {stamp!r:.50}, while {current!r} is the one that is graded")
        notebook.metadata[STAMP] = {"chapter": chapter, "release": current}
        return Found("ready", notes + more, notebook)
    best.notes += notes
    return best


def read(path: Path) -> tuple[list[NotebookNode], Any]:
    """Read a notebook from a file that may be anything, and return its cells and the release it was made from."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise UnreadableError("is not a regular file, or can't be opened") from None
    with os.fdopen(number, "rb") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise UnreadableError("is not a regular file")
        if about.st_size > LARGEST:
            raise UnreadableError(f"has {about.st_size >> 20} MB: clear its outputs and hand it in again")
        content = file.read(LARGEST)
    if not content.strip():
        raise UnreadableError("is empty")
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        raise UnreadableError("is damaged: it is not JSON") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise UnreadableError("is not a notebook of version 4")
    metadata = notebook.get("metadata")
    stamp = metadata.get(STAMP) if isinstance(metadata, dict) else None
    if len(notebook["cells"]) > MOST_CELLS:
        raise UnreadableError(f"has {len(notebook['cells'])} cells")
    return [clean(cell) for cell in notebook["cells"]], stamp.get("release") if isinstance(stamp, dict) else None


def clean(cell: Any) -> NotebookNode:
    """Return a cell with nothing in it but text, pictures and the name that grading gave it."""
    source = text(cell.get("source")) if isinstance(cell, dict) else None
    if source is None or cell.get("cell_type") not in ("code", "markdown", "raw"):
        raise UnreadableError("is not a notebook: one of its cells is no cell")
    metadata = cell["metadata"].get("nbgrader") if isinstance(cell.get("metadata"), dict) else None
    grade_id = metadata.get("grade_id") if isinstance(metadata, dict) else None
    new = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}[cell["cell_type"]](
        source
    )
    new["id"] = cell["id"] if isinstance(cell.get("id"), str) and re.fullmatch(r"[\w-]{1,64}", cell["id"]) else ""
    new.metadata = NotebookNode(grade_id=grade_id) if isinstance(grade_id, str) else NotebookNode()
    if cell["cell_type"] == "code" and isinstance(cell.get("outputs"), list):
        new.outputs = [output for each in cell["outputs"][:50] for output in clean_output(each)]
    attachments = cell.get("attachments")
    if cell["cell_type"] == "markdown" and isinstance(attachments, dict):
        new.attachments = {name: pictures(data) for name, data in attachments.items()}
    return new


def clean_output(output: Any) -> Iterator[NotebookNode]:
    """Yield an output's text and pictures: no HTML, no SVG, no script."""
    if not isinstance(output, dict):
        return
    data = output["data"] if isinstance(output.get("data"), dict) else {}
    if shown := pictures(data):
        yield v4.new_output("display_data", shown)
    words = text(output.get("text")) or text(data.get("text/plain")) or text(output.get("evalue"))
    if words and not shown:
        yield v4.new_output("stream", name="stdout", text=words[:10_000])


def pictures(data: Any) -> dict[str, str]:
    """Return the pictures of an output or an attachment."""
    found = {kind: text(data.get(kind)) for kind in PICTURES} if isinstance(data, dict) else {}
    return {kind: value for kind, value in found.items() if value and BASE64.fullmatch(value)}


def text(value: Any) -> str | None:
    """Return a notebook's text, which may be given in lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    # Half a surrogate pair is text to JSON, but can't be written.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def printable(note: str) -> str:
    """Return a note without the control characters that a file's name may have."""
    return "".join(letter if letter.isprintable() else "?" for letter in note)


def harmless(markdown: str) -> str:
    """Return Markdown without HTML, and with links that are seen and not followed; pictures of its own stay."""
    markdown = markdown.replace("<", "&lt;").replace("\\href", "href")
    return re.sub(r"\](\((?!attachment:)|:)", r"] \1", markdown)


def share(cells: list[NotebookNode], released: NotebookNode) -> float:
    """Return how much of the released text is in a notebook, answers apart."""
    there = {cell.source.strip() for cell in cells}
    text = [c.source.strip() for c in released.cells if not c.metadata.get("nbgrader", {}).get("solution")]
    return sum(source in there for source in text) / max(1, len(text))


def mend(cells: list[NotebookNode], released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Give the cells back what grading needs to know them by, and say what had to be done."""
    notes = []
    ours = {cell.metadata.nbgrader.grade_id: cell for cell in released.cells if "nbgrader" in cell.metadata}
    if not any("grade_id" in cell.metadata for cell in cells):
        notes.append("the metadata for grading was lost; the cells were recognised by what is in them")
    theirs: dict[str, list[NotebookNode]] = {}
    before = ""
    for cell in cells:
        theirs.setdefault(recognise(cell, before, ours, released), []).append(cell)
        before = cell.source.strip()
        cell.metadata = NotebookNode()
    for name, ours_cell in ours.items():
        grading = ours_cell.metadata.nbgrader
        kind = "answer" if grading.solution else "check" if grading.grade else "given"
        copies = theirs.get(name, [])
        written = [cell for cell in copies if cell.source != ours_cell.source] if kind == "answer" else copies[-1:]
        for needless in copies:
            if len(copies) > 1 and not any(needless is cell for cell in written):
                cells = [cell for cell in cells if cell is not needless]
        if len(copies) > 1:
            notes.append(f"the {kind} cell {name} is there {len(copies)} times: the last one written in counts")
        if not copies:
            notes.append(f"the {kind} cell {name} is missing")
            continue
        counts = (written or copies)[-1]
        if all(cell is not counts for cell in cells):
            cells.append(counts)
        counts.metadata = ours_cell.metadata
        if counts.cell_type != ours_cell.cell_type:
            notes.append(f"the {kind} cell {name} had become a {counts.cell_type} cell; it is as it was again")
            fresh = (v4.new_code_cell if ours_cell.cell_type == "code" else v4.new_markdown_cell)(counts.source)
            fresh.update(id=counts["id"], metadata=counts.metadata)
            cells = [fresh if cell is counts else cell for cell in cells]
            counts = fresh
        if kind != "answer" and counts.source != ours_cell.source:
            notes.append(f"the {kind} cell {name} was changed; the released one stands in its place again")
            counts.source = ours_cell.source
    cells = put_back(cells, released, notes)
    known, seen = {cell.source for cell in released.cells}, {""}
    for number, cell in enumerate(cells):
        if cell.cell_type != "code" and cell.source not in known:
            cell.source = harmless(cell.source)
        if cell["id"] in seen:
            cell["id"] = f"cell-{number}"
        seen.add(cell["id"])
    return v4.new_notebook(cells=cells, metadata={"kernelspec": released.metadata.kernelspec}), notes


def recognise(cell: NotebookNode, before: str, ours: dict[str, NotebookNode], released: NotebookNode) -> str:
    """Return the grade_id that a cell has, or had before its metadata was lost, or an empty string."""
    grade_id = cell.metadata.get("grade_id", "")
    if grade_id in ours:
        return str(grade_id)
    for name, candidate in ours.items():
        if cell["id"] == candidate["id"] or cell.source == candidate.source:
            return name
        begins = re.match(r"def \w+\(", candidate.source) if candidate.metadata.nbgrader.solution else None
        if begins and re.search(f"^{re.escape(begins[0])}", cell.source, re.MULTILINE):
            return name
        place = next(i for i, c in enumerate(released.cells) if c["id"] == candidate["id"])
        if candidate.cell_type == cell.cell_type == "markdown" and released.cells[place - 1].source.strip() == before:
            return name
    return ""


def put_back(cells: list[NotebookNode], released: NotebookNode, notes: list[str]) -> list[NotebookNode]:
    """Put the chapter's own code back where it was deleted: an answer may need it."""
    there = {cell.source.strip() for cell in cells} | {cell["id"] for cell in cells}
    place = 0
    for cell in released.cells:
        if cell.source.strip() in there or cell["id"] in there:
            at = [i for i, c in enumerate(cells) if c.source.strip() == cell.source.strip() or c["id"] == cell["id"]]
            place = max([place, *(i + 1 for i in at[:1])])
        elif cell.cell_type == "code" and "nbgrader" not in cell.metadata:
            notes.append(f"the chapter's cell {cell['id']} was deleted; it was put back")
            cells.insert(place, v4.new_code_cell(cell.source, id=cell["id"]))
            place += 1
    return cells
