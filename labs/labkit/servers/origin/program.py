"""The pages of a shop, each with its own headers: what stands behind the edges.

Run as a program with the path of its settings, which `labkit.servers.origin` writes. It
imports nothing of labkit. Every request must show the key. Each one to a page leaves a
line of JSON on standard output before it is answered.

    GET  /...       a page           PUT /-/pages    {path: page, ...}: see `Page`
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

KEY_HEADER = "X-Edge-Key"
PAGES = "/-/pages"


@dataclass
class Page:
    """What is answered at a path, or at all that begin with it where it ends in "*".

    headers: besides ETag and length; "{request}" in one becomes the request's number,
    as a new cookie would be another one each time. version: of its content. shows: what
    of the request its body has beside path and version: "user" (the cookie `session`,
    else the token, else ""), "language", "host" (X-Forwarded-Host, else Host). size:
    bytes that its body has at least. seconds: that it takes to make. held: whether
    answers wait until it is no longer.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    version: int = 1
    shows: list[str] = field(default_factory=list)
    size: int = 0
    seconds: float = 0.0
    held: bool = False


NO_PAGE = Page(status=404)


class Site:
    def __init__(self, name: str, key: str) -> None:
        self.name = name
        self.key = f"Bearer {key}"
        self.pages: dict[str, Page] = {}
        self.changed = threading.Condition()
        self.numbers = itertools.count(1)

    def put(self, pages: dict[str, dict[str, Any]]) -> None:
        with self.changed:
            self.pages |= {path: Page(**page) for path, page in pages.items()}
            self.changed.notify_all()

    def page(self, target: str) -> Page:
        """The one of this very path, else of the longest beginning."""
        path = target.partition("?")[0]
        if path in self.pages:
            return self.pages[path]
        begins = [p for p in self.pages if p[-1] == "*" and path.startswith(p[:-1])]
        return self.pages[max(begins, key=len)] if begins else NO_PAGE

    def made(self, target: str) -> Page:
        """The page, when its time has passed and nobody holds it."""
        if seconds := self.page(target).seconds:
            time.sleep(seconds)  # the work that a lesson is about
        with self.changed:
            self.changed.wait_for(lambda: not self.page(target).held)
            return self.page(target)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Site

    def do_GET(self) -> None:
        if self.may():
            self.log()
            self.answer(self.site.made(self.path))

    def do_PUT(self) -> None:
        if self.may():
            length = int(self.headers.get("Content-Length") or 0)
            self.site.put(json.loads(self.rfile.read(length)))
            self.send(204, {}, b"")

    def may(self) -> bool:
        shown = (self.headers.get(KEY_HEADER) or "").encode("latin-1")
        known = hmac.compare_digest(shown, self.site.key.encode())
        if not known:
            self.close_connection = True  # what else it sends is not read
            self.send(403, {}, b"come in by the edge")
        return known

    def log(self) -> None:
        line = {
            "time": round(time.time(), 3),
            "path": self.path,
            "user": self.shown("user"),
            "language": self.shown("language"),
        }
        print(json.dumps(line) + "\n", end="", flush=True)  # one write: never mixed

    def answer(self, page: Page) -> None:
        said = {"path": self.path, "version": page.version}
        said |= {what: self.shown(what) for what in page.shows}
        body = json.dumps(said).encode().ljust(page.size)
        number = str(next(self.site.numbers))
        own = {k: v.replace("{request}", number) for k, v in page.headers.items()}
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"Content-Type": "application/json", "ETag": tag, **own}
        if page.status == 200 and self.headers.get("If-None-Match") == tag:
            self.send(304, headers, b"")
        else:
            self.send(page.status, headers, body)

    def shown(self, what: str) -> str:
        asked = self.headers
        if what == "user":
            session = SimpleCookie(asked.get("Cookie", "")).get("session")
            token = asked.get("Authorization", "").removeprefix("Bearer ")
            return session.value if session else token
        if what == "language":
            return asked.get("Accept-Language", "")
        return asked.get("X-Forwarded-Host", asked.get("Host", ""))

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return self.site.name

    def log_message(self, *_: Any) -> None:
        """Only requests to pages are logged, and these in `log`."""


class Server(ThreadingHTTPServer):
    request_queue_size = 256

    def server_bind(self) -> None:
        """Without the base's reverse look-up of the address, which may take long."""
        TCPServer.server_bind(self)

    def handle_error(self, *_: Any) -> None:
        """A client that has left is no error of the server."""


def main(settings: dict[str, Any]) -> None:
    site = Handler.site = Site(settings["name"], settings["key"])
    site.put(settings["pages"])
    servers = []
    for host, port in settings["listen"]:
        servers.append(Server((host, port), Handler))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
