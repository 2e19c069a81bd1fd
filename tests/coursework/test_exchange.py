"""Release and collect through nbgrader's own exchange, between two users of one computer."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from commands import ROOT, run
from fixture import CHAPTER, RIGHT, SHARES

from coursework import box

pytest_plugins = ["course"]

STUDENT = "nobody"  # a user who exists everywhere, and owns nothing
CONFIG = 'c.CourseDirectory.course_id = "not-magic"\nc.Exchange.root = "{}"\n'


def nbgrader(*words, folder, user=None):
    """Run nbgrader in a folder, as a student if ``user`` is given."""
    command = [sys.executable, "-m", "nbgrader", *words]
    settings = {**os.environ, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)}
    if user:  # Python may lie in a folder of root's own
        shown = [word for path in (sys.base_prefix, sys.prefix, ROOT) for word in box.show(Path(path))]
        drop = ["setpriv", f"--reuid={user}", "--regid=65534", "--clear-groups", "--"]
        command = [
            "bwrap",
            "--dev-bind",
            "/",
            "/",
            "--tmpfs",
            "/root",
            *shown,
            "--chdir",
            str(folder),
            "--",
            *drop,
            *command,
        ]
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("usable")
@pytest.mark.skipif(os.getuid() != 0, reason="NOT TESTED HERE: only root can be two users")
def test_the_exchange_brings_a_notebook_there_and_back(released):
    with tempfile.TemporaryDirectory() as name:
        folder, course = Path(name), Path(name, "course")
        folder.chmod(0o755)
        shutil.copytree(released.course, course, ignore=shutil.ignore_patterns("submitted", "collected", "results"))
        desk = folder / "student"
        desk.mkdir()
        shutil.chown(desk, STUDENT)
        config = CONFIG.format(folder / "exchange")
        with (course / "nbgrader_config.py").open("a") as file:
            file.write(config)
        (desk / "nbgrader_config.py").write_text("c = get_config()\n" + config)

        nbgrader("release_assignment", CHAPTER, folder=course)
        nbgrader("fetch_assignment", CHAPTER, folder=desk, user=STUDENT)
        notebook = desk / CHAPTER / f"{CHAPTER}.ipynb"
        text = notebook.read_text()
        assert "secret" not in text
        assert SHARES.splitlines()[3].strip() not in text
        stub = '"    # YOUR CODE HERE\\n",\n    "    raise NotImplementedError()"'
        assert stub in text
        lines = "\\n".join(RIGHT.splitlines()[2:])
        notebook.write_text(text.replace(stub, f'"{lines}"', 1))
        nbgrader("submit", CHAPTER, folder=desk, user=STUDENT)
        nbgrader("collect", CHAPTER, "--CourseDirectory.submitted_directory=submitted", folder=course)

        assert run("collect", CHAPTER, "--course", course).stdout == f"{CHAPTER}: 1 ready\n"
        run("grade", CHAPTER, "--course", course, "--hidden", released.hidden)
        run("report", CHAPTER, "--course", course)
        table = (course / "reports" / CHAPTER / "scores.csv").read_text()
        assert f"{STUDENT},,,,2,0,0,2,graded" in table, table
