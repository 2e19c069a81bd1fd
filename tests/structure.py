"""What every chapter must be. Each function takes a notebook and returns its findings, one line each."""

import base64
import io
import re
from collections.abc import Iterable, Iterator

import nbformat
import numpy as np
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from PIL import Image

PARTS = (
    "At a glance",
    "Try first",
    "The idea in one picture",
    "By hand",
    "In symbols",
    "In code",
    "Predict, then change",
    "Where it breaks",
    "Check yourself",
    "Exercises",
    "Summary",
    "In practice",
    "Further reading",
)
# Parts that do not count towards a chapter's length.
EXTRA = ("Check yourself", "Exercises")
NUMBER = re.compile(r"(?<![\w.,])[-−]?\d[\d,_]*(?:\.\d+)?(?:e-?\d+)?")


def never_executed(notebook: NotebookNode) -> list[str]:
    """Code cells without an execution count, or with counts that are not 1, 2, 3 from top to bottom."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    never = [f"{cell.id}: never executed" for cell in code_cells(notebook) if cell.execution_count is None]
    return never or (
        ["cells were not executed from top to bottom"] if counts != list(range(1, len(counts) + 1)) else []
    )


def stale_text(notebook: NotebookNode, fresh: NotebookNode) -> list[str]:
    """Cells whose stored text is not what a fresh run prints."""
    pairs = zip(code_cells(notebook), code_cells(fresh), strict=True)
    return [f"{old.id}: stored text is stale" for old, new in pairs if printed(old) != printed(new)]


def stale_figures(notebook: NotebookNode, fresh: NotebookNode, tolerance: float = 2.0) -> list[str]:
    """Cells whose stored figure differs from a fresh one by more than ``tolerance`` of 255, root mean square."""
    found = []
    for old, new in zip(code_cells(notebook), code_cells(fresh), strict=True):
        before, after = list(figures(old)), list(figures(new))
        if len(before) != len(after):
            found.append(f"{old.id}: stores {len(before)} figures, a fresh run draws {len(after)}")
        for a, b in zip(before, after, strict=False):
            if a.shape != b.shape or np.sqrt(np.mean((a - b) ** 2)) > tolerance:
                found.append(f"{old.id}: stored figure is stale")
    return found


def figures_without_alt(notebook: NotebookNode) -> list[str]:
    """Figures without alt text of at least ten words."""
    found = []
    for cell in code_cells(notebook):
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if list(figures(cell)) and len(alt.split()) < 10:
            found.append(f"{cell.id}: figure without alt text")
    return found


def long_cells(notebook: NotebookNode, lines: int = 25, columns: int = 80) -> list[str]:
    """Code cells with too many lines, or lines that would be cut off on the page."""
    found = []
    for cell in code_cells(notebook):
        source = cell.source.splitlines()
        if len(source) > lines:
            found.append(f"{cell.id}: {len(source)} lines, at most {lines}")
        found += [
            f"{cell.id}: line {i + 1} is over {columns} columns" for i, x in enumerate(source) if len(x) > columns
        ]
    return found


def missing_parts(notebook: NotebookNode) -> list[str]:
    """Parts of the template that the chapter lacks, or has in another order."""
    headings = [title for title, _ in sections(notebook)]
    missing = [f"part missing: {part}" for part in PARTS if part not in headings]
    return missing or ([] if tuple(headings) == PARTS else [f"parts are not in the template's order: {headings}"])


def leaks(notebook: NotebookNode) -> list[str]:
    """Outputs that show a path of the machine, a warning, a traceback or an object's address."""
    signs = {
        "a machine's path": r"(?<![\w.])(?:/(?:home|root|Users|tmp|opt|usr|var|work)/|[A-Z]:\\)\w+|site-packages",
        "a warning": r"\w*Warning\b|\bWARNING\b",
        "a traceback": r"Traceback \(most recent call last\)",
        "an object's address": r"\bat 0x[0-9a-f]{6,}",
    }
    found = []
    for cell in code_cells(notebook):
        text = printed(cell)
        found += [f"{cell.id}: output shows {name}" for name, sign in signs.items() if re.search(sign, text)]
        kinds = {output.output_type for output in cell.outputs} | {output.get("name") for output in cell.outputs}
        found += [f"{cell.id}: output is {kind}" for kind in ("error", "stderr") if kind in kinds]
    return found


