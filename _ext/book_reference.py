"""What the page about `nnlib` needs beyond Sphinx's autodoc: types and names as a reader writes them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.autodoc import PropertyDocumenter
from sphinx.util.typing import stringify_annotation

from nnlib.activations import Array
from nnlib.initializers import Initializer

# Python does not keep the names of these types, and autodoc would spell them out. What contains another stands first.
NAMES = {
    stringify_annotation(spelled_out, "smart"): name
    for name, spelled_out in {
        "Initializer": Initializer,
        "Array": Array,
        "~numpy.typing.NDArray[~numpy.float64]": npt.NDArray[np.float64],
        "~numpy.typing.NDArray[~numpy.int64]": npt.NDArray[np.int64],
        "~numpy.typing.NDArray[~typing.Any]": npt.NDArray[Any],
        "~numpy.typing.ArrayLike": npt.ArrayLike,
        "~numpy.typing.DTypeLike": npt.DTypeLike,
    }.items()
}


def with_names(text: str) -> str:
    """Put the names of types back."""
    for spelled_out, name in NAMES.items():
        text = text.replace(spelled_out, name)
    return text.replace("Callable[[...]", "Callable[...")


def name_types(
    _app: Sphinx, _what: str, _name: str, obj: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Name the types in a signature. A protocol is not called and has none."""
    if getattr(obj, "_is_protocol", False):
        return "", None
    return signature and with_names(signature), returns and with_names(returns)


class Property(PropertyDocumenter):
    """A property: autodoc asks nobody about its type."""

    def add_line(self, line: str, source: str, *lineno: int) -> None:
        """Write a line of the entry."""
        super().add_line(with_names(line), source, *lineno)


def find_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.Element | None:
    """Find an entry by the end of its name, such as Linear, whichever docstring or signature mentions it."""
    if node.get("refdomain") != "py":
        return None
    node["py:module"], node["refspecific"] = "nnlib", True
    python = env.get_domain("py")
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", node["reftarget"], node, content)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above to the events of the build."""
    app.setup_extension("sphinx.ext.autodoc")
    app.add_autodocumenter(Property, override=True)
    app.connect("autodoc-process-signature", name_types)
    app.connect("missing-reference", find_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
