"""The built pages in a real browser. A page that asks another host, or that logs an error, fails the test it is in.

A test takes `visit` and opens pages with it:

    page = visit("chapters/01-neuron.html", width=390, theme="dark")

What comes back is a page of Playwright's, ready to be looked at and operated.
"""

import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from browser import FLAGS, NoChromiumError, find_chromium, served  # noqa: E402

HTML = ROOT / "_build" / "html"
# Everything that moves without being touched, added up since the page began to load.
WATCH_SHIFTS = """
    window.shifted = [];
    new PerformanceObserver(list => {
        for (const entry of list.getEntries())
            if (!entry.hadRecentInput)
                window.shifted.push([entry.value, entry.sources.map(source => source.node?.outerHTML?.slice(0, 120))]);
    }).observe({type: "layout-shift", buffered: true});
"""


def pytest_collection_modifyitems(items):
    """Mark what needs the built site, hence the pinned versions."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.pinned)


@pytest.fixture(scope="session")
def chromium():
    """The path of the browser."""
    try:
        return find_chromium("a test of the site")
    except NoChromiumError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def address():
    """Where the built site is served, a port of this computer."""
    if not (HTML / "index.html").is_file():
        pytest.fail("There is no built site: run make book", pytrace=False)
    with served(HTML) as address:
        yield address


@pytest.fixture(scope="module")  # while it is open, nothing else in this process can use asyncio
def browser(chromium):
    """One Chromium for the tests of a file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def contexts(browser, address):
    """One window for each width and theme, opened when it is asked for, so that its cache serves every test."""
    opened = {}

    def context(width, theme, **options):
        key = (width, theme, repr(options))
        if key not in opened:
            size = {"width": width, "height": 844 if width < 600 else 900}
            opened[key] = browser.new_context(
                base_url=address, viewport=size, color_scheme=theme, has_touch=width < 600, **options
            )
            opened[key].add_init_script(WATCH_SHIFTS)
        return opened[key]

    yield context
    for context in opened.values():
        context.close()


@pytest.fixture
def visit(contexts, address):
    """Open a page of the site, given as a path below its root; ``options`` are those of a Playwright context."""
    pages, problems = [], []

    def visit(path, width=1280, theme="light", wait_until="load", **options):
        page = contexts(width, theme, **options).new_page()
        pages.append(page)
        page.asked = []

        def note(request):
            page.asked.append(request.url)
            if not request.url.startswith((address, "data:", "blob:")):
                problems.append(f"{path} asks {request.url}")

        page.on("request", note)
        page.on("pageerror", lambda error: problems.append(f"{path} throws {error}"))
        page.on("console", lambda message: hear(page, message))
        assert page.goto(path, wait_until=wait_until).ok
        return page

    def hear(page, message):
        # That a page itself is missing, which the browser logs as well, is what some test asked for.
        if message.type == "error" and message.location["url"] != page.url:
            problems.append(f"{page.url} logs {message.text}")

    yield visit
    for page in pages:
        page.close()
    assert not problems, "\n".join(problems)
