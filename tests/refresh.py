"""Execute chapters on a fresh kernel and store what they print and draw: ``make refresh``.

``python tests/refresh.py`` takes every chapter, ``python tests/refresh.py chapters/11-xor-numpy.ipynb`` one.
With the pinned packages, running it twice on one machine changes no byte.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

CHAPTERS = Path(__file__).parent.parent / "chapters"


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run all cells in place, in the chapters' folder, and keep only what is the same in every run."""
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": str(CHAPTERS)}},
    )
    client.execute()
    notebook.metadata.pop("language_info", None)
    return notebook


def main(names: list[str]) -> None:
    paths = [Path(name) for name in names] or sorted(CHAPTERS.glob("*.ipynb"))
    for path in paths:
        start = time.perf_counter()
        notebook = execute(nbformat.read(path, as_version=4))
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
