"""nginx as an edge: a copy of the shop's pages near its customers, or a shield."""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...runtimes import StartFailed
from ..http import Answer
from ..nginx import Nginx, NginxNode
from ..origin import KEY_HEADER
from .conf import ASKS_WITH, FOLDER, KEEPS

HOST = "shop.example"  # what customers ask for

# The answer's body may come from here, from a shield or from the origin: X-Cache and
# X-Edge tell of the edge that was asked, and of no other.
VERSION = 5  # of the head of nginx's cache files
HEAD = struct.Struct("=Qq")  # that version, and when the copy's life ends
KEY_LINE = b"\nKEY: "


@dataclass(frozen=True)
class Copy:
    """What an edge keeps. file: by which it is found again. key: what it is kept
    under. ends: when its life ends or has ended (seconds since 1970). headers: as the
    origin sent them, by name in lower case."""

    file: str
    key: str
    ends: int
    headers: dict[str, str]

    @property
    def tags(self) -> list[str]:
        return [tag.strip() for tag in self.headers.get("cache-tag", "").split(",")]


class EdgeNode(NginxNode):
    machine: Any  # with what an edge's can do more: see `process`

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = {"Host": HOST, **(more.pop("headers", None) or {})}
        return super().ask(method, path, body, headers=headers, **more)


class Edge(Nginx):
    """One edge of a content delivery network, or the shield behind several.

    upstreams: the origin, a shield, or a `Link` to one: see `Nginx`, as for the other
    options. It keeps copies where `location` says so, in the zone "edge":

        Edge([origin], name="eu", location="proxy_cache edge;")

    under host and address, unless a `proxy_cache_key` says otherwise. Its answers have
    the headers X-Edge (its name) and X-Cache ("HIT", "MISS", "STALE" ...; none where it
    keeps nothing). It has no command to purge, as nginx's free version has none: what
    forgets a copy here removes its file.
    """

    package = __name__
    node_class = EdgeNode
    node: EdgeNode

    def __init__(self, upstreams: Any, **options: Any) -> None:
        super().__init__(upstreams, **options)
        self.own = {
            "asks_with": ASKS_WITH.format(shows=KEY_HEADER, name=self.name),
            "in_group": "keepalive 16;",  # connections that are kept when idle
            "keeps": KEEPS.format(folder=FOLDER),
        }

    def copies(self) -> list[Copy]:
        """All that it keeps, by key; several of one key where answers vary.

        A customer has her answer a moment before its copy is in place: nginx writes it
        under another name first. What is being written is waited for.
        """
        [heads] = self.node.until(self._whole, 10, "put its copies in place")
        found = [copy for file, head in heads.items() if (copy := parsed(file, head))]
        return sorted(found, key=lambda copy: (copy.key, copy.file))

    def _whole(self) -> list[dict[str, bytes]]:
        """All copies' heads, in a list; [] while one is being written."""
        heads = self.node.machine.heads()
        return [heads] if all("." not in file for file in heads) else []

    def purge(self, path: str) -> bool:
        """Forget the copy of an address, and say whether there was one. Of answers that
        vary, this is the one that was kept first, as it is under nginx's own name."""
        name = hashlib.md5(key_of(path).encode()).hexdigest()
        file = f"{name[-1]}/{name[-3:-1]}/{name}"
        there = any(copy.file == file for copy in self.copies())
        self.forget([file])
        return there

    def purge_all(self, path: str) -> int:
        """Forget every copy of an address, and say how many there were."""
        found = [copy.file for copy in self.copies() if copy.key == key_of(path)]
        self.forget(found)
        return len(found)

    def purge_tag(self, tag: str) -> int:
        """Forget what the origin gave this word in `Cache-Tag: price, product-7`."""
        found = [copy.file for copy in self.copies() if tag in copy.tags]
        self.forget(found)
        return len(found)

    def empty(self) -> None:
        """Forget everything."""
        self.forget([copy.file for copy in self.copies()])

    def forget(self, files: Sequence[str]) -> None:
        """Remove these copies' files, also while it runs: it then has none of them."""
        if files:
            self.node.machine.remove(files)

    def end_life(self, path: str, ago: int = 1) -> int:
        """Let the life of an address's copies have ended so many seconds ago, and say
        how many there were: as if time had passed."""
        found = [copy for copy in self.copies() if copy.key == key_of(path)]
        for copy in found:
            head = HEAD.pack(VERSION, int(time.time()) - ago)
            self.node.machine.overwrite(copy.file, head)
        return len(found)


def key_of(path: str) -> str:
    """What the copy of an address is kept under, unless a lab says otherwise."""
    return f"{HOST}{path}"


def parsed(file: str, head: bytes) -> Copy | None:
    """None: of a file that is being written.

    Raises StartFailed for files of an nginx that lays them out in another way.
    """
    if KEY_LINE not in head:
        return None
    version, ends = HEAD.unpack_from(head)
    if version != VERSION:
        raise StartFailed(
            f"this nginx keeps copies in form {version}, and labkit knows form "
            f"{VERSION}: use the image nginx:1.26, or the wheel of requirements.txt"
        )
    key, _, rest = head.partition(KEY_LINE)[2].partition(b"\n")
    lines = rest.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Copy(file, key.decode(), ends, headers)
