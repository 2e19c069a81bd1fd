"""Hidden tests: each student's own, the same again, and checked before a term starts."""

import shutil

import nbformat
import pytest
from commands import ROOT, run
from fixture import CHAPTER, HIDDEN

from coursework import hidden
from coursework.check import check, check_cases
from coursework.judge import judge, wire

pytest_plugins = ["course"]

EXAMPLE = ROOT / "coursework" / "example" / "hidden.py"


@pytest.mark.usefixtures("usable")
def test_the_example_passes_once_its_secret_is_changed(tmp_path):
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


@pytest.mark.usefixtures("usable")
def test_a_wrong_expectation_and_an_easy_case_are_found(released, tmp_path):
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


PYTORCH = """
import numpy as np
from coursework.hidden import Case, Exercise

SECRET = "a test needs none"
PROBE = '''
def probe(*arrays):
    module = XORNet(hidden=arrays[0].shape[1]).double()
    with torch.no_grad():
        for p, array in zip(module.parameters(), arrays):
            p.copy_(torch.tensor(array.T.reshape(p.shape)))
    return to_numpy(module)
'''


def cases(rng):
    weights = [rng.normal(size=shape) for shape in ((2, 4), (1, 4), (4, 1), (1, 1))]
    yield Case("four hidden neurons", 4, weights, weights)


EXERCISES = [Exercise("14-xor-pytorch", "xor-pytorch-to-numpy", "to_numpy", PROBE, cases)]
"""


@pytest.mark.usefixtures("usable")
def test_a_chapter_with_pytorch_can_be_graded(tmp_path):
    (tmp_path / "hidden.py").write_text(PYTORCH)
    assert check(hidden.load(tmp_path / "hidden.py")) == []


@pytest.mark.usefixtures("usable")
@pytest.mark.parametrize(
    ("chapter", "old", "new"),
    [
        ("05-forward", "outputs = [X]", "outputs, params = [np.float32(X)], [np.float32(p) for p in params]"),
        ("06-loss", "    shifted = Z", "    Z, T = np.float32(Z), np.float32(T)\n    shifted = Z"),
    ],
)
def test_an_honest_float32_solution_keeps_its_points(chapter, old, new):
    notebook = nbformat.read(ROOT / "chapters" / f"{chapter}.ipynb", as_version=4)
    answer = next(cell for cell in notebook.cells if old in cell.source and "SOLUTION" in cell.source)
    answer.source = answer.source.replace(old, new, 1)
    for number in range(2):
        (exercise,) = judge(notebook.cells, [], hidden.load(EXAMPLE), chapter, f"student {number}")["exercises"]
        assert exercise["score"] == exercise["max"] == 4, exercise
