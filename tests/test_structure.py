"""Every chapter keeps the rules of `structure`, and every rule finds the fault it is there for."""

import base64
import copy
import io
import re
from pathlib import Path

import nbformat
import pytest
import structure
from hand_numbers import BY_HAND, IN_PROSE
from PIL import Image
from refresh import CHAPTERS, execute

NOTEBOOKS = sorted(path.stem for path in CHAPTERS.glob("*.ipynb"))
# A chapter has a number; a notebook without one, such as the page on speed, has neither questions nor exercises.
SLUGS = [slug for slug in NOTEBOOKS if slug[0].isdigit()]
NOTEBOOK_RULES = [
    structure.never_executed,
    structure.figures_without_alt,
    structure.long_cells,
    structure.leaks,
    structure.equations_without_shapes,
    structure.bad_metadata,
]
CHAPTER_RULES = [
    structure.missing_parts,
    structure.bad_questions,
    structure.bad_exercises,
]
# In chapter 12 a study has to be shown, and in chapter 15 the code is the subject.
CODE_LINES = {"12-xor-fails": 130, "15-autograd": 180}
RULES = NOTEBOOK_RULES + CHAPTER_RULES


def read(slug):
    return nbformat.read(Path(CHAPTERS, f"{slug}.ipynb"), as_version=4)


@pytest.fixture(scope="module", params=NOTEBOOKS)
def stored_and_fresh(request):
    stored = read(request.param)
    return stored, execute(copy.deepcopy(stored))


@pytest.mark.parametrize("slug", NOTEBOOKS)
@pytest.mark.parametrize("rule", NOTEBOOK_RULES, ids=lambda rule: rule.__name__)
def test_notebook_keeps_the_rule(slug, rule):
    assert rule(read(slug)) == []


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("rule", CHAPTER_RULES, ids=lambda rule: rule.__name__)
def test_chapter_keeps_the_rule(slug, rule):
    assert rule(read(slug)) == []


@pytest.mark.parametrize("slug", SLUGS)
def test_chapter_has_the_right_size(slug):
    assert structure.wrong_size(read(slug), code_lines=CODE_LINES.get(slug, 120)) == []


def linked_terms(slug):
    """Return the terms of the glossary that a chapter links to."""
    prose = "\n".join(cell.source for cell in read(slug).cells if cell.cell_type == "markdown")
    return re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", prose)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_chapter_links_each_of_its_terms_once(slug):
    terms = linked_terms(slug)
    assert len(terms) >= 10
    assert len(set(terms)) == len(terms)


def test_the_glossary_is_in_order_and_each_of_its_terms_is_linked():
    page = (CHAPTERS / "glossary.md").read_text(encoding="utf-8")
    listed = re.findall(r"^(\S.*)\n    \S", page, re.MULTILINE)
    assert listed == sorted(listed, key=str.lower)
    assert set(listed) == {term for slug in SLUGS for term in linked_terms(slug)}


@pytest.mark.parametrize("slug", SLUGS)
def test_hand_numbers_are_recomputed(slug):
    assert structure.wrong_hand_numbers(read(slug), *BY_HAND[slug]) == []


@pytest.mark.parametrize("slug", NOTEBOOKS)
def test_numbers_in_prose_are_supported(slug):
    known = [number for part in BY_HAND.get(slug, ()) for number in part] + IN_PROSE.get(slug, [])
    assert structure.unsupported_numbers(read(slug), known) == []


@pytest.mark.pinned
def test_stored_outputs_are_those_of_a_fresh_run(stored_and_fresh):
    assert structure.stale_text(*stored_and_fresh) == []
    assert structure.stale_figures(*stored_and_fresh) == []


# --- the rules themselves: a broken copy must be found out ---


def cell(notebook, cell_id):
    return next(c for c in notebook.cells if c.id == cell_id)


def break_execution(nb):
    cell(nb, "forward").execution_count = None


def break_order(nb):
    cell(nb, "forward").execution_count = 99


def break_alt(nb):
    del cell(nb, "fig-loss").metadata["mystnb"]["image"]["alt"]


def break_cell_length(nb):
    cell(nb, "forward").source += "\nx = 1" * 25


def break_line_length(nb):
    cell(nb, "forward").source += "\n# " + "x" * 80


def break_part(nb):
    part = cell(nb, "summary")
    part.source = part.source.replace("## Summary", "## In short")


def break_part_order(nb):
    i = nb.cells.index(cell(nb, "in-practice"))
    nb.cells[i], nb.cells[i + 1] = nb.cells[i + 1], nb.cells[i]


def break_path(nb):
    cell(nb, "forward").outputs[0].text += "/" + "home/reader/nnlib/losses.py:3\n"


def break_warning(nb):
    cell(nb, "forward").outputs[0].text += "RuntimeWarning: overflow encountered in exp\n"


def break_stderr(nb):
    cell(nb, "forward").outputs[0].name = "stderr"


def break_question(nb):
    text = cell(nb, "check-yourself")
    text.source = text.source.replace('class="option right"', 'class="option wrong"', 1)


def break_feedback(nb):
    text = cell(nb, "check-yourself")
    start = text.source.index("</summary>") + len("</summary>")
    text.source = text.source[:start] + "\n\nNo.\n\n" + text.source[text.source.index("</details>") :]


