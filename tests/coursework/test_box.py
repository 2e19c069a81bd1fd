"""What is in the box, who runs in it, and when it refuses."""

import contextlib
import json
import os
import shutil
import threading
import time

import psutil
import pytest
from fixture import CHAPTER, HIDDEN

from coursework import box
from coursework.judge import ask

pytest_plugins = ["course"]

ASK = {"name": "x", "inputs": [[]], "probe": ""}


def answer(code, limits=None):
    """Run code in the box, and return the numbers that it leaves in `found`."""
    probe = f"def probe():\n  found = []\n  exec({code!r}, dict(found=found))\n  return tuple(found)"
    outcome = box.run({"cells": [], "exercises": [ASK | {"probe": probe}]}, limits or box.Limits())
    return [value["data"] for value in json.loads(outcome.replies[-2])["values"]]


def words(code):
    """Run code in the box, and return the text that it leaves in `found`, which leaves the box as numbers."""
    packed = code + "\nfound[:] = [list('\\n'.join(map(str, found)).encode())]"
    return bytes(map(int, answer(packed)[0])).decode().splitlines()


def test_the_box_can_be_used():
    """Fail, and say why, where the other tests are skipped."""
    box.try_out()


@pytest.mark.usefixtures("usable")
def test_nothing_but_python_is_in_the_box():
    assert set(words("import os\nfound[:] = os.listdir('/')")) <= {
        "usr", "lib", "lib64", "bin", "proc", "dev", "tmp", "inside.py",
        *(folder.split("/")[1] for folder in (*box.packages(), box.python(), str(box.Path(box.nnlib.__file__)))),
    }  # fmt: skip
    repository = str(box.INSIDE.parent.parent)
    assert words(f"import os\nfound[:] = os.listdir({repository!r})") in (
        ["nnlib"],
        ["nnlib", ".venv"],
        [".venv", "nnlib"],
    )
    assert words("import os\nfound[:] = os.listdir('/usr')") in (["lib64", "lib"], ["lib", "lib64"], ["lib"])
    assert (
        words("import os\nfound[:] = [os.path.exists(p) for p in ('/etc', '/home', '/var', '/usr/bin')]")
        == ["False"] * 4
    )


@pytest.mark.usefixtures("usable")
def test_the_environment_is_empty(monkeypatch):
    monkeypatch.setenv("TOKEN", "a secret of the grader")
    found = words(
        "import os\nfound[:] = list(os.environ.items())\n"
        "found += [open(f'/proc/{p}/environ').read() for p in os.listdir('/proc') if p.isdigit()]"
    )
    assert not any("secret" in word or "TOKEN" in word for word in found)


@pytest.mark.usefixtures("usable")
def test_nobody_in_the_box_is_root_outside():
    job = {"cells": [[0, "import time\ntime.sleep(3)"]], "exercises": []}
    thread = threading.Thread(target=box.run, args=(job, box.Limits()))
    thread.start()
    seen = set()
    while thread.is_alive():
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "/inside.py" in (words := process.cmdline()) and words[0] == box.python():
                    seen.add(process.uids().real)
        time.sleep(0.1)
    assert seen == {int(box.USER) if os.getuid() == 0 else os.getuid()}


@pytest.mark.usefixtures("usable")
def test_nothing_is_writable_but_a_small_folder():
    code = (
        "import os\n"
        "for folder in ('/', '/usr', '/dev', '/tmp', '/dev/shm', os.path.dirname(os.__file__)):\n"
        "    try:\n        open(folder + '/x', 'w').close()\n        found.append(folder)\n"
        "    except OSError: pass"
    )
    assert set(words(code)) == {"/tmp", "/dev/shm"}


@pytest.mark.usefixtures("usable")
def test_no_new_namespaces_no_sockets_no_hidden_memory():
    code = (
        "import os, socket, ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "def connect(): socket.create_connection(('127.0.0.1', 80))\n"
        "for call in (socket.socket, connect, lambda: os.memfd_create('x')):\n"
        "    try:\n        call()\n        found.append('went through')\n    except OSError: pass\n"
        "if libc.unshare(0x10000000) == 0 or libc.shmget(0, 4096, 0o1666) >= 0: found.append('went through')\n"
        "found.append('done')"
    )
    assert words(code) == ["done"]


@pytest.mark.usefixtures("usable")
def test_limits_can_not_be_raised():
    code = (
        "import resource\n"
        "for what in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):\n"
        "    try:\n        resource.setrlimit(what, (resource.RLIM_INFINITY,) * 2)\n        found.append(what)\n"
        "    except (ValueError, OSError): pass\nfound.append('done')"
    )
    assert words(code) == ["done"]


@pytest.mark.usefixtures("usable")
def test_memory_is_that_of_all_processes_together():
    """The first limit to be met, however slow the computer is: none of these processes takes too much alone."""
    fork = "import os, time\nfor _ in range(4):\n    if os.fork() == 0: break\nx = b'x' * 10**8\ntime.sleep(100)"
    limits = box.Limits(seconds=60, cell_seconds=60, memory=450_000_000)
    outcome = box.run({"cells": [[0, fork, False]], "exercises": []}, limits)
    assert outcome.ended == "memory"


def test_no_expected_value_enters_the_box(tmp_path, monkeypatch):
    from coursework import hidden

    (tmp_path / "hidden.py").write_text(HIDDEN)
    tests = hidden.load(tmp_path / "hidden.py")
    jobs = []
    monkeypatch.setattr(
        box, "run", lambda job, *_, **__: jobs.append(job) or box.Outcome([b'{"at": "ready"}'], "finished")
    )
    exercises = tests.of_chapter(CHAPTER)
    ask([], exercises, {e.name: tests.cases(e, "somebody") for e in exercises}, box.Limits(), False)
    assert set(jobs[0]) == {"cells", "exercises"}
    assert {key for exercise in jobs[0]["exercises"] for key in exercise} == {"name", "probe", "inputs"}
    assert tests.secret not in str(jobs[0])


def test_without_bubblewrap_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(box.BoxError, match="apt-get install bubblewrap"):
        box.try_out()


def test_where_bubblewrap_is_not_allowed_it_says_so(monkeypatch):
    monkeypatch.setattr(box, "boxed", lambda *_: ["/bin/sh", "-c", "echo bwrap: No permissions >&2; exit 1"])
    with pytest.raises(box.BoxError, match=r"(?s)No permissions.*user namespaces"):
        box.try_out()


def test_root_never_goes_without_the_box(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    with pytest.raises(box.BoxError, match="as root"):
        box.open_air()
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert str(box.INSIDE) in box.open_air()
