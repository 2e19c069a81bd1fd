"""Change nnlib in one place at a time, and see whether the tests notice.

    python tests/mutation/mutate.py [module ...]

The changes are those of Cosmic Ray: another operator, comparison or number, a condition negated, a loop that never
runs, and more. No change in an annotation counts, and none that leaves no Python or the same program; arithmetic is not
turned into operations on bits, which fail on floats in any test. Strings are not changed.
Each mutant is written into a copy of the library and tested in a process of its own, forked from one that has
imported NumPy, SciPy and pytest already, since this takes longer than most tests. It needs Linux or macOS.

What no test notices is to be found in `survivors.toml`, with the reason. A survivor that is missing there, a reason
that fits no survivor any more, and less than 95 % killed are failures.
"""

import argparse
import ast
import collections
import contextlib
import gc
import multiprocessing
import multiprocessing.connection
import os
import shutil
import sys
import tempfile
import time
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).with_name("survivors.toml")
LEAST_KILLED = 0.95
MEMORY = 4 * 2**30  # bytes, for one mutant
PATIENCE = 6  # a mutant may take so many times as long as the library itself

# The tests of a module first, then the others. Those that look for counterexamples, or need PyTorch, the site or a
# notebook, take too long: what only they notice is a fact that deserves a small test of its own. After a colon stand
# the words by which pytest chooses some of a file.
TESTS = ["doors", "gradients", "training", "activations", "neuron", "saving", "stack", "published"]
FIRST = {
    "_doors": ["doors"],
    "activations": ["activations"],
    "datasets": ["training"],
    "gradcheck": ["gradients:check or numerical"],
    "initializers": ["training"],
    "layers": ["gradients"],
    "losses": ["gradients"],
    "network": ["doors", "saving"],
    "neuron": ["neuron", "doors"],
    "optimizers": ["training", "doors"],
    "training": ["training", "doors"],
}
# These take longest, and others notice the same.
NOT_RUN = [
    "test_published.py::test_mazur_ten_thousand_rounds",
    "test_neuron.py::test_no_more_corrections_than_novikoff_allows",
    "test_stack.py::test_a_member_trains_exactly_as_if_alone",
    "test_stack.py::test_a_thousand_networks_of_four_hidden_neurons_learn_xor",
]
ON_BITS = ("RShift", "LShift", "BitOr", "BitAnd", "BitXor")
KILLED = 10  # an exit code: from here on it says which of the tests failed


@dataclass(frozen=True)
class Mutant:
    module: str
    code: str
    place: str  # the function, with its class and module
    line: str  # what stood there
    becomes: str  # what stands there now

    @property
    def key(self):
        return self.place, self.line, self.becomes


class _WithoutAnnotations(ast.NodeTransformer):
    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def program(code):
    """Return what ``code`` says without its annotations and its layout, or None if it is no Python."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(code, "mutant", "exec")
        return ast.dump(_WithoutAnnotations().visit(ast.parse(code)))
    except SyntaxError:
        return None


def changed(old, new):
    """Return the number of the first line that differs, what stood there and what stands there now."""
    old, new = old.splitlines(), new.splitlines()
    first = next(i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
    number = next(i for i, line in enumerate(old[first:], first + 1) if line)
    same_end = 0
    while old[-1 - same_end] == new[-1 - same_end] and same_end < min(len(old), len(new)) - first:
        same_end += 1
    texts = (" ".join(" ".join(lines[first : len(lines) - same_end]).split()) for lines in (old, new))
    return number, *texts


def enclosing(tree, number, name):
    """Return the dotted name of the innermost class or function that holds line ``number``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min(decorator.lineno for decorator in [*node.decorator_list, node])
            if first <= number <= node.end_lineno:
                return enclosing(node, number, f"{name}.{node.name}")
    return name


