"""The program inside the box. It shares its process with a student's code, so nothing that it says is believed.

It reads a job from standard input, runs the cells of a notebook in order, calls the functions that the exercises ask
for, and writes what they return as lines of JSON. It knows no expected value, no tolerance and no points.
"""

import json
import os
import resource
import signal
import site
import symtable
import sys
from collections.abc import Callable
from json import dumps
from typing import Any


class TimeUp(BaseException):
    """A cell or a call took too long. Not an Exception, which a student's code may catch."""


def main() -> None:
    """Answer one job."""
    for folder in sys.argv[1:]:
        site.addsitedir(folder)
    job = json.load(sys.stdin)
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    limit(job["limits"])
    from IPython.core.interactiveshell import InteractiveShell
    from numpy import asarray, float64, isfinite
    from traitlets.config import Config

    class Shell(InteractiveShell):
        """IPython without what only a notebook's page can do, and without the time that a traceback takes."""

        def enable_gui(self, gui: Any = None) -> None:
            pass

        def run_line_magic(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().run_line_magic(*args, **kwargs)
            except Exception:
                return None

        def showtraceback(self, *args: Any, **kwargs: Any) -> None:
            pass

        showsyntaxerror = showtraceback

    def say(**reply: Any) -> None:
        replies.write(dumps(reply).encode() + b"\n")

    def numbers(value: Any) -> dict[str, Any]:
        """Say an array's shape and its numbers, or in one word why it can't be said."""
        if value is None:
            return {"error": "ReturnedNone"}
        array = asarray(value)
        if array.dtype.kind not in "fiu":
            return {"error": "NotNumbers"}
        if array.size > job["limits"]["numbers"]:
            return {"error": "TooMany"}
        array = array.astype(float64)
        if not isfinite(array).all():
            return {"error": "NotFinite"}
        return {"shape": list(array.shape), "data": array.ravel().tolist()}

    shell: Any = Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    say(at="ready")
    for number, source in needed(job, say):
        say(at="cell", cell=number)
        try:
            with Alarm(job["limits"]["cell_seconds"]):
                result = shell.run_cell(source, store_history=False)
                error = result.error_before_exec or result.error_in_exec
        except BaseException as escaped:
            error = escaped
        say(at="ran", cell=number, error=type(error).__name__ if error is not None else None)
    for exercise in job["exercises"]:
        for case, inputs in enumerate(exercise["inputs"]):
            about = {"exercise": exercise["name"], "case": case}
            say(at="call", **about)
            try:
                with Alarm(job["limits"]["call_seconds"]):
                    arrays = [asarray(each["data"], dtype=float64).reshape(each["shape"]) for each in inputs]
                    exec(exercise["probe"], shell.user_ns)
                    returned = shell.user_ns["probe"](*arrays)
                    values = [numbers(v) for v in (returned if type(returned) is tuple else (returned,))]
                say(at="answer", **about, values=values)
            except BaseException as error:
                say(at="answer", **about, error=type(error).__name__)
    say(at="end")
    os._exit(0)


def needed(job: dict[str, Any], say: Callable[..., None]) -> list[tuple[int, str]]:
    """Choose the cells to run, for most of a chapter has nothing to do with its exercises.

    Every cell of the student's, and of the chapter's own those that make or touch what the student's use.
    """
    names, used = {}, set().union(*(Names(exercise["probe"]).used for exercise in job["exercises"]))
    for number, source, optional in job["cells"]:
        say(at="cell", cell=number)  # even to read one may end the program
        names[number] = Names(source)
        used |= set() if optional else names[number].used
    variables = set().union(*(names[number].assigned for number, _, optional in job["cells"] if optional))
    while True:
        wanted = {k for k, n in names.items() if n.defined & used or (n.assigned | n.used) & used & variables}
        more = used.union(*(names[number].used for number in wanted))
        if more == used:
            return [(number, source) for number, source, optional in job["cells"] if not optional or number in wanted]
        used = more


class Names:
    """The global names that a cell defines or imports, assigns, and uses. A cell that can't be read has none."""

    def __init__(self, source: str) -> None:
        self.defined: set[str] = set()
        self.assigned: set[str] = set()
        self.used: set[str] = set()
        code = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
        try:
            tables = [symtable.symtable(code, "cell", "exec")]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        for symbol in tables[0].get_symbols():
            kind = self.defined if symbol.is_imported() or symbol.is_namespace() else self.assigned
            if symbol.is_assigned() or symbol.is_imported():
                kind.add(symbol.get_name())
        while tables:
            table = tables.pop()
            tables += table.get_children()
            at_top = table.get_type() == "module"
            self.used |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (at_top or s.is_global())}


class Alarm:
    """Raise `TimeUp` after some seconds of computing, or thrice as many by the clock, on a computer that may be busy.

    It rings again every half second, for code that catches it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        signal.signal(signal.SIGPROF, self.ring)
        signal.signal(signal.SIGALRM, self.ring)
        signal.setitimer(signal.ITIMER_PROF, self.seconds, 0.5)
        signal.setitimer(signal.ITIMER_REAL, 3 * self.seconds, 0.5)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def ring(self, *_: object) -> None:
        """End the cell or the call."""
        raise TimeUp


def limit(limits: dict[str, int]) -> None:
    """Set limits that no process in the box can raise again."""
    for what, most in {
        resource.RLIMIT_AS: limits["address_space"],
        resource.RLIMIT_NPROC: limits["processes"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_CPU: limits["seconds"],
        resource.RLIMIT_CORE: 0,
    }.items():
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
