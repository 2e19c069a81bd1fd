"""A chapter of five cells, its hidden tests, and submissions to it: honest ones, broken ones and hostile ones."""

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode, v4, writes

# Every test module imports this one, before it imports what needs these.
for needed in "nbgrader", "pyseccomp":
    pytest.importorskip(needed, reason="the extra `coursework` is not installed: make test does", exc_type=ImportError)

CHAPTER = "98-small"
OTHER = "99-other"
SETUP = "import numpy as np"
SHARES = """def shares(z):
    \"\"\"Return the softmax of the scores z (k,).\"\"\"
    ### BEGIN SOLUTION
    e = np.exp(z - z.max())  # the trick that no student may see
    return e / e.sum()
    ### END SOLUTION"""
SHARES_CHECK = """from nnlib.exercises import check

check(shares, (np.array([0.0, 0.0]),), {"y": [0.5, 0.5]}, {"y": "they add up to 1"})"""
BOTH = """def backward(x, W, dy):
    \"\"\"Return dW and db of a layer x @ W + b.\"\"\"
    ### BEGIN SOLUTION
    return x.T @ dy, dy.sum(axis=0, keepdims=True)
    ### END SOLUTION"""
BOTH_CHECK = (
    """check(backward, (np.ones((1, 2)), np.ones((2, 1)), np.ones((1, 1))), {"dW": [[1.0], [1.0]], "db": [[1.0]]})"""
)
HIDDEN = """
import numpy as np
from coursework.hidden import Case, Exercise

SECRET = "a fixture needs none"


def shares_cases(rng):
    z = rng.normal(size=5)
    yield Case("five scores", 1, [z], [np.exp(z) / np.exp(z).sum()])
    yield Case("very large scores", 1, [1000 + z], [np.exp(z) / np.exp(z).sum()])


def backward_cases(rng):
    x, W, dy = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
    yield Case("four examples", 3, [x, W, dy], [x.T @ dy, dy.sum(axis=0, keepdims=True)])


EXERCISES = [
    Exercise("98-small", "shares", "shares", "def probe(z): return shares(z)", shares_cases),
    Exercise("98-small", "both", "backward", "def probe(*arrays): return backward(*arrays)", backward_cases),
]
"""


def chapter(title: str = "Small") -> NotebookNode:
    """Return the chapter as its author writes it, with solutions and outputs."""

    def code(name: str, source: str, **grading: Any) -> NotebookNode:
        cell = v4.new_code_cell(source, id=name, execution_count=None)
        if grading:
            tags = ["hide-cell"] if grading["solution"] else []
            cell.metadata = NotebookNode(nbgrader=NotebookNode(grading), **({"tags": tags} if tags else {}))
        return cell

    answer = {"grade": False, "locked": False, "schema_version": 3, "solution": True, "task": False}
    check = {"grade": True, "locked": True, "schema_version": 3, "solution": False, "task": False}
    open_answer = v4.new_markdown_cell(
        "<!-- BEGIN SOLUTION -->\nIt depends, secretly.\n<!-- END SOLUTION -->", id="open"
    )
    open_answer.metadata.nbgrader = {**answer, "grade": True, "points": 5, "grade_id": "open"}
    exercise = (
        "## Exercises\n\nAdd 1 and 1.\n\n<details>\n<summary>Solution</summary>\n\nIt is clandestine: 2.\n\n</details>"
    )
    cells = [
        v4.new_markdown_cell(f"# {title}\n\nA chapter for tests.", id="title"),
        code("setup", SETUP),
        code("figure", "print(2 + 2)"),
        v4.new_markdown_cell(exercise, id="exercises"),
        code("shares-answer", SHARES, **answer, grade_id="shares"),
        code("shares-check", SHARES_CHECK, **check, grade_id="shares-check", points=2),
        code("both-answer", BOTH, **answer, grade_id="both"),
        code("both-check", BOTH_CHECK, **check, grade_id="both-check", points=3),
        open_answer,
    ]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
    cells[2].outputs = [v4.new_output("stream", name="stdout", text="4\n")]
    cells[5].outputs = [v4.new_output("stream", name="stdout", text="✓ shares: y right\n")]
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def without_markers(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if "SOLUTION" not in line)


RIGHT, RIGHT_BOTH = without_markers(SHARES), without_markers(BOTH)
WRONG = "def shares(z): return z"
NAIVE = "def shares(z):\n    return np.exp(z) / np.exp(z).sum()"


