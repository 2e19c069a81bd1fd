"""The box: a bubblewrap sandbox for one submission, and what ends it when it goes too far."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import psutil

import nnlib

INSIDE = Path(__file__).with_name("inside.py")
DATA = sorted(Path(__file__).parents[1].glob("chapters/*.json"))  # what chapters read beside them
USER = "64001"  # whom root becomes before anything of a student's runs: nobody owns a file or a process by this number


class BoxError(Exception):
    """The box can't be used on this computer."""


@dataclass(frozen=True)
class Limits:
    """What one run of one submission may take."""

    seconds: int = 30
    cell_seconds: float = 5.0  # of computing
    call_seconds: float = 3.0
    memory: int = 2 << 30  # of all processes together
    address_space: int = 6 << 30  # of one process; PyTorch reserves far more than it uses
    processes: int = 64  # threads count
    open_files: int = 128
    file_bytes: int = 32 << 20
    disk_bytes: int = 64 << 20
    reply_bytes: int = 4 << 20
    numbers: int = 100_000


@dataclass(frozen=True)
class Outcome:
    """What came out of the box, and how it ended: finished, died, or beyond a limit on time, memory or output."""

    replies: list[bytes]
    ended: str


def run(job: dict[str, Any], limits: Limits, *, unsafe: bool = False) -> Outcome:
    """Run a job in the box, or with ``unsafe`` without one, and return what it replied."""
    with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as rules:
        request.write(json.dumps({**job, "limits": asdict(limits)}).encode())
        request.seek(0)
        if unsafe:
            command = open_air()
        else:
            rules.write(forbidden_calls())
            rules.seek(0)
            command = boxed(limits, rules)
        process = subprocess.Popen(
            command,
            stdin=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # bubblewrap's own environment, too, can be read inside, from /proc/1/environ.
            env={"PATH": "/usr/bin:/bin"},
            pass_fds=[rules.fileno()],
            start_new_session=True,
        )
        assert process.stdout
        try:
            return watch(process, process.stdout, limits)
        finally:
            end(process)
            process.stdout.close()


def watch(process: subprocess.Popen[bytes], replies: BinaryIO, limits: Limits) -> Outcome:
    """Collect replies until the box ends by itself or has to be ended."""
    os.set_blocking(replies.fileno(), False)
    deadline = time.monotonic() + limits.seconds
    received, ended, look = b"", "died", 0.0
    while True:
        running = process.poll() is None  # asked first: what was written before the end is still read
        part = replies.read(1 << 20) or b""
        received += part
        if len(received) > limits.reply_bytes:
            received, ended = received[: limits.reply_bytes], "output"
            break
        if not running and not part:
            break
        if (now := time.monotonic()) > deadline:
            ended = "time"
            break
        if now > look and memory_of(process) > limits.memory:
            ended = "memory"
            break
        look = now + 0.1 if now > look else look
        if not part:
            time.sleep(0.02)
    lines = received.split(b"\n")[:-1]
    if ended == "died" and lines and lines[-1] == b'{"at": "end"}':
        ended = "finished"
    return Outcome(lines, ended)


def memory_of(process: subprocess.Popen[bytes]) -> int:
    """Return the memory of all processes in the box, in bytes; shared pages count more than once."""
    total = 0
    for each in family(process):
        try:
            total += each.memory_info().rss
        except psutil.Error:
            continue
    return total


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the process and all that descend from it."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def end(process: subprocess.Popen[bytes]) -> None:
    """End the box with everything in it: when the first process of its namespace goes, the kernel ends the others."""
    for each in family(process):
        try:
            each.kill()
        except psutil.Error:
            continue
    process.wait()


