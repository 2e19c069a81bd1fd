"""Grade two hundred submissions to chapter 5, kill the grader in the middle, resume, and store what it took.

    python tests/coursework/measure.py [SUBMISSIONS]

One job and two are timed in turns, on the same submissions, so that whatever else the computer does meets both alike.
"Load" is how many processes wanted the cores in the last five minutes.
"""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "coursework" / "example" / "hidden.py"
CHAPTER = "05-forward"
ANSWERS = {
    "right": None,
    "no bias": ("@ W + b", "@ W"),
    "no list": ("return outputs", "return outputs[-1]"),
    "exception": ("outputs = [X]", "outputs = [Y]"),
    "not written": ("outputs = [X]", "raise NotImplementedError"),
}
SHARE = ["right"] * 16 + [name for name in ANSWERS if name != "right"]


def hand_in(course: Path, count: int) -> None:
    """Write the submissions: four in five right, the others wrong in four ways."""
    released = nbformat.read(course / "release" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
    source = nbformat.read(ROOT / "chapters" / f"{CHAPTER}.ipynb", as_version=4)
    answer = next(cell for cell in released.cells if cell.id == "exercise-2-answer")
    reference = next(cell.source for cell in source.cells if cell.id == "exercise-2-answer")
    reference = "\n".join(line for line in reference.splitlines() if "SOLUTION" not in line)
    for number in range(count):
        change = ANSWERS[SHARE[number % len(SHARE)]]
        answer.source = reference.replace(*change) if change else reference
        folder = course / "submitted" / f"student-{number:03}" / CHAPTER
        folder.mkdir(parents=True)
        nbformat.write(released, folder / f"{CHAPTER}.ipynb")


def command(course: Path, jobs: int) -> list[str]:
    """Return the command that grades the course."""
    words = ["-m", "coursework", "grade", CHAPTER, "--hidden", EXAMPLE, "--course", course, "--jobs", jobs]
    return [sys.executable, *map(str, words)]


def kill_and_resume(course: Path, count: int) -> dict[str, float]:
    """Grade everybody with two jobs, with a kill in the middle, and check that nothing is lost or done twice."""
    start = time.monotonic()
    process = subprocess.Popen(command(course, 2), cwd=ROOT)
    kept = course / "results" / CHAPTER
    while len(list(kept.glob("*.json"))) < count // 2 and process.poll() is None:
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    subprocess.run(command(course, 2), cwd=ROOT, check=True)
    seconds = time.monotonic() - start
    after = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    results = json.loads((course / "results" / f"{CHAPTER}.json").read_text())
    assert len(results) == len(after) == count
    assert {name: after[name] for name in before} == before
    for number, result in enumerate(results.values()):
        right = SHARE[number % len(SHARE)] == "right"
        assert (result["exercises"][0]["score"] == 4) == right, result
    return {"kept": len(before), "seconds": seconds}


def main(count: int) -> None:
    """Measure, print, and store."""
    from coursework import hidden
    from coursework.grade import grade

    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder, "course")
        words = ["-m", "coursework", "release", CHAPTER, "--no-site", "--course", str(course)]
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True)
        hand_in(course, count)
        whole = kill_and_resume(course, count)
        times: dict[int, list[float]] = {1: [], 2: []}
        few = Path(folder, "few")
        shutil.copytree(course, few, ignore=shutil.ignore_patterns("results", "collected"))
        for path in sorted((few / "submitted").iterdir())[20:]:
            shutil.rmtree(path)
        for turn in range(6):
            shutil.rmtree(few / "results", ignore_errors=True)
            start = time.monotonic()
            grade(few, CHAPTER, hidden.load(EXAMPLE), jobs=1 + turn % 2)
            times[1 + turn % 2].append((time.monotonic() - start) / 20)
    one, two = (statistics.median(times[jobs]) for jobs in (1, 2))
    found = {
        "submissions": count,
        "kept_after_kill": whole["kept"],
        "seconds_each_with_two_jobs": round(whole["seconds"] / count, 2),
        "seconds_each": {"one job": round(one, 2), "two jobs": round(two, 2)},
        "gain_of_two_jobs": round(one / two, 2),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
    }
    print(json.dumps(found, indent=1))
    (ROOT / "coursework" / "measured.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
