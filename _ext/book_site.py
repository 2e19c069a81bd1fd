"""The site around the pages: its theme, what the layout shows of a page, and what search engines ask for."""

import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

import numpy as np
from docutils import nodes
from matplotlib.figure import Figure
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

from nnlib.initializers import normal
from nnlib.layers import Linear, Sigmoid
from nnlib.network import Network
from nnlib.plotting import plot_network

HERE = Path(__file__).parent
TYPEFACE = HERE.parent / "node_modules/@fontsource/source-serif-4/files"
# Of each letter the shapes that a page needs: upright, italic, semibold.
FONTS = [f"_static/fonts/serif-{style}.woff2" for style in ("400-normal", "400-italic", "600-normal")]
# The styles of all pages are one file, for which a browser has to ask once.
STYLES = ("book.css", "figures/figures.css", "copybutton.css", "katex/katex.min.css")
LOGO = (HERE / "static/logo.svg").read_text(encoding="utf-8")


def configure(_app: Sphinx, config: Any) -> None:
    """Take the theme, and derive from the repository's address, if there is one, that of the site."""
    if not TYPEFACE.is_dir():
        raise ConfigError("The typeface is not installed: run .venv/bin/npm ci, as make book does")
    config.html_theme_options = {}  # Jupyter Book's, for another theme
    config.html_static_path.append(str(HERE / "static"))
    config.html_title = config.project = config.html_title or config.project
    config.html_additional_pages["404"] = "404.html"
    if config.book_repository:
        parts = urlsplit(config.book_repository)
        owner, _, name = parts.path.strip("/").partition("/")
        if (parts.scheme, parts.netloc) != ("https", "github.com") or not name or "/" in name:
            raise ConfigError(f"book_repository must be https://github.com/OWNER/NAME, not {config.book_repository!r}")
        config.html_baseurl = config.html_baseurl or f"https://{owner.lower()}.github.io/{name}/"


def find_parts(app: Sphinx) -> list[tuple[str | None, list[tuple[str, str, str]]]]:
    """Return the parts of the book: their captions, and of each page its number, its title and its name."""
    root = app.config.root_doc
    parts: list[tuple[str | None, list[tuple[str, str, str]]]] = [(None, [("", "The book", root)])]
    for toctree in app.env.get_doctree(root).findall(addnodes.toctree):
        pages = [doc for _, doc in toctree["entries"]]
        parts.append((toctree["caption"], [(number(doc), app.env.titles[doc].astext(), doc) for doc in pages]))
    return parts


def number(page: str) -> str:
    """Return the number in front of a chapter's name, or nothing."""
    found = re.match(r"(?:.*/)?0*(\d+)-", page)
    return found[1] if found else ""


