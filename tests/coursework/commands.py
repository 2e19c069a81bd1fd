"""The commands, as an instructor types them."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def run(*words, check=True, **options):
    """Run one of the commands as an instructor does."""
    command = [sys.executable, "-m", "coursework", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, **options)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def guide_blocks():
    """Return the guide's commands, block by block."""
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / "chapters" / "instructors.md").read_text(), re.M | re.S)


def follow(words, folder):
    """Run the block of the guide that has these words in it, with ``folder`` as the folder above the book's."""
    (block,) = [block for block in guide_blocks() if words in block]
    script = block.replace("../", f"{folder}/").replace(".venv/bin/python", sys.executable)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False, cwd=ROOT, env=plain
    )
    assert done.returncode == 0, block + done.stdout + done.stderr
    return done.stdout