def mutants_of(module, library):
    """Return every mutant of ``module`` in the folder ``library``, each only once."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source = (library / f"{module}.py").read_text()
    tree, seen, found = ast.parse(source), {program(source), None}, []
    nodes = list(ast_nodes(get_ast(source)))
    for name in operator_names():
        *_, old, new = f"_{name}".split("_")
        if get_operator(name).arguments() or (new in ON_BITS and old not in ON_BITS):
            continue
        operator = get_operator(name)()
        for occurrence in range(sum(1 for node in nodes for _ in operator.mutation_positions(node))):
            code = mutate_code(source, operator, occurrence)
            meaning = program(code)
            if meaning not in seen:
                seen.add(meaning)
                number, line, becomes = changed(source, code)
                found.append(Mutant(module, code, enclosing(tree, number, module), line, becomes))
    return found


def run_tests(folder, tests):
    """In a process of its own: exit with 0 if all ``tests`` pass, or with a code that says which did not."""
    import resource

    import pytest

    os.setpgrp()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-o", "addopts="]
    options += [f"--deselect=tests/{name}" for name in NOT_RUN]
    for i, test in enumerate(tests):
        name, _, chosen = test.partition(":")
        outcome = pytest.main([*options, f"tests/test_{name}.py", "-k", chosen])
        if outcome in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
            os._exit(1)
        if outcome != pytest.ExitCode.OK:
            os._exit(KILLED + i)
    os._exit(0 if sys.modules["nnlib"].__file__.startswith(str(folder)) else 1)


class Workshop:
    """Copies of the library and its tests, in which ``n`` mutants are tested side by side; `close` ends what runs."""

    def __init__(self, folder, n):
        self.fork = multiprocessing.get_context("fork")
        self.whole = folder / "whole"
        self.free = [folder / str(i) for i in range(n)]
        self.busy = {}
        self.whole.mkdir()
        shutil.copy(ROOT / "pyproject.toml", self.whole)
        for name in ("nnlib", "tests"):
            shutil.copytree(ROOT / name, self.whole / name, ignore=shutil.ignore_patterns("__pycache__", "mutation"))
        for copy in self.free:
            shutil.copytree(self.whole, copy)

    def start(self, mutant, tests):
        copy = self.free.pop()
        if mutant:
            (copy / "nnlib" / f"{mutant.module}.py").write_text(mutant.code)
        process = self.fork.Process(target=run_tests, args=(copy, tests))
        process.start()
        self.busy[process.sentinel] = process, copy, mutant, tests, time.monotonic()

    def finished(self, timeout):
        """Wait until something ends, and yield what ended as ``(mutant, the test that failed or None)``."""
        multiprocessing.connection.wait(list(self.busy), timeout=1)
        for sentinel, (process, copy, mutant, tests, start) in list(self.busy.items()):
            late = process.is_alive() and time.monotonic() - start > timeout
            if process.is_alive() and not late:
                continue
            if late:
                os.killpg(process.pid, 9)
            process.join()
            with contextlib.suppress(ProcessLookupError):  # whatever a mutant may have left running
                os.killpg(process.pid, 9)
            if process.exitcode == 1:
                raise SystemExit(f"the tests could not be run on {mutant}")
            del self.busy[sentinel]
            self.free.append(copy)
            if mutant:
                shutil.copy(self.whole / "nnlib" / f"{mutant.module}.py", copy / "nnlib")
            if late or process.exitcode < 0:
                yield mutant, "timeout" if late else "crash"
            else:
                yield mutant, tests[process.exitcode - KILLED] if process.exitcode else None

    def close(self):
        for process, *_ in self.busy.values():
            process.kill()


def order_for(module):
    return [*FIRST[module], *(test for test in TESTS if test not in FIRST[module])]


def outcomes(modules, n, show):
    """Return ``[(mutant, the test that failed or None), ...]`` for all mutants of ``modules``."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        contextlib.closing(Workshop(Path(folder).resolve(), n)) as workshop,
    ):
        sys.dont_write_bytecode = False
        start = time.monotonic()
        for _ in range(n):
            workshop.start(None, TESTS)
        while workshop.busy:
            for _, failed in workshop.finished(600):
                if failed:
                    raise SystemExit(f"the tests must pass on the library as it is, but did not: {failed}")
        timeout = max(60, PATIENCE * (time.monotonic() - start))
        sys.dont_write_bytecode = True  # the tests are compiled now; the library changes more often than a clock ticks
        for cache in Path(folder).glob("*/nnlib/__pycache__"):
            shutil.rmtree(cache)

        mutants = [mutant for module in modules for mutant in mutants_of(module, workshop.whole / "nnlib")]
        results, waiting = [], mutants[::-1]
        while waiting or workshop.busy:
            while waiting and workshop.free:
                mutant = waiting.pop()
                workshop.start(mutant, order_for(mutant.module))
            results += workshop.finished(timeout)
            show(f"\r{len(results)} of {len(mutants)} mutants, {sum(not failed for _, failed in results)} survived ")
        show("\n")
    return results