def tell_page(app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give the layout what it shows of a page."""
    if not hasattr(app, "book_parts"):
        app.book_parts = find_parts(app)  # type: ignore[attr-defined]
    parts = app.book_parts  # type: ignore[attr-defined]
    body = context.get("body", "")
    context |= {
        "nav": parts,
        "logo": LOGO,
        "fonts": FONTS,
        "scripts": find_scripts(body),
        "description": describe(doctree) if doctree else "",
        "opening": open_page(app, page, context, doctree, parts) if doctree else None,
        "links": [],
    }
    if repository := app.config.book_repository:
        context["links"] = [("Repository", repository), ("Report an error", f"{repository}/issues/new")]
        context["card"] = app.config.html_baseurl + "_static/card.png"
    if page == "404":
        # Nobody knows below which address a page was asked for: its links begin at the root of the site.
        root = urlsplit(app.config.html_baseurl or "/").path
        context["pathto"] = lambda target, resource=0: root + target + ("" if resource else ".html")
        context["pageurl"] = None
        context["content_root"] = root


def find_scripts(body: str) -> list[str]:
    """Return the scripts that a page needs. A moving figure ``<nm-neuron>`` is defined by ``figures/neuron.js``."""
    copy = ["documentation_options.js", "clipboard.min.js", "copybutton.js"] if 'class="highlight' in body else []
    figures = [f"figures/{name}.js" for name in sorted(set(re.findall(r"<nm-([a-z-]+)", body)))]
    return [f"_static/{path}" for path in ["book.js", *copy, *figures]]


def describe(doctree: nodes.document) -> str:
    """Return the beginning of a page's first paragraph, as far as a list of search results shows it."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) < 40:
            continue
        if len(text) > 155:
            text = text[:155].rsplit(" ", 1)[0].rstrip(",;:") + " …"
        return text
    return f"{doctree.next_node(nodes.title).astext()}: a page of the book Not Magic."


def open_page(
    app: Sphinx, page: str, context: dict[str, Any], doctree: nodes.document, parts: Any
) -> dict[str, Any] | None:
    """Return what stands above a page's title: number, part, reading and running time, and where its notebook is."""
    part = next((caption for caption, pages in parts if page in {doc for _, _, doc in pages}), None)
    if part is None:
        return None
    facts = [f"Chapter {number(page)}"] if number(page) else []
    facts.append(part)
    for paragraph in doctree.findall(nodes.paragraph):
        label, _, time = paragraph.astext().partition(":")
        if label == "Time":
            facts.append(time.strip().rstrip("."))
            break
    opening: dict[str, Any] = {"facts": facts, "links": []}
    if context.get("page_source_suffix") == ".ipynb":
        opening["notebook"] = f"_sources/{context['sourcename']}"
        if repository := app.config.book_repository:
            place = f"{urlsplit(repository).path.strip('/')}/blob/main/{page}.ipynb"
            binder = f"{urlsplit(repository).path.strip('/')}/main?urlpath={quote(f'lab/tree/{page}.ipynb', safe='')}"
            opening["links"] = [
                ("Open in Colab", f"https://colab.research.google.com/github/{place}"),
                ("Open in Binder", f"https://mybinder.org/v2/gh/{binder}"),
            ]
            opening["install"] = f'%pip install -q "nnlib[plot,progress] @ git+{repository}"'
    return opening


def add_files(app: Sphinx, error: Exception | None) -> None:
    """Serve the typeface, and all styles in one file."""
    if error:
        return
    served = Path(app.outdir, "_static")
    (served / "fonts").mkdir(exist_ok=True)
    for path in FONTS:
        shutil.copy(TYPEFACE / Path(path).name.replace("serif-", "source-serif-4-latin-"), Path(app.outdir, path))
    sheets = []
    for name in STYLES:
        sheet = (served / name).read_text(encoding="utf-8")
        # What a style sheet in a folder of its own asks for is there still.
        sheets.append(re.sub(r"url\((?=fonts/)", f"url({folder(name)}", sheet))
    (served / "site.css").write_text("\n".join(sheets), encoding="utf-8")


def folder(path: str) -> str:
    """Return the folder of a file, with a slash, or nothing."""
    return path.rpartition("/")[0] + "/" * ("/" in path)


def announce(app: Sphinx, error: Exception | None) -> None:
    """Write, for a site whose address is known, its map for search engines and the picture of its social card."""
    if error or not app.config.book_repository:
        return
    pages = sorted(app.env.found_docs)
    lines = [f"<url><loc>{escape(app.config.html_baseurl + page)}.html</loc></url>" for page in pages]
    text = '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    Path(app.outdir, "sitemap.xml").write_text(text + "\n".join(lines) + "\n</urlset>\n", encoding="utf-8")
    draw_card(Path(app.outdir, "_static/card.png"), app.config.html_title)


def draw_card(path: Path, title: str) -> None:
    """Draw what others show beside a link to the book: its network with its title, 1200 by 630 pixels."""
    figure = Figure(figsize=(8, 4.2), dpi=150, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    left.axis("off")
    left.text(0.02, 0.6, title, fontsize=36, fontweight="bold", family="serif", va="center")
    left.text(0.02, 0.36, "Neural networks from one neuron\nto PyTorch, every number checked", fontsize=13, va="center")
    rng = np.random.default_rng(0)
    network = Network(Linear(2, 2, normal), Sigmoid(), Linear(2, 1, normal), Sigmoid(), rng=rng)
    first, second = (layer for layer in network.layers if isinstance(layer, Linear))
    first.W[:], first.b[:], second.W[:], second.b[:] = [[4, -4], [4, -4]], [[-2, 6]], [[4], [4]], [[-6]]
    plot_network(network, np.array([[0.0, 1.0]]), ax=right)
    figure.savefig(path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above to the events of the build."""
    app.add_config_value("book_repository", "", "env", str)
    app.add_config_value("comments_config", {}, "", dict)  # Jupyter Book sets it, for an extension that is left out
    app.add_html_theme("book", str(HERE / "theme"))
    app.connect("config-inited", configure)
    app.connect("html-page-context", tell_page, priority=900)
    app.connect("build-finished", add_files)
    app.connect("build-finished", announce)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
