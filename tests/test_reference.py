"""The page about nnlib: every public name has one entry, which says something, links on and shows no raw markup."""

import copy
import pkgutil
import re
from collections import Counter

import pytest
from bs4 import BeautifulSoup

import nnlib
from nnlib import plotting

pytestmark = pytest.mark.pinned
NAMES = [f"nnlib.{name}" for name in nnlib.__all__] + [
    f"nnlib.plotting.{name}" for name in vars(plotting) if name.startswith("plot_")
]


@pytest.fixture(scope="module")
def built(site):
    html = (site / "chapters" / "nnlib.html").read_text(encoding="utf-8")
    return BeautifulSoup(html, "html.parser").select_one("article")


@pytest.fixture
def page(built):
    return copy.deepcopy(built)


def heads(page):
    """Return the first line of every entry, by its anchor."""
    return {head["id"]: head for head in page.select("dt.sig[id]")}


def text(tag, without=()):
    """Return what ``tag`` shows, leaving out what the selectors in ``without`` match."""
    tag = copy.copy(tag)
    for selector in without:
        for part in tag.select(selector):
            part.decompose()
    return " ".join(tag.get_text().split())


# --- the rules: each lists what is wrong ---


def wrong_entries(page):
    """Every public name once, under the name to import it by, and nothing that nnlib does not have."""
    names = [head["id"] for head in page.select("dt.sig[id]")]
    members = [head["id"] for head in page.select("dd dt.sig[id]")]
    counts = Counter(names)
    last = Counter(name.rsplit(".")[-1] for name in names if name not in members)
    wrong = [name for name in NAMES if counts[name] != 1 or last[name.rsplit(".")[-1]] != 1]
    for name in names:
        try:
            pkgutil.resolve_name(name)
        except (AttributeError, ImportError):
            wrong.append(name)
    return wrong


def without_description(page):
    silent = []
    for name, head in heads(page).items():
        said = head.find_next_sibling("dd")
        if said is None or len(text(said, ["dl", "pre"]).split()) < 2:
            silent.append(name)
    return silent


def wrong_links(page):
    """A link leads to an entry, and whatever has an entry is a link where another entry names it."""
    ids = {tag["id"] for tag in page.select("[id]")}
    wrong = [link["href"] for link in page.select("a[href^='#']") if link["href"][1:] not in ids]
    for name in page.select("code.xref"):
        if {f"nnlib.{text(name)}", f"module-{text(name)}"} & ids and not name.find_parent("a"):
            wrong.append(text(name))
    for name in ("nnlib.fit", "nnlib.check_gradients"):
        if not {"#nnlib.Network", "#nnlib.losses.Loss"} <= {a["href"] for a in heads(page)[name].select("a")}:
            wrong.append(f"the signature of {name}")
    return wrong


def raw_markup(page):
    found = re.findall(r"`|:\w+:|\*|\|\w|>>>", text(page, ["pre", "code", "dt.sig"]))
    found += [text(tag) for tag in page.select(".problematic, .system-message, [id^='system-message']")]
    # What stands between the stars of two shapes would be read as emphasis.
    found += [text(tag) for tag in page.select("dd p em, section > p em") if re.search(r"[(),*]", text(tag))]
    found += [text(tag) for tag in page.select("pre") if ">>>" in text(tag) and not tag.select(".gp")]
    return found


def unreadable_signatures(page):
    """A type goes by its name, and a long signature has a line for every argument."""
    wrong = []
    for name, head in heads(page).items():
        line = text(head, [".viewcode-link", ".headerlink"])
        if re.search(r"ndarray\[|dtype\[|floating|Buffer|Supports|<|~| at 0x|_\w+\.", line.replace("__call__", "")):
            wrong.append(name)
        if len(line) > 100 and not head.select(".parameters"):
            wrong.append(name)
    return wrong


RULES = [wrong_entries, without_description, wrong_links, raw_markup, unreadable_signatures]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_reference_keeps_the_rule(page, rule):
    assert rule(page) == []


# --- the rules themselves: a broken copy must be found out ---


def body(page, name):
    return heads(page)[name].find_next_sibling("dd")


def html(code):
    return BeautifulSoup(code, "html.parser")


def drop_entry(page):
    heads(page)["nnlib.plotting.plot_loss"].decompose()


def repeat_entry(page):
    entry = heads(page)["nnlib.fit"].find_parent("dl")
    entry.insert_after(copy.copy(entry))


def repeat_under_another_name(page):
    entry = copy.copy(heads(page)["nnlib.Linear"].find_parent("dl"))
    entry.dt["id"] = "nnlib.layers.Linear"
    page.append(entry)


def invent_entry(page):
    heads(page)["nnlib.Network.member"]["id"] = "nnlib.Network.remember"


def silence_function(page):
    body(page, "nnlib.xor").p.decompose()


def silence_method(page):
    body(page, "nnlib.SGD.step").clear()


def break_link(page):
    page.select_one("dd a[href='#nnlib.Network.forward']")["href"] = "#nnlib.network.Network.forward"


def unlink_name(page):
    page.select_one("a:has(> code.xref)").unwrap()


def unlink_type(page):
    heads(page)["nnlib.fit"].select_one("a[href='#nnlib.losses.Loss']").unwrap()


def leave_role(page):
    body(page, "nnlib.fit").append(html("<p>See :class:<cite>Network</cite>.</p>"))


def leave_backticks(page):
    body(page, "nnlib.fit").append("``x``")


def leave_star(page):
    body(page, "nnlib.fit").append("x (*stack, batch)")


def emphasize_shapes(page):
    body(page, "nnlib.fit").append(html("<p>x (<em>stack, batch), y (</em>stack, batch)</p>"))


def leave_example_plain(page):
    for prompt in page.select_one("pre:has(.gp)").select(".gp"):
        prompt.unwrap()


def spell_type_out(page):
    heads(page)["nnlib.Network.params"].append("ndarray[tuple[Any, ...], dtype[floating[Any]]]")


def show_address(page):
    heads(page)["nnlib.Linear"].append("<function glorot_uniform at 0x7f>")


def lengthen_signature(page):
    heads(page)["nnlib.step"].append(", argument" * 10)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (wrong_entries, drop_entry),
        (wrong_entries, repeat_entry),
        (wrong_entries, repeat_under_another_name),
        (wrong_entries, invent_entry),
        (without_description, silence_function),
        (without_description, silence_method),
        (wrong_links, break_link),
        (wrong_links, unlink_name),
        (wrong_links, unlink_type),
        (raw_markup, leave_role),
        (raw_markup, leave_backticks),
        (raw_markup, leave_star),
        (raw_markup, emphasize_shapes),
        (raw_markup, leave_example_plain),
        (unreadable_signatures, spell_type_out),
        (unreadable_signatures, show_address),
        (unreadable_signatures, lengthen_signature),
    ],
    ids=lambda part: part.__name__,
)
def test_rule_finds_the_fault(page, rule, fault):
    fault(page)
    assert rule(page)
