"""What surrounds the pages: colours, addresses, the files for search engines, and the PDF. On a book of two pages."""

import re
import subprocess
import sys

import nbformat
import pytest
from browser import NoChromiumError, find_chromium
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image
from pypdf import PdfReader

from coursework.book import ROOT, build_book
from nnlib import plotting

ADDRESS = "https://github.com/Somebody/some-book"
CHAPTER = """# Take one step

The only chapter of this book, long enough to say in its first sentence what the whole page is about.

## At a glance

**Time:** 5 minutes to read, a second to run.

## Check yourself

<details class="option right">
<summary><b>A.</b> An option, with $x^2$ in what follows.</summary>

The feedback of this option has a formula, $x^2$, and a [link](../index.md).

</details>
"""


@pytest.fixture(scope="module", params=["", ADDRESS], ids=["without an address", "with an address"])
def small(request, tmp_path_factory):
    """A book of two pages, with and without an address, and the address."""
    folder = tmp_path_factory.mktemp("small")
    for name in ("_ext", "node_modules", "requirements.txt"):
        (folder / name).symlink_to(ROOT / name)
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert '\n    book_repository: ""\n' in config
    config = config.replace('book_repository: ""', f"book_repository: {request.param!r}")
    (folder / "_config.yml").write_text(config, encoding="utf-8")
    toc = "format: jb-book\nroot: index\nparts:\n  - caption: Steps\n    chapters:\n      - file: chapters/07-step\n"
    (folder / "_toc.yml").write_text(toc, encoding="utf-8")
    (folder / "index.md").write_text("# Not Magic\n\nTwo pages that stand for the whole book, in a test.\n")
    (folder / "chapters").mkdir()
    (folder / "chapters" / "references.bib").touch()
    solution = new_code_cell(
        "print('the solution')",
        id="solution",
        metadata={
            "tags": ["hide-cell"],
            "mystnb": {"code_prompt_show": "Show a solution", "code_prompt_hide": "Hide the solution"},
        },
    )
    cells = [new_markdown_cell(CHAPTER, id="text"), solution]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "chapters" / "07-step.ipynb")
    done = build_book(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html", request.param


def page(small, name):
    return BeautifulSoup((small[0] / name).read_text(encoding="utf-8"), "html.parser")


def test_above_a_chapter_stand_its_number_its_part_and_its_times(small):
    soup = page(small, "chapters/07-step.html")
    facts = [fact.get_text() for fact in soup.select(".opening p span")]
    assert facts == ["Chapter 7", "Steps", "5 minutes to read, a second to run"]
    assert soup.select_one("meta[name=description]")["content"].startswith("The only chapter of this book")
    notebook = soup.select_one(".actions a[download]")["href"]
    assert (small[0] / "chapters" / notebook).resolve().suffix == ".ipynb"
    assert (small[0] / "chapters" / notebook).resolve().is_file()


def test_what_needs_an_address_is_there_with_one_and_only_then(small):
    html, address = small
    soup = page(small, "chapters/07-step.html")
    links = {link.get_text(): link["href"] for link in soup.select(".actions a, footer a")}
    wanted = {
        "Open in Colab": "https://colab.research.google.com/github/Somebody/some-book/blob/main/chapters/07-step.ipynb",
        "Open in Binder": "https://mybinder.org/v2/gh/Somebody/some-book/main?urlpath=lab%2Ftree%2Fchapters%2F07-step.ipynb",
        "Repository": ADDRESS,
        "Report an error": f"{ADDRESS}/issues/new",
    }
    here = "https://somebody.github.io/some-book/"
    if address:
        assert wanted.items() <= links.items()
        assert f"git+{ADDRESS}" in soup.select_one(".install code").get_text()
        assert soup.select_one("link[rel=canonical]")["href"] == f"{here}chapters/07-step.html"
        assert soup.select_one("meta[property='og:image']")["content"] == f"{here}_static/card.png"
        with Image.open(html / "_static" / "card.png") as card:
            assert card.size == (1200, 630)
        listed = re.findall(r"<loc>(.*?)</loc>", (html / "sitemap.xml").read_text(encoding="utf-8"))
        assert listed == [f"{here}chapters/07-step.html", f"{here}index.html"]
    else:
        assert not wanted.keys() & links.keys()
        assert not soup.select(".install, link[rel=canonical], meta[property]")
        assert not (html / "sitemap.xml").exists()
        assert not (html / "_static" / "card.png").exists()


def test_the_page_for_what_is_missing_links_from_the_root_of_the_site(small):
    soup = page(small, "404.html")
    root = "/some-book/" if small[1] else "/"
    asked = [tag.get("href") or tag["src"] for tag in soup.select("link[href], script[src], nav a, article a, .brand")]
    assert len(asked) > 5
    assert not [address for address in asked if not address.startswith(root)]


def test_an_address_that_is_none_ends_the_build(tmp_path):
    for name in ("_ext", "node_modules", "_toc.yml", "index.md", "chapters", "requirements.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    config = config.replace('book_repository: ""', "book_repository: github.com/name")
    (tmp_path / "_config.yml").write_text(config, encoding="utf-8")
    done = build_book(tmp_path)
    assert done.returncode != 0
    assert "https://github.com/OWNER/NAME" in done.stdout + done.stderr


def test_the_theme_still_has_what_is_taken_from_sphinx(small):
    # The search asks for these by name; without them it would be silent about it.
    soup = page(small, "search.html")
    scripts = [tag["src"] for tag in soup.select("script[src]")]
    assert all((small[0] / script).is_file() for script in scripts)
    assert soup.select_one("#search-results")
    assert soup.select_one("#search-progress")
    assert soup.select_one("[role=main] article")
    assert page(small, "chapters/07-step.html").select_one(".here a").get_text() == "Take one step"


# --- colours ---

CSS = (ROOT / "_ext" / "static" / "book.css").read_text(encoding="utf-8")
TINTS = {name: pair for name, *pair in re.findall(r"--nm-([\w-]+): light-dark\((#\w+), (#\w+)\)", CSS)}


def luminance(color):
    """The relative luminance of WCAG 2."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_the_palette_is_that_of_the_figures():
    lines = dict(re.findall(r"--nm-([\w-]+): (#\w+);", CSS))
    palette = {
        name: getattr(plotting, name.upper())
        for name in ("forward", "backward", "target", "failure", "second", "annotation")
    }
    assert {name: color.upper() for name, color in lines.items()} == palette


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", sorted(name for name in TINTS if name.endswith("text") or name == "strong"))
def test_text_in_every_colour_reads_on_the_page_and_on_its_panels(name, theme):
    for ground in ("page", "panel"):
        assert contrast(TINTS[name][theme], TINTS[ground][theme]) >= 4.5


# --- the PDF ---


@pytest.mark.usefixtures("chromium")
@pytest.mark.parametrize("solutions", [False, True])
def test_the_book_is_printed_with_outline_and_numbers(small, tmp_path, solutions):
    html, address = small
    if address:
        pytest.skip("the same pages without their address are enough")
    output = tmp_path / "book.pdf"
    command = [sys.executable, ROOT / "_ext" / "pdf.py", "--html", html, "--output", output]
    subprocess.run([*command, "--solutions"] if solutions else command, check=True, capture_output=True)
    document = PdfReader(output)
    assert document.metadata.title == "Not Magic"
    titles = [item.title for item in document.outline if not isinstance(item, list)]
    assert titles == ["Not Magic", "Take one step"]
    texts = [sheet.extract_text() for sheet in document.pages]
    assert [text.split()[-1] for text in texts] == [str(number) for number in range(1, len(texts) + 1)]
    assert "The feedback of this option" in texts[1]
    assert ("the solution" in "".join(texts)) == solutions
    assert not (html / "whole-book.html").exists()


def test_without_chromium_it_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(NoChromiumError, match="apt-get install chromium"):
        find_chromium("the PDF")
    done = subprocess.run([sys.executable, ROOT / "_ext" / "pdf.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Chromium" in done.stderr
    assert "Traceback" not in done.stderr