def boxed(limits: Limits, rules: BinaryIO) -> list[str]:
    """Return the command that runs `inside` in a sandbox: no network, no environment, and no files but Python's."""
    inner = [
        "bwrap",
        "--unshare-all --unshare-user --disable-userns --die-with-parent --new-session --cap-drop ALL --hostname box",
        f"--proc /proc --dev /dev --size {limits.disk_bytes} --perms 1777 --tmpfs /tmp --size 1048576 --tmpfs /dev/shm",
    ]
    command = [*" ".join(inner).split(), *mounts(), "--ro-bind", str(INSIDE), "/inside.py"]
    if (fonts := font_list()).is_file():  # otherwise Matplotlib looks for fonts in every box, for seconds
        command += ["--ro-bind", str(fonts), f"/tmp/matplotlib/{fonts.name}"]
    for path in DATA:
        command += ["--ro-bind", str(path), f"/tmp/{path.name}"]
    settings = {"HOME": "/tmp", "MPLCONFIGDIR": "/tmp/matplotlib", "IPYTHONDIR": "/tmp", "MPLBACKEND": "agg"}
    settings |= {"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    settings |= {"LD_LIBRARY_PATH": str(Path(sys.base_prefix, "lib"))}
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--clearenv"]
    command += [word for name, value in settings.items() for word in ("--setenv", name, value)]
    command += ["--seccomp", str(rules.fileno()), "--", python(), "-I", "-S", "/inside.py", *packages()]
    return [*dropping_root(), *command] if os.getuid() == 0 else command


def dropping_root() -> list[str]:
    """Return what root has to put before the command: an outer box, from which on it is nobody.

    The files are shown at the same places as inside, so that the inner box finds them although Python may lie in a
    folder that is root's alone.
    """
    files = [*mounts(), *(word for path in (INSIDE, font_list(), *DATA) for word in show(path))]
    outer = ["bwrap", "--die-with-parent", "--bind", "/proc", "/proc", "--dev", "/dev", "--ro-bind", "/usr", "/usr"]
    outer += ["--dir", "/tmp"]  # where the inner bubblewrap builds its own root
    drop = f"setpriv --reuid={USER} --regid={USER} --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all"
    return [*outer, *files, "--", *drop.split(), "--pdeathsig", "keep"]


@cache
def mounts() -> list[str]:
    """Return the options that show Python, the installed packages and nnlib, and nothing else, read-only."""
    words = ["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin"]
    shown = {"/usr/lib64", f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}"}  # the system's shared libraries
    shown |= {python(), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    shown |= {str(path) for path in Path(sys.base_prefix, "lib").glob("libpython*")}
    shown |= {*packages(), str(Path(nnlib.__file__).parent)}
    for path in sorted(shown):
        words += show(Path(path))
    return words


def show(path: Path) -> list[str]:
    """Return the options that show a file or folder at its own place, below folders that anybody may enter."""
    parents = [word for folder in [*path.parents][-2::-1] for word in ("--perms", "0755", "--dir", str(folder))]
    return [*parents, "--ro-bind-try", str(path), str(path)]


@cache
def packages() -> tuple[str, ...]:
    """Return the folders of the installed packages."""
    return tuple(dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib")))


@cache
def python() -> str:
    """Return the path of Python itself, not of a link to it."""
    return str(Path(sys.executable).resolve())


@cache
def font_list() -> Path:
    """Return the file in which Matplotlib remembers the fonts it has found, and have it made."""
    import matplotlib
    from matplotlib import font_manager

    return Path(matplotlib.get_cachedir(), f"fontlist-v{font_manager.FontManager.__version__}.json")


@cache
def forbidden_calls() -> bytes:
    """Return the filter of system calls: none that opens a socket, escapes the count of memory, or is seldom needed."""
    import errno

    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    names = "socket memfd_create memfd_secret shmget semget msgget mq_open add_key request_key keyctl ptrace bpf"
    names += " process_vm_readv process_vm_writev perf_event_open userfaultfd io_uring_setup mount umount2 setns"
    names += " unshare kexec_load init_module finit_module open_by_handle_at pidfd_getfd"
    for name in names.split():
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def open_air() -> list[str]:
    """Return the command that runs `inside` without a box, which only an explicit wish may ask for."""
    if os.getuid() == 0:
        raise BoxError("without the box nothing of a student's is run as root: log in as an ordinary user")
    return [python(), "-I", "-S", str(INSIDE), *packages()]


def try_out() -> None:
    """Raise `BoxError`, with what to do about it, if the box can't be used here."""
    if sys.platform != "linux":
        raise BoxError("submissions are run with bubblewrap, which exists on Linux only")
    if shutil.which("bwrap", path="/usr/bin:/bin") is None:
        raise BoxError("bubblewrap is missing: apt-get install bubblewrap")
    try:
        forbidden_calls()
    except (ImportError, RuntimeError) as error:
        raise BoxError(f"{error}: pip install pyseccomp, apt-get install libseccomp2") from None
    if run({"cells": [], "exercises": []}, Limits()).ended == "finished":
        return
    with tempfile.TemporaryFile() as rules:
        rules.write(forbidden_calls())
        rules.seek(0)
        done = subprocess.run(
            boxed(Limits(), rules),
            input=json.dumps({"cells": [], "exercises": [], "limits": asdict(Limits())}),
            env={"PATH": "/usr/bin:/bin"},
            pass_fds=[rules.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
    reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise BoxError(
        f"the box does not start: {reason}\nbubblewrap 0.8 or newer has to be allowed to make user namespaces. Ubuntu "
        "24.04 needs: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0. So may a container."
    )
