"""Building the book, or a copy of it that a test has changed."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("_config.yml", "_toc.yml", "_ext", "index.md", "chapters", "requirements.txt")


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
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder
