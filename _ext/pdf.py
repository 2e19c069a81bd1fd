"""The whole book as one PDF, `make pdf`: the built pages, put together and printed by Chromium.

The outline is made of the headings, links from chapter to chapter lead within the file, and every page is numbered.
Questions are printed unfolded, solutions only with ``--solutions``.
"""

import argparse
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from browser import FLAGS, NoChromiumError, find_chromium, served
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import sync_playwright
from pypdf import PdfWriter
from pypdf.generic import NameObject, TextStringObject

ROOT = Path(__file__).parent.parent
FOOTER = '<div style="font: 8pt sans-serif; margin: auto; color: #555"><span class="pageNumber"></span></div>'


def main() -> None:
    """Print the site in ``_build/html`` into ``_build/not-magic.pdf``, or other folders and files."""
    parser = argparse.ArgumentParser(description="Print the built site into one PDF.")
    parser.add_argument("--solutions", action="store_true", help="print the solutions of the exercises")
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--output", type=Path, default=ROOT / "_build" / "not-magic.pdf")
    options = parser.parse_args()
    try:
        print_book(options.html, options.output, solutions=options.solutions)
    except NoChromiumError as error:
        sys.exit(f"make pdf: {error}")
    print(f"The PDF is ready: {options.output}")


def print_book(html: Path, output: Path, *, solutions: bool) -> None:
    """Print the pages of the site in ``html``."""
    chromium = find_chromium("the PDF")
    whole = html / "whole-book.html"
    whole.write_text(join_pages(html, solutions=solutions), encoding="utf-8")
    try:
        with served(html) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            page = browser.new_page(color_scheme="light")
            page.goto(address + whole.name, wait_until="networkidle", timeout=120_000)
            page.evaluate("document.fonts.ready")
            margin = {"top": "22mm", "bottom": "22mm", "left": "24mm", "right": "24mm"}
            page.pdf(
                path=output,
                format="A4",
                margin=margin,  # type: ignore[arg-type]
                outline=True,
                tagged=True,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOTER,
            )
            headings = page.locator("h1, h2, h3, h4, h5, h6").all_text_contents()
            browser.close()
    finally:
        whole.unlink()
    name_headings(output, headings)


def name_headings(path: Path, headings: list[str]) -> None:
    """Write the outline's titles anew: Chromium repeats one at the end of a page and joins the words of two lines."""
    document = PdfWriter(clone_from=path)
    titles = iter(headings)

    def rename(item: Any) -> None:
        while item is not None:
            item = item.get_object()
            item[NameObject("/Title")] = TextStringObject(" ".join(next(titles).split()))
            rename(item.get("/First"))
            item = item.get("/Next")

    rename(document.root_object["/Outlines"].get_object()["/First"])  # type: ignore[index]
    assert next(titles, None) is None, "the outline lacks a heading"
    document.add_metadata({"/Title": "Not Magic", "/Author": "The Not Magic authors"})
    document.write(path)


def join_pages(html: Path, *, solutions: bool) -> str:
    """Return one page with the articles of all, in the order of the contents, their names and links made unique."""
    first = read(html / "index.html")
    links = [str(link["href"]) for link in first.select("#contents a")]
    pages = ["index.html"] + [link for link in links if link != "#"]
    articles = []
    for name in dict.fromkeys(pages):
        soup = read(html / name)
        article = soup.select_one("article")
        assert article is not None, f"{name} has no article: the theme has changed"
        articles.append(prepare(article, name, set(pages), solutions=solutions))
    whole = BeautifulSoup(
        '<!DOCTYPE html><html lang="en"><head></head><body><main></main></body></html>', "html.parser"
    )
    assert whole.head is not None
    assert whole.main is not None
    whole.head.append(BeautifulSoup('<meta charset="utf-8"><title>Not Magic</title>', "html.parser"))
    whole.head.append(whole.new_tag("link", rel="stylesheet", href="_static/site.css"))
    whole.main.extend(articles)
    return str(whole)


def read(path: Path) -> BeautifulSoup:
    """Parse a page."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def prepare(article: Tag, name: str, pages: set[str], *, solutions: bool) -> Tag:
    """Make a page's article part of the whole: what it names and what it links to, and what is unfolded in it."""
    here = Path(name)
    article["id"] = label(name)
    article["class"] = "printed"
    for tag in article.select("[id]"):
        if tag is not article:
            tag["id"] = label(name, str(tag["id"]))
    for link in article.select("a[href]"):
        path, _, anchor = str(link["href"]).partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        target = resolve(here, path) if path else name
        if target in pages:
            link["href"] = "#" + label(target, unquote(anchor))
        else:
            link.unwrap()  # a file of the site, which the PDF has not
    for image in article.select("img[src]"):
        image["src"] = resolve(here, str(image["src"]))
    for link in article.select(".headerlink"):
        link.decompose()
    for folded in article.select("details"):
        if "folded" not in folded.get_attribute_list("class") or solutions:
            folded["open"] = ""
    return article


def label(page: str, anchor: str = "") -> str:
    """Return the name of a place in the whole."""
    return page.removesuffix(".html").replace("/", "-") + (f"--{anchor}" if anchor else "")


def resolve(page: Path, path: str) -> str:
    """Return a link's target, relative to the root of the site."""
    parts: list[str] = []
    for part in (page.parent / unquote(path)).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


if __name__ == "__main__":
    main()
