"""Chromium without a window, and the built pages on a port of this computer: for the tests, the PDF and the audit."""

import gzip
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# It opens the pages and nothing else: no updates, no first-run page, no answer from any other host.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
MISSING = """No Chromium was found, which {purpose} needs.
On Debian and Ubuntu: apt-get install chromium. Elsewhere Chromium or Chrome, on the PATH or named:
    CHROMIUM=/path/to/chromium make ...
Everything else works without it."""
COMPRESSED = {".css", ".html", ".ipynb", ".js", ".json", ".mjs", ".svg", ".txt", ".xml"}


class NoChromiumError(Exception):
    """There is no browser to open the pages with."""


def find_chromium(purpose: str) -> str:
    """Return the path of Chromium, or say what to do without one."""
    for name in (os.environ.get("CHROMIUM", ""), *NAMES):
        if name and (path := shutil.which(name)):
            return path
    raise NoChromiumError(MISSING.format(purpose=purpose))


@cache
def compressed(path: Path) -> bytes:
    """Return a file as a server sends it: text with gzip, what is compressed already as it is."""
    content = path.read_bytes()
    return gzip.compress(content, 6) if path.suffix in COMPRESSED else content


class Handler(SimpleHTTPRequestHandler):
    """Pages as a plain host sends them: compressed, cacheable, and with the book's own page for what is not there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file."""
        path, status = Path(self.translate_path(self.path)), HTTPStatus.OK
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            path, status = Path(self.directory, "404.html"), HTTPStatus.NOT_FOUND
        body = compressed(path) if path.is_file() else b""
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        if path.suffix in COMPRESSED:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder of pages on 127.0.0.1, at a free port, and give the address, which ends in a slash."""

    class Here(Handler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

    compressed.cache_clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Here) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
