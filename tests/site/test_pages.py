"""Every page, in both themes, on a wide screen and on a phone."""

import re

import pytest
from browser import compressed
from refresh import CHAPTERS

from coursework.book import ROOT

HTML = ROOT / "_build" / "html"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = [1280, 390]
LAID_OUT = "* { content-visibility: visible !important }"  # also what is far from the screen
CHAPTER_PAGES = sorted(f"chapters/{path.stem}.html" for path in CHAPTERS.iterdir() if path.suffix in {".md", ".ipynb"})
PAGES = ["index.html", "404.html", "genindex.html", "search.html", *CHAPTER_PAGES]
NUMBERED = [page for page in CHAPTER_PAGES if re.match(r"chapters/\d", page)]


def violations(page, *rules):
    """What axe finds wrong, by all of its rules or by some: rule, element, and how it can be mended."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    # A formula is there twice, as MathML and, hidden from those who listen, as thousands of boxes without a colour.
    results = page.evaluate("options => axe.run({exclude: ['.katex-html']}, options)", options)
    return [
        f"{rule['id']}: {node['html'][:150]} {node['failureSummary'][:300]}"
        for rule in results["violations"]
        for node in rule["nodes"][:3]
    ]


def weights(page):
    """What the browser has asked for, compressed: the weight of the figures, and of everything else."""
    figures, rest = {}, {}
    for url in page.asked:
        name = re.sub(r"^http://[^/]*/|[?#].*$", "", url)
        kind = figures if name.startswith(("_images/", "_static/figures/")) else rest
        kind[name] = len(compressed(HTML / name))
    return figures, rest


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_is_light_stands_still_and_is_open_to_everyone(visit, path, width):
    page = visit(path, width)
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(100)
    shifts = page.evaluate("window.shifted")
    assert sum(value for value, _ in shifts) <= 0.02, shifts

    figures, rest = weights(page)
    assert max(figures.values(), default=0) <= 60_000, figures
    if path == "index.html":
        assert sum(figures.values()) + sum(rest.values()) <= 200_000, figures | rest
    elif path != "search.html":  # which brings the index of the whole book
        assert sum(rest.values()) <= 160_000, rest

    page.add_style_tag(content=LAID_OUT)
    # What is folded is looked at as well, and then the colours of the other theme, which differs in nothing else.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("for (const one of document.querySelectorAll('article details')) one.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.add_script_tag(path=AXE)
    assert violations(page) == []
    page.locator("button.switch").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.evaluate("localStorage.clear()")
    assert violations(page, "color-contrast", "link-in-text-block") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_begins_in_the_theme_of_the_system_and_keeps_the_one_that_was_chosen(visit, theme):
    other = {"light": "dark", "dark": "light"}[theme]
    page = visit("index.html", theme=theme)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.locator("button.switch").click()
    assert page.evaluate("document.documentElement.dataset.theme") == other
    page.goto("chapters/notation.html")
    assert page.evaluate("document.documentElement.dataset.theme") == other
    page.evaluate("localStorage.clear()")


@pytest.mark.parametrize(("word", "expected"), [("perceptron", "02-perceptron"), ("saturation", "03-activations")])
def test_the_search_finds_a_term(visit, word, expected):
    page = visit("chapters/notation.html")
    page.keyboard.press("/")
    page.keyboard.type(word)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    results = page.locator("#search-results li a")
    results.first.wait_for()
    page.wait_for_load_state("networkidle")
    assert any(expected in link.get_attribute("href") for link in results.all())
    results.first.click()
    assert page.locator("article h1").count() == 1


@pytest.mark.parametrize("path", NUMBERED)
def test_an_option_opens_by_keyboard_and_solutions_are_folded(visit, path):
    page = visit(path)
    option = page.locator("details.option").first
    assert not page.locator("article details[open]").count()
    feedback = option.locator("p").first
    assert not feedback.is_visible()
    option.locator("summary").focus()
    page.keyboard.press("Enter")
    assert feedback.is_visible()
    solution = page.locator("details.folded", has_text="Show a solution")
    assert solution.count() == 1
    assert not solution.locator("pre").first.is_visible()


def test_printing_unfolds_and_folds_again(visit):
    page = visit("chapters/11-xor-numpy.html")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.locator("article details:not([open])").count()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.locator("article details[open]").count()


def test_what_is_cut_off_can_be_scrolled_by_keyboard(visit):
    page = visit("chapters/09-backprop-matrices.html", 390)
    page.add_style_tag(content=LAID_OUT)
    page.wait_for_timeout(300)
    boxes = page.locator("article :is(pre, .katex-display, .table)")
    wide = boxes.evaluate_all("""
        all => all.filter(box => box.checkVisibility() && box.scrollWidth > box.clientWidth)
            .map(box => box.tabIndex)""")
    assert len(wide) > 5
    assert set(wide) == {0}
    # A formula begins where its box begins: nothing of it lies to the left, where no scrolling leads.
    starts = page.locator(".katex-display").evaluate_all("""
        all => all.map(box => box.querySelector(".katex-html").getBoundingClientRect().left
            - box.getBoundingClientRect().left)""")
    assert min(starts) >= 0


def test_the_contents_open_on_a_phone(visit):
    page = visit("chapters/05-forward.html", 390)
    link = page.locator("#contents").get_by_text("Walk downhill")
    assert not link.is_visible()
    page.get_by_role("button", name="Contents").click()
    link.click()
    page.wait_for_url("**/07-descent.html")


def test_code_is_copied_without_prompts(visit):
    page = visit("chapters/11-xor-numpy.html", permissions=["clipboard-read", "clipboard-write"])
    page.locator("button.copybtn").first.click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("%config InlineBackend")


def test_a_missing_page_says_so_and_leads_back_from_any_depth(visit):
    page = visit("404.html")
    page.goto("chapters/deep/er/nothing.html")
    assert "not in the book" in page.locator("h1").inner_text()
    assert page.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "flex"
    page.locator("article a").click()
    assert page.locator("h1").inner_text().startswith("Not Magic")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("chapter", ["01-neuron", "12-xor-fails", "15-autograd"])
def test_no_line_begins_with_the_full_stop_behind_a_formula(visit, chapter, width):
    page = visit(f"chapters/{chapter}.html", width)
    page.add_style_tag(content=LAID_OUT)
    loose = """() => [...document.querySelectorAll(".glued")].filter(glued => {
        const range = document.createRange();
        range.selectNodeContents(glued.lastChild);
        const mark = range.getBoundingClientRect(), formula = [...glued.querySelectorAll(".base")].pop();
        return mark.top > formula.getBoundingClientRect().bottom - 2;
    }).map(glued => glued.textContent)"""
    assert page.locator(".glued").count() >= 20
    assert page.evaluate(loose) == []
