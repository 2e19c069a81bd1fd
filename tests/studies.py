"""What the tests of the chapters' measurements share: the chapters' own code, and how far two results may lie apart."""

import re
from functools import cache

import nbformat
import numpy as np
import scipy.stats
import structure
from refresh import CHAPTERS


@cache
def cells(chapter):
    """Return the text of each cell of a chapter, by the cell's id."""
    return {cell.id: cell.source for cell in nbformat.read(CHAPTERS / f"{chapter}.ipynb", as_version=4).cells}


def source(chapter, cell_id):
    """Return the text of one cell of a chapter."""
    return cells(chapter)[cell_id]


def stored(chapter):
    """Return what each code cell of a chapter has printed by its stored outputs, by the cell's id."""
    notebook = nbformat.read(CHAPTERS / f"{chapter}.ipynb", as_version=4)
    return {cell.id: structure.printed(cell) for cell in structure.code_cells(notebook)}


def run(text, names):
    """Run the text of a cell, its figures left out, with ``names`` and for them; return what it prints."""
    printed = []
    names["print"] = lambda *args, sep=" ", end="\n": printed.append(sep.join(map(str, args)) + end)
    kept = [line for line in text.splitlines() if not re.match(r"%|\s*(?:plt\.|plot_\w+\(|ax\.|axes =)", line)]
    exec("\n".join(kept), names)
    return "".join(printed)


def half(d):
    """Return half the 95 % interval of a mean, by Student's distribution."""
    return scipy.stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))


def by_chance(a, b, n, errors=1.96):
    """Return half the interval, by default of 95 %, of the difference of two rates, ``a`` and ``b``, of ``n`` each."""
    return errors * np.sqrt((a * (1 - a) + b * (1 - b)) / n)
