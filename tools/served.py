"""A built site, served on this machine alone as its host serves it; and a browser.

Hosts of static pages keep connections open and compress what is text.
"""

import functools
import gzip
import http.server
import io
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

TEXT = {".css", ".html", ".js", ".json", ".svg", ".txt", ".xml"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@functools.cache
def packed(path: Path) -> bytes:
    """What is sent of a file: text compressed, the rest as it is."""
    data = path.read_bytes()
    return gzip.compress(data, mtime=0) if path.suffix in TEXT else data


class Handler(http.server.SimpleHTTPRequestHandler):
    """Answers with files, and logs nothing."""

    protocol_version = "HTTP/1.1"

    def send_head(self) -> io.BytesIO | None:  # type: ignore[override]
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return None
        body = packed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if path.suffix in TEXT:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)

    def handle(self) -> None:
        with suppress(ConnectionError):  # a browser that has seen enough hangs up
            super().handle()

    def log_message(self, *args) -> None:
        pass


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address of a folder while it is served."""
    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine. Ends the program where there is none."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sys.exit(f"No Chromium on this machine: install one of {', '.join(BROWSERS)}.")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
