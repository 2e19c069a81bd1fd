"""Hidden tests: each student's own, the same again, and checked before a term starts."""

import shutil

import pytest
from conftest import ROOT, run
from fixture import CHAPTER, HIDDEN

pytest.importorskip("nbgrader", reason="the extra `coursework` is not installed; `make test` installs it")
from coursework import hidden
from coursework.check import check, check_cases
from coursework.judge import wire

EXAMPLE = ROOT / "coursework" / "example" / "hidden.py"


def test_the_example_passes_once_its_secret_is_changed(usable, tmp_path):
    done = run("check", EXAMPLE, check=False)
    assert done.returncode == 1
    assert "public example" in done.stdout
    (tmp_path / "mine.py").write_text(EXAMPLE.read_text().replace("change me", "something else"))
    assert "references get all points" in run("check", tmp_path / "mine.py").stdout


def test_cases_belong_to_one_student_and_one_secret(tmp_path):
    (tmp_path / "hidden.py").write_text(HIDDEN)
    tests = hidden.load(tmp_path / "hidden.py")
    other = hidden.HiddenTests("another secret", tests.exercises, b"")
    first = [wire(tests.cases(tests.exercises[0], student)[0].inputs[0]) for student in ("a", "b", "a")]
    assert first[0] == first[2] != first[1]
    assert first[0] != wire(other.cases(tests.exercises[0], "a")[0].inputs[0])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"five scores", 1,', '"five scores", 5,', "points add up to 6"),
        ("z = rng.normal(size=5)", "z = np.arange(5.0)", "two students get the same inputs"),
        ("z = rng.normal(size=5)", "z = np.random.normal(size=5)", "other cases the second time"),
        ("[x.T @ dy, dy.sum(axis=0, keepdims=True)]", "[0 * x.T @ dy, 0 * dy[:1]]", "zeros are right"),
        ("[np.exp(z) / np.exp(z).sum()]", "[z / 0]", "expects NaN or infinity"),
        ('"shares", "shares"', '"nothing", "shares"', "no graded cell nothing-check"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide")
def test_bad_cases_are_found(tmp_path, old, new, says):
    assert old in HIDDEN
    (tmp_path / "hidden.py").write_text(HIDDEN.replace(old, new))
    tests = hidden.load(tmp_path / "hidden.py")
    points = {"shares-check": 2.0, "both-check": 3.0}
    assert says in "\n".join(line for exercise in tests.exercises for line in check_cases(tests, exercise, points))


def test_a_wrong_expectation_and_an_easy_case_are_found(usable, released, tmp_path):
    wrong = HIDDEN.replace("[np.exp(z) / np.exp(z).sum()]", "[z]", 1)
    (tmp_path / "wrong.py").write_text(wrong)
    found = check(hidden.load(tmp_path / "wrong.py"), book=released.folder / "book")
    assert found == ["shares, five scores: the reference solution: 5 of 5 values differ"]
    easy = HIDDEN.replace(
        "def probe(z): return shares(z)",
        "import numpy as np\\ndef probe(z): return np.exp(z - z.max()) / np.exp(z - z.max()).sum()",
    )
    (tmp_path / "easy.py").write_text(easy)
    found = check(hidden.load(tmp_path / "easy.py"), book=released.folder / "book")
    assert len(found) == 2
    assert all("the stub solution: right" in line for line in found)


def test_a_chapter_that_does_not_exist(tmp_path):
    (tmp_path / "hidden.py").write_text(HIDDEN)
    shutil.copy(tmp_path / "hidden.py", tmp_path / "copy.py")
    assert check(hidden.load(tmp_path / "copy.py")) == [f"there is no chapter {CHAPTER}"]