def reasons():
    """Return ``{key: reason}`` from the file of survivors."""
    found = {}
    for group in tomllib.loads(SURVIVORS.read_text())["reason"]:
        for survivor in group["survivor"]:
            for becomes in survivor["becomes"]:
                key = survivor["in"], survivor["line"], becomes
                if key in found:
                    raise SystemExit(f"{SURVIVORS.name} has two reasons for {key}")
                found[key] = group["why"]
    return found


def report(results, modules):
    """Print what came out, and return whether it is as it should be."""
    survivors = {mutant.key: mutant for mutant, failed in results if not failed}
    untouched = set(FIRST) - set(modules)
    known = [key for key in reasons() if key[0].partition(".")[0] not in untouched]
    missing = [mutant for key, mutant in survivors.items() if key not in known]
    stale = [key for key in known if key not in survivors]

    print(f"{'module':14}{'mutants':>8}{'killed':>8}{'survived':>9}{'late':>6}{'crash':>6}")
    for module in [*modules, "all"]:
        ends = [failed for mutant, failed in results if module in (mutant.module, "all")]
        counts = len(ends), len(ends) - ends.count(None), ends.count(None), ends.count("timeout"), ends.count("crash")
        print("{:14}{:8}{:8}{:9}{:6}{:6}".format(module, *counts))
    print("killed by", dict(collections.Counter(failed for _, failed in results if failed).most_common()))
    for mutant in missing:
        print("no reason in survivors.toml for:\n[[reason.survivor]]")
        for name, text in zip(("in", "line"), mutant.key, strict=False):
            print(f"{name} = '{text}'")
        print(f"becomes = ['{mutant.becomes}']")
    for key in stale:
        print("this reason in survivors.toml fits no survivor:", *key, sep="\n    ")
    killed = sum(1 for _, failed in results if failed) / len(results)
    print(f"{killed:.2%} killed, at least {LEAST_KILLED:.0%} needed")
    return not missing and not stale and killed >= LEAST_KILLED


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help=f"all, if none is named, or some of {', '.join(FIRST)}")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many mutants to test at once")
    options = parser.parse_args()
    modules = options.modules or list(FIRST)
    if not set(modules) <= set(FIRST):
        parser.error(f"nnlib's modules are {', '.join(FIRST)}")
    # One thread, also because a process with several can't be forked safely; set before NumPy is imported.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    import pytest
    import scipy.special
    import scipy.stats  # noqa: F401
    import tqdm  # noqa: F401

    with contextlib.redirect_stdout(sys.stderr):
        pytest.main(["--version"])  # imports the rest of it
    gc.freeze()  # what is here now is searched for garbage no more, in none of the processes
    start = time.monotonic()

    def show(text):
        if sys.stdout.isatty():
            print(text, end="", flush=True)

    results = outcomes(modules, options.processes, show)
    right = report(results, modules)
    print(f"{time.monotonic() - start:.0f} s")
    sys.exit(not right)


if __name__ == "__main__":
    main()