def wrong_hand_numbers(notebook: NotebookNode, results: list[float], others: Iterable[float]) -> list[str]:
    """Numbers of *By hand* that are not what a computation gives.

    ``results`` are the values of the table's last column, in order; every other decimal number of the part
    has to be one of ``results`` or ``others``, rounded as it is printed.
    """
    text = dict(sections(notebook)).get("By hand", "")
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    found = []
    if len(rows) != len(results):
        found.append(f"the table has {len(rows)} rows, {len(results)} are recomputed")
    for row, result in zip(rows, results, strict=False):
        if not agrees(row[-1].strip(), [result]):
            found.append(f"{row[0].strip()}: the table says {row[-1].strip()}, recomputed {result:.6g}")
    known = [abs(value) for value in (*results, *others)]
    decimals = re.findall(r"\d+\.\d+", text)
    return found + [f"{number} is none of the recomputed numbers" for number in decimals if not agrees(number, known)]


def unsupported_numbers(notebook: NotebookNode, known: Iterable[float] = ()) -> list[str]:
    """Numbers in the prose that no cell prints or holds: decimals, percentages, and integers of four digits or more.

    Questions and exercises may invent numbers, *By hand* has a check of its own, and years stand in citations.
    """
    held = [abs(value) for value in known] + [95.0]  # 95 % is the intervals' level
    for cell in code_cells(notebook):
        for number in NUMBER.findall(cell.source + "\n" + printed(cell)):
            value = abs(float(number.replace("−", "-").replace(",", "").replace("_", "").rstrip("-")))
            held += [value, 100 * value]
    found = []
    for title, text in sections(notebook):
        if title in (*EXTRA, "By hand", "Further reading"):
            continue
        prose = re.sub(r"\{cite(?::t)?\}`[^`]*`|\]\([^)]*\)|`[^`]*`|\$\$.*?\$\$", " ", text, flags=re.DOTALL)
        for number in re.findall(r"\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+|\d+(?=\s?%)", prose):
            if not agrees(number.replace(",", ""), held):
                found.append(f"{title}: nothing supports the number {number}")
    return found


def bad_questions(notebook: NotebookNode) -> list[str]:
    """Questions without exactly one right option, and options without feedback."""
    found = []
    text = dict(sections(notebook)).get("Check yourself", "")
    questions = re.split(r"^\*\*\d+\.\*\*", text, flags=re.MULTILINE)[1:]
    questions.append(dict(sections(notebook)).get("Try first", ""))
    if not 4 <= len(questions) <= 6:
        found.append(f"{len(questions) - 1} questions, expected three to five")
    for number, question in enumerate(questions, 1):
        options = BeautifulSoup(question, "html.parser").select("details.option")
        right = [option for option in options if "right" in option["class"]]
        if len(options) < 3 or len(right) != 1:
            found.append(f"question {number}: {len(options)} options, {len(right)} of them right")
        if "</details>\n<" in question:
            found.append(f"question {number}: leave a blank line between two options")
        for summary in re.findall(r"<summary>(.*?)</summary>", question, flags=re.DOTALL):
            # Blank lines would unfold it in JupyterLab once directives render; formulas would stay raw on the site.
            if "\n\n" in summary or re.search(r"[$*`]", summary):
                found.append(f"question {number}: a summary must be plain HTML in one piece")
        for option in options:
            feedback = option.get_text().replace(option.summary.get_text(), "", 1).split() if option.summary else []
            if len(feedback) < 6:
                found.append(f"question {number}: an option without feedback")
    return found


def bad_exercises(notebook: NotebookNode) -> list[str]:
    """Exercises that could not be graded: markers, grade ids, locked checks with points."""
    found, ids = [], []
    for cell in notebook.cells:
        begins, ends = cell.source.count("BEGIN SOLUTION"), cell.source.count("END SOLUTION")
        grading = cell.metadata.get("nbgrader")
        if begins != ends or (begins and not (grading and grading.solution)):
            found.append(f"{cell.id}: solution markers do not pair, or the cell is no solution cell")
        if grading:
            ids.append(grading.grade_id)
            if grading.solution and not begins:
                found.append(f"{cell.id}: solution cell without markers")
            if grading.grade and not grading.get("points", 0) > 0:
                found.append(f"{cell.id}: graded without points")
            if grading.grade and not grading.solution and not grading.locked:
                found.append(f"{cell.id}: check cell is not locked")
            if grading.solution and cell.cell_type == "code" and "hide-cell" not in cell.metadata.get("tags", []):
                found.append(f"{cell.id}: solution is not folded on the page")
    if len(ids) != len(set(ids)):
        found.append("grade ids are not unique")
    text = dict(sections(notebook)).get("Exercises", "")
    return found + [f"no exercise {kind}" for kind in ("by hand", "in code", "open") if f", {kind}" not in text]


