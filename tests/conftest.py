"""The site, built once for all tests that look at its pages."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("_config.yml", "_toc.yml", "_ext", "chapters", "node_modules")


def build_book(folder):
    """Build the book that lies in ``folder`` as `make book` does, and return the finished process."""
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", str(folder), "-W", "-n", "--keep-going"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def copy_book(folder):
    """Copy what the book is built from into ``folder``."""
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built pages."""
    folder = copy_book(tmp_path_factory.mktemp("book"))
    done = build_book(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"
