"""What the tests of the chapters' measurements share: the chapters' own code, and how far two rates may lie apart."""

from functools import cache

import nbformat
import numpy as np
from refresh import CHAPTERS


@cache
def cells(chapter):
    """Return the text of each cell of a chapter, by the cell's id."""
    return {cell.id: cell.source for cell in nbformat.read(CHAPTERS / f"{chapter}.ipynb", as_version=4).cells}


def source(chapter, cell_id):
    """Return the text of one cell of a chapter."""
    return cells(chapter)[cell_id]


def by_chance(a, b, n, errors=1.96):
    """Return half the interval, by default of 95 %, of the difference of two rates, ``a`` and ``b``, of ``n`` each."""
    return errors * np.sqrt((a * (1 - a) + b * (1 - b)) / n)
