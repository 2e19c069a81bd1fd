"""How two contenders are compared: by a ratio of times, taken in small slices that alternate.

A computer is faster at one moment than at the next, so a time alone means little. Here every slice of the contender
stands between two slices of the baseline, and only their ratio is kept; the median of many such ratios is the result.
The clock counts the processor time of this process, all its threads together, and not the time spent waiting.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

# A contender is prepared outside the clock, always from the same start parameters, and returns what is then timed:
# a function that does so many units of work, such as steps or epochs, and returns the parameters that it ends with.
Run = Callable[[int], Any]
Contender = Callable[[], Run]

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


class Ratio(NamedTuple):
    """The median and the quartiles of the ratios of ``pairs`` pairs."""

    median: float
    lower_quartile: float
    upper_quartile: float
    pairs: int


def use_one_thread() -> None:
    """Ask every library for one thread, and the system for one core, before they are imported."""
    os.environ.update(ENVIRONMENT)
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def compare(
    contender: Contender,
    baseline: Contender,
    pairs: int,
    seconds: float,
    clock: Callable[[], float] = time.process_time,
) -> Ratio:
    """Return how many times as long as ``baseline`` the ``contender`` takes for one unit of work.

    Slices last about ``seconds`` each: baseline, contender, baseline, contender, ..., baseline. Each of the ``pairs``
    ratios, two at least, is a contender's slice over the mean of the two baseline slices beside it.
    """
    units = [units_in(seconds, prepare, clock) for prepare in (contender, baseline)]
    # The garbage collector stays on, as in any program, but looks only at what the slice itself makes: everything made
    # so far, such as the modules of the other contenders, is put out of its sight.
    gc.collect()
    gc.freeze()
    ratios = []
    before = cost(baseline, units[1], clock)
    for _ in range(pairs):
        between = cost(contender, units[0], clock)
        after = cost(baseline, units[1], clock)
        ratios.append(between / ((before + after) / 2))
        before = after
    gc.unfreeze()
    lower, median, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, lower, upper, pairs)


def units_in(seconds: float, prepare: Contender, clock: Callable[[], float]) -> int:
    """Return how many units of work take about ``seconds``. Finding that out is the warm-up as well."""
    prepare()(1)  # whatever is compiled is compiled here
    units = 1
    while (each := cost(prepare, units, clock)) * units < seconds / 4:
        units *= 2
    return max(1, round(seconds / each))


def cost(prepare: Contender, units: int, clock: Callable[[], float]) -> float:
    """Return the time that one unit of work takes, measured over ``units``."""
    run = prepare()
    gc.collect()
    begin = clock()
    run(units)
    return (clock() - begin) / units