@dataclass
class Submission:
    """What a student hands in, what it is worth, and a word of the reason that has to be given."""

    shares: str = RIGHT
    both: str = RIGHT_BOTH
    before: str | None = None  # a cell of the student's own before the exercises
    between: str | None = None  # and one between the two
    points: tuple[float, float] | None = (2, 3)
    reason: str = ""
    file: str = f"{CHAPTER}.ipynb"
    notebook: Any = None  # changes the notebook, or returns bytes in its place
    status: str = "graded"

    def write(self, folder: Path, released: NotebookNode) -> None:
        """Hand it in."""
        folder.mkdir(parents=True)
        notebook = copy.deepcopy(released)
        cell = {c.id: c for c in notebook.cells}
        cell["shares-answer"].source, cell["both-answer"].source = self.shares, self.both
        cell["open"].source = "It depends on <script>alert(1)</script> the scores."
        for place, source in (("both-answer", self.between), ("figure", self.before)):
            if source is not None:
                at = [c.id for c in notebook.cells].index(place)
                notebook.cells.insert(at, v4.new_code_cell(source))
        content = self.notebook(notebook) if self.notebook else None
        if callable(content):
            content(folder / self.file)
        elif content is not False:
            (folder / self.file).write_bytes(writes(notebook).encode() if content is None else content)


