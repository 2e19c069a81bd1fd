"""The site, built once for all tests that look at its pages."""

import pytest

from coursework.book import build_book, copy_book


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built pages."""
    folder = copy_book(tmp_path_factory.mktemp("book"))
    done = build_book(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"
