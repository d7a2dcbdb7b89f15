"""Pages on several servers that speak Redis' protocol: a hash of the key picks one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any
from zlib import crc32

from .. import faults
from .records import Recorder, figure

if TYPE_CHECKING:
    from ..servers.redis import RedisNode


def page(text: Any) -> dict[str, Any] | None:
    """A page of what a server answers, a text or None."""
    return json.loads(text) if text else None


class Spread:
    """A page by key: {"page": "page:tv", "version": 3}.

    nodes: the servers among which the hash of the key chooses.
    """

    def __init__(self, nodes: Sequence[RedisNode]) -> None:
        self.nodes = list(nodes)
        self._clients = {node.name: node.client() for node in nodes}

    def of(self, key: str) -> RedisNode:
        """The server that has the key."""
        return self.nodes[crc32(key.encode()) % len(self.nodes)]

    def get(self, key: str) -> dict[str, Any] | None:
        """The page, or None: one GET to the server that has it."""
        return page(self._clients[self.of(key).name].get(key))

    def set(self, key: str, made: dict[str, Any], ttl_s: int | None = None) -> None:
        self._clients[self.of(key).name].set(key, json.dumps(made), ex=ttl_s)


def clear(*clients: Any) -> None:
    """Empty the servers, replicas by their primaries; all count from zero."""
    for client in clients:
        if client.info("replication")["role"] == "master":
            client.flushall()
        client.config_resetstat()


def asked(node: RedisNode) -> int:
    """How many pages a server looked up since its counters began, found or not and by
    whatever command."""
    stats = node.info("stats")
    return stats["keyspace_hits"] + stats["keyspace_misses"]


def figures(run: Recorder, nodes: Sequence[RedisNode], apps: Sequence[App]) -> None:
    """Enter how often each server was asked, "figure" on "pages asked for", and how
    many pages each application server has kept at most, on "kept nearby"."""
    for node in nodes:
        figure(run, node.name, "pages asked for", asked(node))
    for app in apps:
        figure(run, app.name, "kept nearby", app.most)


def often_used(client: Any) -> tuple[str, int]:
    """The key that was used most, and OBJECT FREQ of it: a logarithmic counter, kept
    under an LFU policy alone. Looks at every key, as `redis-cli --hotkeys` does."""
    found = {key: client.object("freq", key) for key in client.scan_iter()}
    return max(found.items(), key=lambda pair: pair[1])


def hotkeys(client: Any) -> str:
    """What HOTKEYS says, started for nothing more than this question; or that the
    server has no such command."""
    from redis.exceptions import ResponseError

    try:
        client.execute_command("HOTKEYS", "START", "METRICS", "1", "CPU")
        client.execute_command("HOTKEYS", "STOP")
    except ResponseError as error:
        return f"no: {str(error).partition(',')[0]}"
    return "yes: HOTKEYS START METRICS 1 CPU, and HOTKEYS GET after a while"


class App:
    """One application server: its name, what it keeps nearby (for the lesson to fill)
    and the most that this has been after a view, and how many pages it was asked for.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: dict[str, Any] = {}
        self.most = 0
        self.views = 0


class Demand:
    """What customers want: any of the pages, and one of them more than others.

    share: of the views, so many are of the hot page besides. asked: views of it so far.
    """

    def __init__(self, pages: Sequence[str], hot: str) -> None:
        self.pages = list(pages)
        self.hot = hot
        self.share = 0.0
        self.asked = 0

    def draw(self, rng: Random, views: int) -> list[str]:
        """The pages that so many customers want, in turn."""
        drawn = [
            self.hot if rng.random() < self.share else rng.choice(self.pages)
            for _ in range(views)
        ]
        self.asked += drawn.count(self.hot)
        return drawn


def save_all(
    run: Recorder,
    write: Callable[[str, Any], object],
    keys: Sequence[str],
    version: int,
) -> None:
    """The shopkeeper saves prices, each recorded as "write": write(key, page)."""
    for key in keys:
        with run.call("shopkeeper", "write", key, version=version):
            write(key, {"page": key, "version": version})


def view(
    run: Recorder,
    read: Callable[[App, str], dict[str, Any] | None],
    apps: Sequence[App],
    wanted: Sequence[str],
) -> None:
    """Customers view these pages, dealt out to the application servers.

    Recorded as "view", the same in all runs, and in it an inner "get" of the page that
    was wanted: read(app, key), None where none is shown. Another page is none.
    """
    for number, key in enumerate(wanted):
        app = apps[number % len(apps)]
        app.views += 1
        with (
            run.call(app.name, "view"),
            run.call(app.name, "get", key, inner=True) as op,
        ):
            found = read(app, key)
            if found and found.get("page") == key:
                op.version = found["version"]
        app.most = max(app.most, len(app.kept))


@faults.fault("a product is on television")
def on_television(demand: Demand, share: float) -> faults.Body:
    """As many as `share` of all views are of its page. Meter: views of it since."""
    demand.share, demand.asked = share, 0
    yield lambda: demand.asked
    demand.share = 0.0
