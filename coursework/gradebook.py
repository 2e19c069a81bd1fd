"""nbgrader's side: its configuration for a course, and the way into its gradebook."""

import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, PyFileConfigLoader

CONFIG = Path(__file__).with_name("nbgrader_config.py")


def settings(course: Path) -> Config:
    """Return nbgrader's configuration for a course folder, which gets a copy of ours if it has none."""
    if not (course / CONFIG.name).exists():
        course.mkdir(parents=True, exist_ok=True)
        shutil.copy(CONFIG, course)
    config = PyFileConfigLoader(CONFIG.name, path=str(course)).load_config()
    steps = config.Autograde.get("autograde_preprocessors", ["Execute"])
    if config.Execute.get("enabled", True) or any("Execute" in str(step) for step in steps):
        raise RuntimeError(f"{course / CONFIG.name} would let nbgrader run what students handed in, without the box")
    config.CourseDirectory.root = str(course.resolve())
    return config


def nbgrader(course: Path) -> NbGraderAPI:
    """Return nbgrader for a course folder."""
    # It starts the program alembic, which lies beside Python, whether or not the environment is activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    warnings.filterwarnings("ignore", category=SAWarning)  # its own affair
    return NbGraderAPI(config=settings(course))


def enter(course: Path, chapter: str, results: dict[str, dict[str, Any]]) -> None:
    """Write scores and comments into the gradebook, and file what the formgrader shows.

    Scores and comments that a person has given are left as they are. Repeating it changes nothing.
    """
    api, graded = nbgrader(course), {student: r for student, r in results.items() if r["status"] == "graded"}
    new = set()
    for student in graded:
        here, filed = (course / kind / student / chapter / f"{chapter}.ipynb" for kind in ("collected", "autograded"))
        if not filed.exists() or filed.stat().st_mtime < here.stat().st_mtime:
            new.add(student)
            done = api.autograde(chapter, student, force=True, create=True)  # runs nothing: see nbgrader_config.py
            if not done["success"]:
                raise RuntimeError(f"nbgrader could not file {student}'s {chapter}:\n{done['log']}")
    with Gradebook(api.coursedir.db_url) as gradebook:
        for student, result in graded.items():
            at = chapter, chapter, student
            for exercise in result["exercises"]:
                grade = gradebook.find_grade(f"{exercise['name']}-check", *at)
                grade.auto_score, grade.needs_manual_grade = exercise["score"], False
                gradebook.find_comment(exercise["name"], *at).auto_comment = "\n".join(
                    f"{case['title']}: {case['says']}, {case['score']:g} of {case['max']:g}"
                    for case in exercise["cases"]
                )
            for name, written in result["open"].items():
                grade = gradebook.find_grade(name, *at)
                grade.auto_score = None if written else 0
                grade.needs_manual_grade = written and (grade.manual_score is None or student in new)
                gradebook.find_comment(name, *at).auto_comment = None if written else "No answer was written."
        gradebook.db.commit()


def by_hand(course: Path, chapter: str) -> dict[tuple[str, str], tuple[float | None, str]]:
    """Return what people gave for the open questions, by student and question: a score, None if none yet; a comment."""
    api, given = nbgrader(course), {}
    with Gradebook(api.coursedir.db_url) as gradebook:
        for submission in gradebook.assignment_submissions(chapter):
            for notebook in submission.notebooks:
                comments = {comment.name: comment.comment or "" for comment in notebook.comments}
                for grade in notebook.grades:
                    if grade.name in comments:  # a cell with an answer and a score of its own is an open question
                        score = None if grade.needs_manual_grade else grade.score
                        given[submission.student.id, grade.name] = score, comments[grade.name]
    return given
