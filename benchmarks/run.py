"""Measure nnlib beside its peers: ``python benchmarks/run.py``.

It prints one table, in which every row is a ratio measured in this run, and writes it to ``results.json`` beside this
file. A ratio of 2 says that the contender takes twice as long as the baseline. ``--quick`` is a smoke test: two pairs
of very short slices, and no file. The extra ``bench`` brings the peers: ``pip install -e ".[bench]"``.
"""

import argparse
import importlib
import json
import platform
import warnings
from importlib.metadata import version
from pathlib import Path

from rows import GROUPS
from timing import Ratio, compare, use_one_thread

RESULTS = Path(__file__).with_name("results.json")
PAIRS, SECONDS = 21, 0.15
QUICK_PAIRS, QUICK_SECONDS = 2, 0.001


def main():
    """Read the command line, measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smoke test: very few pairs, no file")
    parser.add_argument("--only", choices=GROUPS, action="append", help="one group of rows, no file; may be repeated")
    parser.add_argument("--output", type=Path, help="where to write the results")
    chosen = parser.parse_args()
    output = chosen.output or (None if chosen.quick or chosen.only else RESULTS)
    use_one_thread()
    rows = []
    for name in chosen.only or GROUPS:
        rows += measure(name, *((QUICK_PAIRS, QUICK_SECONDS) if chosen.quick else (PAIRS, SECONDS)))
    if output:
        results = {"versions": versions(), "processor": processor(), "rows": rows}
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(name, pairs, seconds):
    """Return the rows of one group, and print them as they come."""
    group = GROUPS[name]
    print(f"\n{group.what}\n{'median':>9}  {'quartiles':^17}")
    compared = comparisons(name, pairs, seconds)
    rows = []
    for row_id, (contender, baseline) in zip(group.ids(name), group.pairs, strict=True):
        ratio = compared(contender, baseline)
        words = group.contenders[contender], group.contenders[baseline]
        median, low, high = (f"{value:.3g}" for value in ratio[:3])
        print(f"{median:>9}  {low:>7} – {high:<7}  {words[0]} / {words[1]}", flush=True)
        row = {"id": row_id, "what": group.what, "contender": words[0], "baseline": words[1]}
        for field in ("median", "lower_quartile", "upper_quartile"):
            row[field] = float(f"{getattr(ratio, field):.4g}")
        rows.append(row | {"pairs": ratio.pairs})
    return rows


def comparisons(name, pairs, seconds):
    """Return the function that compares two contenders of a group, once they are known to do the same work."""
    # Imported here, after `use_one_thread`: each library looks at its threads once, when it is imported.
    if name == "memory":
        import memory

        ratio = memory.ratio()  # a count of bytes: no need to repeat it
        return lambda *_: Ratio(ratio, ratio, ratio, pairs=1)
    set_peers()
    if name in ("xor", "calls", "stack"):
        module = importlib.import_module(name)
        module.check()
        contenders = module.CONTENDERS
    else:
        import mlp

        task = getattr(mlp, name[:-2])(f"float{name[-2:]}")
        mlp.check(task)
        contenders = mlp.contenders(task)
    return lambda contender, baseline: compare(contenders[contender], contenders[baseline], pairs, seconds)


def set_peers():
    """Set what the environment can't."""
    import jax
    import torch
    from sklearn.exceptions import ConvergenceWarning

    torch.set_num_threads(1)
    jax.config.update("jax_enable_x64", True)  # or float64 would become float32 without a word
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # one core has nobody to hand work to: faster without
    # scikit-learn warns that it was stopped after max_iter epochs: here that is what it is asked for.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)


def versions():
    """Return the version of everything that was measured, and of NumPy's BLAS."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = {"python": platform.python_version(), "numpy": np.__version__, "blas": f"{blas['name']} {blas['version']}"}
    return found | {name: version(name) for name in ("nnlib", "torch", "jax", "scikit-learn", "micrograd")}


def processor():
    """Return what kind of processor this is, as far as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    kinds = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return kinds[0] if kinds else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