def break_summary(nb):
    text = cell(nb, "check-yourself")
    text.source = text.source.replace("<summary>", "<summary>\n\n", 1)


def break_options_apart(nb):
    text = cell(nb, "try-first")
    text.source = text.source.replace("</details>\n\n", "</details>\n", 1)


def break_summary_formula(nb):
    text = cell(nb, "try-first")
    text.source = text.source.replace("</summary>", " $x$</summary>", 1)


def break_marker(nb):
    answer = cell(nb, "exercise-2-answer")
    answer.source = answer.source.replace("### END SOLUTION", "")


def break_lock(nb):
    cell(nb, "exercise-2-check").metadata["nbgrader"]["locked"] = False


def break_grade_id(nb):
    cell(nb, "exercise-2-check").metadata["nbgrader"]["grade_id"] = "xor-numpy-tanh"


def break_shapes(nb):
    text = cell(nb, "in-symbols")
    text.source = text.source.replace("*Shapes:*", "Shapes:", 1)


def break_size(nb):
    cell(nb, "summary").source += " word" * 2000


def break_code_budget(nb):
    nb.cells += [nbformat.v4.new_code_cell("a = 1\n" * 20, id=f"more-{i}", execution_count=99) for i in range(6)]


def break_metadata(nb):
    nb.metadata["language_info"] = {"version": "3.11.7"}


def break_timing(nb):
    cell(nb, "forward").metadata["execution"] = {"iopub.status.busy": "2026-11-22"}


BREAKAGES = [
    (break_execution, structure.never_executed, "forward: never executed"),
    (break_order, structure.never_executed, "top to bottom"),
    (break_alt, structure.figures_without_alt, "fig-loss: figure without alt text"),
    (break_cell_length, structure.long_cells, "forward: 4"),
    (break_line_length, structure.long_cells, "over 80 columns"),
    (break_part, structure.missing_parts, "part missing: Summary"),
    (break_part_order, structure.missing_parts, "order"),
    (break_path, structure.leaks, "forward: output shows a machine's path"),
    (break_warning, structure.leaks, "forward: output shows a warning"),
    (break_stderr, structure.leaks, "forward: output is stderr"),
    (break_question, structure.bad_questions, "0 of them right"),
    (break_feedback, structure.bad_questions, "without feedback"),
    (break_summary, structure.bad_questions, "plain HTML"),
    (break_options_apart, structure.bad_questions, "blank line between"),
    (break_summary_formula, structure.bad_questions, "plain HTML"),
    (break_marker, structure.bad_exercises, "markers do not pair"),
    (break_lock, structure.bad_exercises, "not locked"),
    (break_grade_id, structure.bad_exercises, "not unique"),
    (break_shapes, structure.equations_without_shapes, "eq-xor-forward"),
    (break_size, structure.wrong_size, "words"),
    (break_code_budget, structure.wrong_size, "lines of code"),
    (break_metadata, structure.bad_metadata, "language_info"),
    (break_timing, structure.bad_metadata, "unused metadata execution"),
]


@pytest.mark.parametrize(("damage", "rule", "finding"), BREAKAGES, ids=lambda x: getattr(x, "__name__", ""))
def test_rule_finds_the_broken_copy(damage, rule, finding):
    notebook = read("11-xor-numpy")
    assert rule(notebook) == []
    damage(notebook)
    assert any(finding in line for line in rule(notebook)), rule(notebook)


@pytest.mark.parametrize(("old", "new"), [("0.7401 |", "0.7410 |"), ("2 \\cdot 0.1775^2", "2 \\cdot 0.1757^2")])
def test_a_wrong_hand_number_is_found(old, new):
    notebook = read("11-xor-numpy")
    by_hand = cell(notebook, "by-hand")
    assert old in by_hand.source
    by_hand.source = by_hand.source.replace(old, new)
    assert structure.wrong_hand_numbers(notebook, *BY_HAND["11-xor-numpy"])


def test_a_hand_number_is_found_when_the_computation_changes():
    results, others = BY_HAND["11-xor-numpy"]
    assert structure.wrong_hand_numbers(read("11-xor-numpy"), [result + 0.001 for result in results], others)


def test_an_invented_number_in_prose_is_found():
    notebook = read("11-xor-numpy")
    cell(notebook, "rate-text").source += "\n\nIn truth it is 73.9 %."
    assert structure.unsupported_numbers(notebook) == ["Where it breaks: nothing supports the number 73.9"]


def test_stale_text_is_found():
    stored, fresh = read("11-xor-numpy"), read("11-xor-numpy")
    cell(stored, "rate").outputs[0].text = cell(stored, "rate").outputs[0].text.replace("362", "363")
    assert structure.stale_text(stored, fresh) == ["rate: stored text is stale"]


def test_stale_figure_is_found():
    stored, fresh = read("11-xor-numpy"), read("11-xor-numpy")
    assert structure.stale_figures(stored, fresh) == []
    output = cell(stored, "fig-loss").outputs[0]
    picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    moved = Image.new("RGBA", picture.size)
    moved.paste(picture, (8, 0))  # the same picture, four points to the right
    buffer = io.BytesIO()
    moved.save(buffer, "png")
    output.data["image/png"] = base64.b64encode(buffer.getvalue()).decode()
    assert structure.stale_figures(stored, fresh) == ["fig-loss: stored figure is stale"]
