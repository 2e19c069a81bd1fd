"""The book's sources, copied and built elsewhere: for the student site, and for tests that change a copy."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("_config.yml", "_toc.yml", "_ext", "index.md", "chapters", "requirements.txt")


def copy_book(folder: Path, book: Path = ROOT) -> Path:
    """Copy what the book is built from into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        if (book / name).is_dir():
            shutil.copytree(book / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(book / name, folder / name)
    (folder / "node_modules").symlink_to((book / "node_modules").resolve())
    return folder


def build_book(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the book that lies in ``folder`` as `make book` does, and return the finished process."""
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", str(folder), "-W", "-n", "--keep-going"]
    return subprocess.run(command, capture_output=True, text=True, check=False)
