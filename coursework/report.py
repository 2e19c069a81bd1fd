"""What comes of the results: tables for a learning platform, a plot of what was hard, a page for each student."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment

from .collect import releases, students
from .release import graded

Results = dict[str, dict[str, Any]]
ByHand = dict[tuple[str, str], tuple[float | None, str]]

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ chapter }}: feedback for {{ student }}</title>
<style>
body { font: 1rem/1.5 sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ccc; padding: .3rem; text-align: left }
pre { background: #eee; padding: .5rem; overflow: auto }
</style>
</head>
<body>
<h1>{{ chapter }}: feedback for {{ student }}</h1>
{% if result.status == "graded" %}
{% for exercise in result.exercises %}
<h2>{{ exercise.name }}: {{ "%g" % exercise.score }} of {{ "%g" % exercise.max }} points</h2>
<table>
<tr><th>What was tried</th><th>Points</th><th>What came of it</th></tr>
{% for case in exercise.cases %}
<tr><td>{{ case.title }}</td><td>{{ "%g" % case.score }} of {{ "%g" % case.max }}</td><td>{{ case.says }}</td></tr>
{% endfor %}
</table>
{% endfor %}
{% for name, (score, comment) in by_hand %}
<h2>{{ name }}: {{ "not graded yet" if score is none else "%g points" % score }}</h2>
<p>{{ comment }}</p>
{% endfor %}
{% if result.cells %}
<h2>Cells that did not run through</h2>
{% for cell in result.cells %}
<p>Cell {{ cell.cell }} {{ cell.says }}:</p>
<pre>{{ cell.source }}</pre>
{% endfor %}
{% endif %}
{% else %}
<p>Not graded: {{ result.status }}.</p>
{% endif %}
{% if result.notes %}
<h2>About the file that you handed in</h2>
<ul>
{% for note in result.notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
{% endif %}
</body>
</html>
"""


def report(course: Path, chapter: str, results: Results, by_hand: ByHand) -> list[Path]:
    """Write the tables, the plot and the pages, and return their paths."""
    folder = course / "reports" / chapter
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(table(course, chapter, results, by_hand))
    written = [
        save(folder / "scores.csv", rows),
        save(folder / "canvas.csv", canvas(rows, points_of(course, chapter))),
        save(folder / "moodle.csv", moodle(rows)),
        plot(folder / "hardest.png", results),
    ]
    page = Environment(autoescape=True, trim_blocks=True).from_string(PAGE)
    for student, result in results.items():
        given = [(name, value) for (who, name), value in by_hand.items() if who == student]
        path = course / "feedback" / student / chapter / f"{chapter}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page.render(chapter=chapter, student=student, result=result, by_hand=given), "utf-8", "replace")
        written.append(path)
    return written


def table(course: Path, chapter: str, results: Results, by_hand: ByHand) -> Iterable[dict[str, Any]]:
    """Yield a row for each student: one column for each question, a total, and what there is to know.

    What is not graded yet has no number. A total is given only when every question has one.
    """
    known = students(course)
    for student, result in results.items():
        scores = {exercise["name"]: exercise["score"] for exercise in result.get("exercises", ())}
        scores |= {name: score for (who, name), (score, _) in by_hand.items() if who == student}
        questions = {f"{chapter} {name}": scores.get(name) for name in points_of(course, chapter)}
        complete = all(score is not None for score in questions.values())
        person = known.get(student, {})
        yield {
            "id": student,
            "last name": person.get("last_name", ""),
            "first name": person.get("first_name", ""),
            "email": person.get("email", ""),
            **questions,
            f"{chapter} total": sum(score or 0 for score in questions.values()) if complete else None,
            "status": result["status"],
            "notes": "; ".join(result["notes"]),
        }


def points_of(course: Path, chapter: str) -> dict[str, float]:
    """Return the points of a chapter's questions."""
    return {name.removesuffix("-check"): points for name, points in graded(releases(course)[chapter]).items()}


def canvas(rows: list[dict[str, Any]], points: dict[str, float]) -> Iterable[dict[str, Any]]:
    """Yield the rows as Canvas imports them; an empty cell leaves what Canvas has."""
    questions = [name for name in (rows[0] if rows else {}) if name.split()[-1] in points]
    possible = {name: points[name.split()[-1]] for name in questions}
    fixed = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
    yield dict.fromkeys(fixed, "") | {"Student": "    Points Possible"} | possible
    for row in rows:
        name = f"{row['last name']}, {row['first name']}" if row["last name"] else row["id"]
        about = {"Student": name, "ID": "", "SIS User ID": row["id"], "SIS Login ID": row["email"], "Section": ""}
        yield about | {question: row[question] for question in questions}


def moodle(rows: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield the rows as Moodle's grade import takes them, which finds a person by number or address."""
    names = {"id": "ID number", "first name": "First name", "last name": "Last name", "email": "Email address"}
    for row in rows:
        scores = {name: value for name, value in row.items() if name not in ABOUT}
        yield {new: row[old] for old, new in names.items()} | scores | {"Feedback comments": row["notes"]}


ABOUT = ("id", "last name", "first name", "email", "status", "notes")


def save(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write a table. No cell can be taken for a formula by the program that opens it."""
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["id"])
        writer.writeheader()
        writer.writerows({key: harmless(value) for key, value in row.items()} for row in rows)
    return path


def harmless(value: Any) -> Any:
    """Put an apostrophe before what a spreadsheet would compute."""
    if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@")):
        return f"'{value}"
    return f"{value:g}" if isinstance(value, float) else value


def plot(path: Path, results: Results) -> Path:
    """Draw what share of the class got each part of each exercise right, the hardest on top."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    right: dict[str, list[bool]] = defaultdict(list)
    for result in results.values():
        for exercise in result.get("exercises", ()):
            for case in exercise["cases"]:
                right[f"{exercise['name']}: {case['title']}"].append(case["score"] == case["max"])
    shares = sorted(((sum(r) / len(r), name) for name, r in right.items()), reverse=True)
    graded = sum(result["status"] == "graded" for result in results.values())
    with plt.style.context("nnlib.book"):
        figure, axes = plt.subplots(figsize=(7, 1 + 0.35 * len(shares)), facecolor="white")
        axes.barh([name for _, name in shares], [100 * share for share, _ in shares])
        for place, (share, _) in enumerate(shares):
            axes.text(100 * share + 1, place, f"{100 * share:.0f} %", va="center")
        axes.set(xlim=(0, 112), xlabel=f"right, % of {graded} graded submissions")
        axes.set_title(f"Hardest: {shares[-1][1]}" if shares else "Nothing graded yet")
        figure.savefig(path, bbox_inches="tight")
        plt.close(figure)
    return path
