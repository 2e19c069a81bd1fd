"""The ratio is computed as it is described, and the stored results are complete. No speed is asserted here."""

import gc
import json
import math
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
TIMING = runpy.run_path(str(BENCHMARKS / "timing.py"))
ROWS = runpy.run_path(str(BENCHMARKS / "rows.py"))
RESULTS = json.loads((BENCHMARKS / "results.json").read_text(encoding="utf-8"))


class Computer:
    """A clock that only moves when work is done; ``slowdown`` says in which slices the work takes longer."""

    def __init__(self, slowdown=None):
        self.now, self.slices, self.slowdown = 0.0, [], slowdown or {}

    def clock(self):
        return self.now

    def contender(self, name, cost):
        def prepare():
            self.now += 1000.0  # preparing is outside the clock, however long it takes

            def run(n):
                assert gc.isenabled()
                self.now += n * cost * self.slowdown.get(len(self.slices), 1.0)
                self.slices.append((name, n))

            return run

        return prepare

    def compare(self, cost, baseline, pairs=9, seconds=1.0):
        contenders = self.contender("contender", cost), self.contender("baseline", baseline)
        return TIMING["compare"](*contenders, pairs, seconds, self.clock)


def test_a_contender_that_takes_three_times_as_long_has_ratio_3():
    assert Computer().compare(0.03, 0.01) == pytest.approx((3, 3, 3, 9))


def test_slices_alternate_and_last_about_as_long_as_asked_for():
    computer = Computer()
    computer.compare(0.002, 0.01, pairs=4)
    assert computer.slices[-9:] == [("baseline", 100), *[("contender", 500), ("baseline", 100)] * 4]


def test_work_that_takes_longer_than_a_slice_is_done_once():
    computer = Computer()
    computer.compare(7.0, 0.5, pairs=3)
    assert computer.slices[-2:] == [("contender", 1), ("baseline", 2)]


def test_a_computer_that_becomes_slower_steadily_does_not_change_the_ratio():
    computer = Computer(slowdown={piece: 1 + piece / 10 for piece in range(1000)})
    assert computer.compare(0.03, 0.01) == pytest.approx((3, 3, 3, 9))


def test_a_few_disturbed_slices_do_not_change_the_median():
    ratio = Computer(slowdown={8: 50.0, 13: 50.0}).compare(3.0, 1.0, pairs=5)
    assert ratio.median == pytest.approx(3)
    assert ratio.lower_quartile < 1  # they were noticed


def test_the_quartiles_are_those_of_the_ratios():
    # Four slices of warm-up, the first of the baseline, and then every second one is the contender's.
    computer = Computer(slowdown={5: 5.0, 7: 1.0, 9: 4.0, 11: 2.0, 13: 3.0})
    assert computer.compare(1.0, 1.0, pairs=5) == pytest.approx((3, 2, 4, 5))
    assert [name for name, _ in computer.slices[4:]] == ["baseline", *["contender", "baseline"] * 5]


def test_the_garbage_collector_is_left_as_it_was():
    gc.unfreeze()
    Computer().compare(0.03, 0.01)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_every_row_is_stored_in_order():
    assert [row["id"] for row in RESULTS["rows"]] == ROWS["IDS"]
    assert len(set(ROWS["IDS"])) == len(ROWS["IDS"])


@pytest.mark.parametrize("row", RESULTS["rows"], ids=lambda row: row["id"])
def test_row_is_well_formed(row):
    group, contender, baseline = row["id"].split("/")
    words = ROWS["GROUPS"][group]
    assert (row["what"], row["contender"], row["baseline"]) == (
        words.what,
        words.contenders[contender],
        words.contenders[baseline],
    )
    assert 0 < row["lower_quartile"] <= row["median"] <= row["upper_quartile"] < math.inf
    assert row["pairs"] == 1 if group == "memory" else row["pairs"] >= 15
    assert set(row) == {"id", "what", "contender", "baseline", "median", "lower_quartile", "upper_quartile", "pairs"}


def test_versions_and_processor_are_named_and_no_path_or_computer():
    assert set(RESULTS) == {"versions", "processor", "rows"}
    assert set(RESULTS["versions"]) == {
        "python", "numpy", "blas", "nnlib", "torch", "jax", "scikit-learn", "micrograd",
    }  # fmt: skip
    words = [RESULTS["processor"], *RESULTS["versions"].values()]
    assert all(word and word.isprintable() and "/" not in word and "\\" not in word for word in words)


def test_the_command_runs_without_the_peers():
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--only", "memory"]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ROWS["GROUPS"]["memory"].what in table
