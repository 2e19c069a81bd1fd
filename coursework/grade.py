"""A class: every submission looked at, judged several at a time, and kept in one results file."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from . import box
from .collect import Found, collect, releases
from .hidden import HiddenTests
from .judge import judge

JUDGE = [Path(__file__).with_name(name) for name in ("box.py", "hidden.py", "inside.py", "judge.py")]


def grade(
    course: Path,
    chapter: str,
    tests: HiddenTests,
    *,
    jobs: int = 1,
    limits: box.Limits | None = None,
    unsafe: bool = False,
    progress: Callable[..., Any] = lambda work, **_: work,  # tqdm shows a bar
) -> dict[str, dict[str, Any]]:
    """Grade a chapter, write ``results/CHAPTER.json``, and return what is in it.

    Each result is kept as soon as it is there. What is known already, of the same submission, tests and judge, is not
    done again.
    """
    limits = limits or box.Limits()
    if not tests.of_chapter(chapter):
        raise ValueError(f"the hidden tests have no exercise of {chapter}")
    if unsafe:
        box.open_air()
    else:
        box.try_out()
    folder = course / "results" / chapter
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / ".lock"):
        found, results, work = collect(course, chapter), {}, {}
        released = releases(course)[chapter]
        judged_by = digest(*(path.read_bytes() for path in JUDGE), tests.source, repr(limits).encode())
        for student, submission in found.items():
            if submission.notebook is None:
                results[student] = {"status": submission.status, "notes": submission.notes}
                continue
            key = digest(judged_by.encode(), student.encode(), *map(as_bytes, (released, submission.notebook)))
            known = read(folder / f"{student}.json")
            if known and known["key"] == key:
                results[student] = known | {"notes": submission.notes}
            else:
                work[student] = key

        def one(student: str) -> tuple[str, dict[str, Any]]:
            """Judge one submission, and keep the result; what the judge could not do is tried again next time."""
            try:
                result = judged(found[student], released, tests, chapter, student, limits, unsafe)
            except Exception as error:  # one submission never ends the batch
                reason = f"not judged, {type(error).__name__}: {error}; grade again"
                return student, {"status": "not judged", "notes": [reason, *found[student].notes]}
            write(folder / f"{student}.json", {"key": work[student], **result})
            return student, result

        with ThreadPoolExecutor(jobs) as pool:
            try:
                waiting = [pool.submit(one, student) for student in work]
                for done in progress(as_completed(waiting), total=len(waiting), unit="submission"):
                    student, result = done.result()
                    results[student] = result
            finally:
                pool.shutdown(cancel_futures=True)
        results = {student: results[student] for student in sorted(found)}
        write(course / "results" / f"{chapter}.json", results)
    return results


def judged(
    found: Found, released: Any, tests: HiddenTests, chapter: str, student: str, limits: box.Limits, unsafe: bool
) -> dict[str, Any]:
    """Return the result of one submission."""
    assert found.notebook
    cells, ours = found.notebook.cells, released.cells
    result = judge(cells, ours, tests, chapter, student, limits=limits, unsafe=unsafe)
    grading = [(cell, cell.metadata.get("nbgrader", {})) for cell in cells]
    stubs = {cell.source for cell in ours}
    written = {g["grade_id"]: cell.source not in stubs for cell, g in grading if g.get("grade") and g.get("solution")}
    return {"status": "graded", "notes": found.notes, "open": written, **result}


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep a second grader of the same chapter out."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise box.BoxError("this chapter is being graded already") from None
        yield


def digest(*parts: bytes) -> str:
    """Return one short name for all that a result depends on."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def as_bytes(notebook: Any) -> bytes:
    """Return a notebook as it would be written."""
    return nbformat.writes(notebook).encode()


def read(path: Path) -> Any:
    """Return what a file of ours holds, or None."""
    return json.loads(path.read_text()) if path.exists() else None


def write(path: Path, content: Any) -> None:
    """Write a file in one step: after a kill there is the whole of it, or what was there before."""
    new = path.with_suffix(".tmp")
    new.write_text(json.dumps(content, indent=1))
    os.replace(new, path)