def metadata_gone(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        del cell["id"]
    notebook.metadata = NotebookNode()
    notebook.nbformat_minor = 4


def drop(*ids: str) -> Any:
    def change(notebook: NotebookNode) -> None:
        notebook.cells = [cell for cell in notebook.cells if cell.get("id") not in ids]

    return change


def change_cell(name: str, **values: Any) -> Any:
    def change(notebook: NotebookNode) -> None:
        for cell in notebook.cells:
            if cell.get("id") == name:
                grading = values.pop("grading", None)
                cell.update(values)
                if grading:
                    cell.metadata.nbgrader.update(grading)

    return change


def duplicated(notebook: NotebookNode) -> None:
    old, new = (copy.deepcopy(notebook.cells[4]) for _ in range(2))
    old.source, old["id"] = WRONG, "first-try"
    notebook.cells[4:5] = [old, new]


def another_chapter(_: NotebookNode | None) -> bytes:
    other = chapter("Other")
    for cell in other.cells:
        cell.source = cell.source.replace("shares", "parts").replace("# Other", "# Quite another chapter")
        cell.source = cell.source.replace("2 + 2", "3 + 3").replace("import numpy as np", "import numpy")
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id = "other-" + cell.metadata.nbgrader.grade_id
        cell["id"] = "other-" + cell["id"]
    return writes(other).encode()


def hostile_json(text: str) -> Any:
    return lambda _: text.encode()


def many_exits(notebook: NotebookNode) -> None:
    notebook.cells[2:2] = [v4.new_code_cell(f"import os\nos._exit({number})") for number in range(9)]


def older(notebook: NotebookNode) -> None:
    notebook.metadata.not_magic.release = "v0"


def odd_file_name(notebook: NotebookNode) -> Any:
    def write(path: Path) -> None:
        path.write_text(writes(notebook))
        for name in (b"\xff\x1b[31m<script>.py", b"=cmd.txt", b"nnlib.py"):
            (path.parent / os.fsdecode(name)).write_text("xor = None")

    return write


def links(notebook: NotebookNode) -> None:
    notebook.cells[-1].source = (
        "[a](javascript:alert(1)) [b](java&#115;cript:alert(1)) [c]\n\n[c]: javascript:alert(1)\n\n"
        "$\\href{javascript:alert(1)}{x}$ <a href='javascript:alert(1)'>d</a>" + "<b>" * 30_000
    )


def fifo(_: NotebookNode) -> Any:
    return os.mkfifo


def link(target: str) -> Any:
    return lambda _: lambda path: path.symlink_to(target)


def html_names(notebook: NotebookNode) -> None:
    notebook.cells[4].source = "def shares(z):\n    raise type('<img src=x onerror=alert(1)>', (Exception,), {})()"
    html = {"text/html": "<script>alert(2)</script>", "text/plain": "x"}
    notebook.cells[1].outputs = [v4.new_output("display_data", html)]


BOMB_SHARES = "def shares(z):\n    {}\n    return z"
FORGE = """
import os, json, gc, threading, sys, time
def say(**reply):
    for fd in range(3, 20):
        try:
            os.write(fd, json.dumps(reply).encode() + b"\\n")
        except OSError:
            pass
"""
FORGED = (
    FORGE
    + """
for forged in (True, 1, "2", {"score": 99}, [], [True],
               [{"shape": [], "data": [1e999]}], [{"shape": [[]], "data": [{}]}],
               [{"shape": [5], "data": ["0.2"] * 5}], [{"shape": [5], "data": [True] * 5}], [{"error": {}}]):
    say(at="answer", exercise="shares", case=0, values=forged)
    say(at="answer", exercise="shares", case=1, values=forged, score=99, points=99)
say(at="answer", exercise={"a": 1}, case={}, values=1)
say(at={}, cell={}, exercise=[], case=[])
for cell in (-1, 999, 10**30, True):
    say(at="ran", cell=cell, error="ValueError")
say(at="cell", cell={})
say(at="answer", exercise="shares", case=10**20, values=1)
for fd in range(3, 20):
    try:
        os.write(fd, b"[" * 200000 + b"\\n" + b"\\xff\\xfe\\n" + b"9" * 5000 + b"\\nNaN\\n")
    except OSError:
        pass
say(at="end")
"""
)
LOOK = """
import os, glob
found = []
for folder in ("/", "/root", "/home", "/etc", "/tmp", "/mnt", "/srv", "/opt", "/var", "/proc/1/root", "/proc/1/cwd"):
    for path, folders, files in os.walk(folder):
        skip = ("proc", "sys", "site-packages") if "/proc/1" not in path else ("proc", "sys", "site-packages", "task")
        folders[:] = [f for f in folders if f not in skip]
        signs = ".ipynb", "gradebook", "hidden", "shadow", "results", "id_rsa"
        found += [os.path.join(path, f) for f in files if any(sign in f for sign in signs)]
found = [f for f in found if "/lib/python" not in f and "/lib/x86_64" not in f]
environment = dict(os.environ)
for pid in (1, os.getpid(), os.getppid()):
    try:
        text = open(f"/proc/{pid}/environ").read()
    except OSError:
        continue
    if "SECRET_OF_THE_GRADER" in text:
        found.append("environment")
if found:
    shares = backward = None  # whoever finds something gives itself away by losing all points
"""
SOCKET = """
import socket
open_sockets = []
for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM),
                     (socket.AF_UNIX, socket.SOCK_STREAM)):
    try:
        open_sockets.append(socket.socket(family, kind))
    except OSError:
        pass
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv({python!r}, ["left-behind-daemon", "-c", "import time; time.sleep(600)"])
    os._exit(0)
"""
PATCHED = """
import json, math
np.isclose = np.allclose = lambda *args, **kwargs: True
np.asarray = lambda value, *args, **kwargs: value
np.testing.assert_allclose = lambda *args, **kwargs: None
json.dumps = json.loads = lambda *args, **kwargs: "{}"
math.isfinite = lambda x: True
"""
EQUAL = """class Equal(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __array__(self, *args, **kwargs): return np.array("equal", dtype=object)
def shares(z): return Equal()"""
SUBCLASS = """class Sly(np.ndarray):
    def __sub__(self, other): return np.zeros(5)
    def __eq__(self, other): return np.ones(5, bool)
    def __array_ufunc__(self, *args, **kwargs): return np.zeros(5)
def shares(z): return np.ones(5).view(Sly)"""
SWALLOW = """
def swallow(lines):
    return ["try:\\n"] + ["    " + line for line in lines] + ["\\nexcept BaseException: pass\\n"]
get_ipython().input_transformers_post.append(swallow)
get_ipython().set_custom_exc((BaseException,), lambda *args, **kwargs: None)
"""
GRADEBOOK = """
import sqlite3, glob
for path in ("gradebook.db", "../gradebook.db", "../../gradebook.db", "/tmp/gradebook.db"):
    try:
        sqlite3.connect(path).execute("update grade set auto_score = 99")
    except sqlite3.Error:
        pass
"""
SHADOW = "open('nnlib.py', 'w').write('xor = 1')\nopen('json.py', 'w').write('')\nopen('numpy.py', 'w').write('')"
PLAIN = {
    "right": Submission(reason="right"),
    "float32": Submission(
        "def shares(z):\n    z = z.astype('float32')\n    e = np.exp(z - z.max())\n    return e / e.sum()",
        "def backward(x, W, dy):\n    x, d = map(np.float32, (x, dy))\n    return x.T @ d, d.sum(0, keepdims=True)",
        reason="right",
    ),
    "a-list": Submission(RIGHT.replace("e / e.sum()", "list(e / e.sum())"), reason="right"),
    "wrong": Submission(WRONG, "def backward(x, W, dy): return x, dy", points=(0, 0), reason="values differ"),
    "wrong-shape": Submission(
        NAIVE.replace("np.exp(z) /", "np.exp(z)[:, None] /"), points=(0, 3), reason="the shape (5,)"
    ),
    "visible-only": Submission("def shares(z): return np.array([0.5, 0.5])", points=(0, 3), reason="got (2,)"),
    "naive": Submission(NAIVE, points=(1, 3), reason="NaN or infinity"),
    "blank": Submission(
        "def shares(z):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
        "def backward(x, W, dy):\n    raise NotImplementedError()",
        points=(0, 0),
        reason="is not written yet",
    ),
    "none": Submission("def shares(z): z + 1", points=(0, 3), reason="returned None"),
    "exception": Submission("def shares(z): return z / [1]['x']", points=(0, 3), reason="raised TypeError"),
    "exception-in-cell": Submission(RIGHT + "\n1 / 0", reason="raised ZeroDivisionError"),
    "syntax-error": Submission("def shares(z) return z", points=(0, 3), reason="raised SyntaxError"),
    "uses-a-later-name": Submission(
        "def shares(z):\n    return helper(z)",
        between="def helper(z):\n    e = np.exp(z - z.max())\n    return e / e.sum()",
    ),
    "magics": Submission(
        before="%matplotlib inline\n!ls\n%timeit 1\n%%bash\nls", between="await __import__('asyncio').sleep(0)"
    ),
    "changes-its-input": Submission(
        "def shares(z):\n    z -= z.max()\n    np.exp(z, out=z)\n    z /= z.sum()\n    return z"
    ),
}
ATTACKS = {
    "loop-in-cell": Submission(before="while True: pass", reason="did not end in time"),
    "loop-in-function": Submission(BOMB_SHARES.format("while True: pass"), points=(0, 3), reason="did not end in time"),
    "loop-catching": Submission(
        before="while True:\n    try:\n        while True: pass\n    except BaseException: break",
        reason="",
    ),
    "loop-ignoring-signals": Submission(
        before="import signal as s\nfor n in set(s.Signals) - {9, 19}: s.signal(n, s.SIG_IGN)\nwhile True: pass",
        reason="did not end in time",
    ),
    "input": Submission(before="x = input('? ')", reason="raised"),
    "sys-exit": Submission(before="import sys\nsys.exit(0)", reason="raised SystemExit"),
    "sys-exit-in-function": Submission(
        BOMB_SHARES.format("raise SystemExit"), points=(0, 3), reason="raised SystemExit"
    ),
    "os-exit": Submission(before="import os\nos._exit(0)", reason="ended the program"),
    "os-exit-in-function": Submission(
        BOMB_SHARES.format("__import__('os')._exit(0)"), points=(0, 3), reason="ended the program"
    ),
    "os-exit-in-answer": Submission(RIGHT + "\n__import__('os')._exit(0)", points=(0, 3), reason="ended the program"),
    "segfault": Submission(before="import ctypes\nctypes.string_at(0)", reason="ended the program"),
    "kill-everything": Submission(before="import os, signal\nos.kill(-1, signal.SIGKILL)", reason=""),
    "ends-too-often": Submission(notebook=many_exits, points=(0, 0), reason="ended too often"),
    "sixty-megabytes": Submission(before="for _ in range(60): print('x' * 2**20)\nprint('\\n' * 10**6)"),
    "flood-of-replies": Submission(
        before=FORGE + "while True: say(at='cell', cell=3, text='x' * 10**6)", reason="too much"
    ),
    "too-many-numbers": Submission("def shares(z): return np.zeros(9_000_000)", points=(0, 3), reason="far too many"),
    "memory-bomb": Submission(before="x = []\nwhile True: x.append(np.ones(2**24))", reason=""),
    "memory-bombs": Submission(
        before="import os, time\nfor _ in range(6):\n    if os.fork() == 0: break\nx = np.ones(2**26)\ntime.sleep(60)",
        reason="",
    ),
    "hidden-memory": Submission(
        before="import os\nfor i in range(100):\n    fd = os.memfd_create('x')\n    os.write(fd, b'x' * 2**24)",
        reason="raised PermissionError",
    ),
    "fork-bomb": Submission(before="import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", reason=""),
    "threads": Submission(
        before="import threading as t, time\nfor _ in range(5000): t.Thread(target=time.sleep, args=(60,)).start()",
        reason="raised RuntimeError",
    ),
    "huge-files": Submission(
        before="for name in ('/tmp/x', '/dev/shm/x', '/x', '/dev/x', '/usr/lib/x'):\n    for i in range(50):\n"
        "        try:\n            open(name + str(i), 'wb').write(b'x' * 2**23)\n        except OSError: pass",
    ),
    "patched-numpy-and-json": Submission(WRONG, before=PATCHED, points=(0, 3), reason="values differ"),
    "equal-to-everything": Submission(EQUAL, points=(0, 3), reason="expected the shape"),
    "ndarray-subclass": Submission(SUBCLASS, points=(0, 3), reason="values differ"),
    "swallowed-assertions": Submission(WRONG, before=SWALLOW, points=(0, 3), reason="values differ"),
    "forged-replies": Submission(WRONG, before=FORGED, points=(0, 3), reason="no answer"),
    "forged-later": Submission(
        WRONG,
        between=FORGE + "threading.Thread(target=lambda: [say(at='answer', exercise='shares', case=0, values=[]) or "
        "time.sleep(0.01) for _ in range(200)], daemon=True).start()",
        points=(0, 3),
        reason="differ",
    ),
    "nan": Submission("def shares(z): return z * np.nan", points=(0, 3), reason="NaN or infinity"),
    "shadow-modules": Submission(before=SHADOW),
    "looks-around": Submission(
        between=LOOK, both=RIGHT_BOTH.replace("def", "if not found:\n  def").replace("\n    ", "\n      ")
    ),
    "socket": Submission(between=SOCKET, both="if not open_sockets:\n  " + RIGHT_BOTH.replace("\n", "\n  ")),
    "writes-the-gradebook": Submission(WRONG, before=GRADEBOOK, points=(0, 3), reason="values differ"),
    "daemon": Submission(before=DAEMON),
    "source-too-deep": Submission(before="not " * 100_000 + "1", reason="raised"),
    "source-too-wide": Submission(before="import a" + ".a" * 200_000, reason=""),
}
FILES = {
    "html-in-names": Submission(notebook=html_names, points=(0, 3), reason="an error of its own"),
    "check-deleted": Submission(notebook=drop("shares-check"), reason="check cell shares-check"),
    "answer-deleted": Submission(notebook=drop("shares-answer"), points=(0, 3), reason="answer cell shares"),
    "setup-deleted": Submission(notebook=drop("setup"), reason="put back"),
    "check-tampered": Submission(
        WRONG, notebook=change_cell("shares-check", source="pass"), points=(0, 3), reason="changed"
    ),
    "points-tampered": Submission(
        WRONG, notebook=change_cell("shares-check", grading={"points": 300, "locked": False}), points=(0, 3)
    ),
    "duplicated": Submission(notebook=duplicated, reason="2 times"),
    "metadata-stripped": Submission(notebook=metadata_gone, reason="metadata"),
    "renamed": Submission(file=f"{CHAPTER} (1).ipynb", reason="renamed"),
    "missing": Submission(notebook=lambda _: False, points=None, status="missing", reason="no notebook"),
    "empty": Submission(notebook=hostile_json(""), points=None, status="unreadable", reason="empty"),
    "corrupt": Submission(
        notebook=hostile_json('{"cells": [{"cell_type": "co'), points=None, status="unreadable", reason="JSON"
    ),
    "deeply-nested": Submission(notebook=hostile_json("[" * 100_000), points=None, status="unreadable", reason="JSON"),
    "a-list-of-cells": Submission(
        notebook=hostile_json("[1, 2]"), points=None, status="unreadable", reason="not a notebook"
    ),
    "odd-cells": Submission(
        notebook=hostile_json(json.dumps({"cells": [1, {"cell_type": {}}, {"cell_type": "code", "source": {"a": 1}}]})),
        points=None,
        status="unreadable",
        reason="not a notebook",
    ),
    "older-release": Submission(notebook=older, reason="made from release 'v0'"),
    "answer-as-text": Submission(notebook=change_cell("shares-answer", cell_type="markdown"), reason="as it was again"),
    "another-chapter": Submission(notebook=another_chapter, points=None, status="wrong chapter", reason=OTHER),
    "odd-file-name": Submission(notebook=odd_file_name, reason="is not a notebook and was left aside"),
    "links": Submission(notebook=links),
    "fifo": Submission(notebook=fifo, points=None, status="unreadable", reason="not a regular file"),
    "link": Submission(notebook=link("/etc/passwd"), points=None, status="unreadable", reason="not a regular file"),
}
SUBMISSIONS = PLAIN | ATTACKS | FILES
