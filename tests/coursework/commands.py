"""The commands, as an instructor types them."""

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
