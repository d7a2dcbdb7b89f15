"""The shop behind its edges: pages with the headers that a lab gives them, counted."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from ...runtimes import Runtime
from .. import http
from ..base import Node, Server
from ..http import KEY, Answer, json_lines

KEY_HEADER = "X-Edge-Key"
PAGES = "/-/pages"  # where it is told of them


class OriginNode(Node):
    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = {KEY_HEADER: f"Bearer {KEY}", **more.pop("headers", {})}
        address = self.machine.address()
        return http.request(address, method, path, body, headers=headers, **more)

    def answers(self) -> bool:
        try:
            return self.ask("PUT", PAGES, {}, timeout=2).status == 204
        except OSError:
            return False


class Origin(Server[OriginNode]):
    """A small server of the shop's pages that knows how often it was asked.

    pages: by path, or by what a path begins with ("/account*"), each a mapping with
    any of: status, headers ("{request}" in one is the request's number), version (of
    its content), shows (what of the request is in
    its body: "user", "language", "host"), size (bytes), seconds (that it takes to
    make), held (whether answers wait). Their bodies are JSON. Every request needs the
    key, which an `Edge` adds and `get` does, too.
    """

    package = __name__
    product = "Shop's pages on Python"

    def __init__(
        self, pages: Mapping[str, Mapping[str, Any]], *, name: str = "origin"
    ) -> None:
        super().__init__()
        self.name = name
        self.pages = {path: dict(page) for path, page in pages.items()}

    def attach(self, runtime: Runtime) -> None:
        machine = runtime.machine(
            self.package, self.name, pages=self.pages, password=KEY
        )
        self.node = OriginNode(machine)
        self.nodes = [self.node]

    def get(self, path: str, **more: Any) -> Answer:
        """Ask it directly, past the edges: see `labkit.servers.http.request`."""
        return self.node.ask("GET", path, **more)

    def put(self, path: str, **changes: Any) -> None:
        """Change a page, or add one; in force when it returns."""
        self.pages[path] = {**self.pages.get(path, {}), **changes}
        self.node.ask("PUT", PAGES, {path: self.pages[path]}).ok()

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """One entry a request for a page (or for this one), in the order in which they
        came, answered or not yet: time (seconds since 1970), path, user, language."""
        lines = json_lines(self.node.logs())
        return [line for line in lines if path in ("", line["path"])]

    def version(self) -> str:
        return platform.python_version()
