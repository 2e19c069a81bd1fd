"""The networks that steer the robot arm: ``python tests/robot_arm.py`` stores them for the figure that moves.

The cells of chapter 20 train them. Their parameters are rounded to four digits, which moves a hand by less than 0.002.
``make refresh`` runs this after the chapters.
"""

from pathlib import Path

import numpy as np
from studies import source

import nnlib

STORED = Path(__file__).parents[1] / "_ext" / "static" / "figures" / "robot-arm-networks.js"
DIGITS = 4
LOW = {"both elbows": -np.pi, "one elbow": 0.0}  # the lowest angle of the elbow in the moves, as the chapter gives it


def chapter():
    """Return what the cells of chapter 20 define: the arm, its work area, and how a network learns."""
    names = {"np": np, "nnlib": nnlib, **vars(nnlib)}
    for cell in ("hand", "babble", "learn"):
        exec(source("20-robot-arm", cell), names)
    return names


def train(names):
    """Return the networks, the first of the ten in each of the chapter's studies, by what they learned from."""
    return {moves: names["study"](low)[0].member(0) for moves, low in LOW.items()}


def main():
    lines = [
        "// Written by tests/robot_arm.py, which trains them as chapter 20 does. Parameters are laid out as in nnlib.",
        "export const NETWORKS = {",
    ]
    for moves, network in train(chapter()).items():
        numbers = [np.format_float_positional(value, DIGITS, fractional=False, trim="-") for value in network.params]
        lines.append(f'  "{moves}": [{", ".join(numbers)}],')
    STORED.write_text("\n".join([*lines, "};"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
