"""The built pages, what makes a build or a test run fail, the bibliography and the pins."""

import importlib.metadata
import re
import subprocess
import sys
from functools import cache
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook, new_output
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pybtex.database import parse_file
from refresh import CHAPTERS

from coursework.book import ROOT, build_book, copy_book

pytestmark = pytest.mark.pinned
PAGES = sorted(path.stem for path in CHAPTERS.iterdir() if path.suffix in {".md", ".ipynb"})
NOTEBOOKS = sorted(path.stem for path in CHAPTERS.glob("*.ipynb"))
NUMBERED = [name for name in NOTEBOOKS if name[0].isdigit()]


def article(site, page):
    soup = BeautifulSoup((site / "chapters" / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    return soup.select_one("article")


# --- pages ---


@pytest.mark.parametrize("page", PAGES)
def test_page_exists_and_shows_no_raw_markup(site, page):
    text = article(site, page)
    for hidden in text.select("pre, code, dt.sig, .math, script, style"):
        hidden.decompose()
    shown = text.get_text()
    assert len(shown.split()) > 20
    assert "$" not in shown
    assert not re.search(r"\{(cite|eq|ref|doc)[:}]|:::|\*\*|(BEGIN|END) SOLUTION", shown)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_nobody_else_and_its_formulas_are_ready(site, page):
    soup = BeautifulSoup((site / "chapters" / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    asked = soup.select("script[src], link[href], img[src], iframe[src], source[src], video[src], audio[src]")
    assert len(asked) > 5
    assert not [tag for tag in asked if urlsplit(tag.get("src") or tag["href"]).netloc]
    assert all(formula.select_one(".katex-html") for formula in soup.select(".math"))


@pytest.mark.parametrize("page", NUMBERED)
def test_no_line_begins_with_the_comma_behind_a_formula(site, page):
    text = article(site, page)
    assert text.select("span.glued > span.math")
    free = text.select(":not(.glued) > span.math")
    assert not [formula for formula in free if str(formula.next_sibling or "")[:1] in tuple(".,;:!?)")]


def test_the_fonts_of_the_formulas_are_there(site):
    sheet = site / "_static" / "katex" / "katex.min.css"
    fonts = re.findall(r"url\((fonts/[^)]*\.woff2)\)", sheet.read_text(encoding="utf-8"))
    assert len(fonts) == 20
    assert all((sheet.parent / font).is_file() for font in fonts)


@cache
def anchors(page):
    """Return what a link to ``page`` can name behind its #."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    return {tag["id"] for tag in soup.select("[id]")}


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_book_lead_somewhere(site, page):
    here = site / "chapters" / f"{page}.html"
    for link in article(site, page).select("a[href]"):
        parts = urlsplit(link["href"])
        if parts.scheme:
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        assert target.is_file(), link["href"]
        if parts.fragment and target.suffix == ".html":
            assert unquote(parts.fragment) in anchors(target), link["href"]


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_figures_have_alt_text_a_size_a_caption_and_little_weight(site, page):
    figures = article(site, page).select("img")
    assert figures
    for figure in figures:
        assert len(figure["alt"].split()) >= 10
        assert int(figure["width"]) > 100
        assert int(figure["height"]) > 100
        assert figure.find_parent("figure").find("figcaption")
        assert (site / "chapters" / figure["src"]).resolve().stat().st_size <= 60_000


@pytest.mark.parametrize("page", NUMBERED)
def test_solutions_are_folded_and_without_marker_lines(site, page):
    text = article(site, page)
    folded = [
        block for block in text.select("details") if block.summary.get_text().strip().startswith("Show a solution")
    ]
    assert len(folded) == 1
    assert "def " in folded[0].get_text()
    assert "SOLUTION" not in text.get_text()
    assert not text.select("details[open]")


def test_every_page_is_in_the_table_of_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    assert toc["root"] == "index"
    listed = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert sorted(listed) == sorted(f"chapters/{page}" for page in PAGES)


# --- what must fail, fails ---


def test_broken_references_fail_the_build(tmp_path):
    book = copy_book(tmp_path)
    with (book / "chapters" / "notation.md").open("a", encoding="utf-8") as page:
        page.write("\n{eq}`eq-nowhere`, {cite}`nobody1900`, [a page](99-nothing.ipynb) and {ref}`nothing`.\n")
    done = build_book(book)
    assert done.returncode != 0
    for name in ("eq-nowhere", "nobody1900", "99-nothing.ipynb", "nothing"):
        assert re.search(rf"WARNING.*{name}", done.stderr + done.stdout), name


@pytest.mark.parametrize(
    ("source", "stored"),
    [("assert 1 + 1 == 3", None), ("raise ValueError('no')", None), ("print(1 + 1)", "3\n"), ("print(2)", None)],
    ids=["assertion", "exception", "stale text", "missing output"],
)
def test_a_wrong_notebook_fails_the_test_run(tmp_path, source, stored):
    outputs = [new_output("stream", name="stdout", text=stored)] if stored else []
    cell = new_code_cell(source, id="only", execution_count=1, outputs=outputs)
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(new_notebook(cells=[cell], metadata=kernel), tmp_path / "wrong.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout


# --- bibliography ---

FIELDS = {
    "article": {"author", "title", "journal", "year"},
    "book": {"author", "title", "publisher", "year"},
    "incollection": {"author", "title", "booktitle", "publisher", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "mastersthesis": {"author", "title", "school", "year"},
    "phdthesis": {"author", "title", "school", "year"},
    "techreport": {"author", "title", "institution", "year"},
    "misc": {"author", "title", "year"},
}


def test_references_are_complete_and_every_citation_has_one():
    bibliography = parse_file(str(CHAPTERS / "references.bib"))
    for key, entry in bibliography.entries.items():
        have = set(entry.fields) | set(entry.persons)
        assert have >= FIELDS[entry.type], f"{key} lacks {FIELDS[entry.type] - have}"
        if "doi" in entry.fields:
            assert re.fullmatch(r"10\.\d{4,5}/\S+", entry.fields["doi"]), key
    sources = [ROOT / "index.md", *(path for path in CHAPTERS.iterdir() if path.suffix in {".md", ".ipynb"})]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    cited = {key for group in re.findall(r"\{cite(?::\w)?\}`([^`]+)`", text) for key in group.split(",")}
    assert cited == set(bibliography.entries), "cited and listed references differ"


# --- the whole ---


def test_every_chapter_is_in_the_contents_of_all_that_list_chapters():
    titles = {}
    for name in NUMBERED:
        notebook = nbformat.read(CHAPTERS / f"{name}.ipynb", as_version=4)
        titles[name] = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    assert [name.removeprefix("chapters/") for name in files if name[9].isdigit()] == NUMBERED
    landing = (ROOT / "index.md").read_text(encoding="utf-8")
    guide = (CHAPTERS / "instructors.md").read_text(encoding="utf-8")
    closing = (CHAPTERS / "closing.ipynb").read_text(encoding="utf-8")
    for name, title in titles.items():
        number = int(name[:2])
        assert f"| {number} | [{title}](chapters/{name}.ipynb) |" in landing, name
        assert f"| [{number} {title}]({name}.ipynb) |" in guide, name
        assert f"]({name}.ipynb)" in closing, name


# --- pins ---


def test_everything_the_book_depends_on_is_pinned_and_installed_so():
    pins = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), line
            pins[canonicalize_name(requirement.name)] = requirement
    todo, seen = [("nnlib", extra) for extra in ("", "book", "notebooks", "test")], set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # the notebooks' own tools need not be installed to run the tests
        if name != "nnlib":
            assert name in pins, f"{name} {distribution.version} is not pinned"
            assert pins[name].specifier.contains(distribution.version), f"{name} {distribution.version} is not the pin"
        for line in distribution.requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(requirement.name), wanted) for wanted in ("", *requirement.extras)]
    assert {"numpy", "torch", "sphinx", "jupyter-book", "nbval"} <= {name for name, _ in seen}


def test_no_machine_path_and_no_package_index_is_named():
    named = re.compile(r"(?<![\w.])/(?:work|root)/\w|pythonhosted|registry\.npmjs|pypi\.org")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = [ROOT / name for name in tracked if name and not name.endswith(".png")]
    assert len(texts) > 40
    for path in texts:
        if path.name != "test_book.py":
            found = named.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.name}: {found[0]}"