def equations_without_shapes(notebook: NotebookNode) -> list[str]:
    """Labelled equations that are not followed by a line of shapes."""
    text = dict(sections(notebook)).get("In symbols", "")
    labels = re.findall(r"\$\$ \((eq-[\w-]+)\)\n\n(?!\*Shapes:\*)", text)
    return [f"{label}: no shapes line under the equation" for label in labels]


def wrong_size(notebook: NotebookNode, words: tuple[int, int] = (1200, 2200), code_lines: int = 120) -> list[str]:
    """A chapter too short, too long, or with too much code.

    Questions and exercises do not count, nor does what stands in for a moving figure, nor imports and assertions.
    """
    counted = [text for title, text in sections(notebook, title_too=True) if title not in EXTRA]
    other = r"\$\$.*?\$\$|<nm-.*?</nm-[a-z-]+>|</?[a-z][^<>]*>|<!--.*?-->"
    prose = re.sub(other, " ", "\n".join(counted), flags=re.DOTALL)
    n_words = len(re.sub(r"^\|.*$", "", prose, flags=re.MULTILINE).split())
    found = []
    if not words[0] <= n_words <= words[1]:
        found.append(f"{n_words} words, expected {words[0]} to {words[1]}")
    source = "\n".join(cell.source for cell in code_cells(notebook, exercises=False))
    lines = [line for line in source.splitlines() if not re.match(r"\s*(import|from|assert)\b|\s*$|%", line)]
    if len(lines) > code_lines:
        found.append(f"{len(lines)} lines of code, at most {code_lines}")
    return found


def bad_metadata(notebook: NotebookNode) -> list[str]:
    """Metadata that is not used, or that would differ from machine to machine."""
    found = []
    if dict(notebook.metadata) != {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}:
        found.append(f"notebook metadata must be the kernelspec python3 alone, got {sorted(notebook.metadata)}")
    for cell in notebook.cells:
        unused = set(cell.metadata) - {"mystnb", "nbgrader", "tags"}
        found += [f"{cell.id}: unused metadata {name}" for name in sorted(unused)]
        if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", cell.id):
            found.append(f"{cell.id}: give the cell an id that says what it is")
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        found.append(f"not a valid notebook: {error.message}")
    return found


def code_cells(notebook: NotebookNode, *, exercises: bool = True) -> list[NotebookNode]:
    """Return the code cells, with or without the solutions and checks of the exercises."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return cells if exercises else [cell for cell in cells if "nbgrader" not in cell.metadata]


def printed(cell: NotebookNode) -> str:
    """Return all text that a cell's outputs show."""
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text", ""))
        parts += [str(value) for kind, value in output.get("data", {}).items() if not kind.startswith("image/")]
        parts += output.get("traceback", [])
    return "".join(parts)


def figures(cell: NotebookNode) -> Iterator[np.ndarray]:
    """Yield the pixels of the cell's PNG figures, as they look on white."""
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            yield np.asarray(Image.alpha_composite(white, picture), dtype=float)


def sections(notebook: NotebookNode, *, title_too: bool = False) -> list[tuple[str, str]]:
    """Return the parts of a chapter as pairs of second-level heading and Markdown text."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    before, *rest = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return ([("", before)] if title_too else []) + list(zip(rest[::2], rest[1::2], strict=True))


def agrees(literal: str, values: Iterable[float]) -> bool:
    """Say whether one of ``values``, rounded to as many digits as ``literal`` shows, is ``literal``."""
    literal = literal.replace("−", "-")
    digits = len(literal.partition(".")[2])
    return any(f"{value:.{digits}f}" == literal for value in values)
