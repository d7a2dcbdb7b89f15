"""A search engine of one node: OpenSearch, or Elasticsearch if LABS_SEARCH says so."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from ...runtimes import Machine, Runtime, StartFailed
from ..base import Node, Server
from . import engines
from .conf import node_settings

# what a node says that cannot live here, and what to do about it
ADVICE = {
    "vm.max_map_count": (
        "The kernel allows too few memory maps. On the computer that runs Docker (in "
        "WSL: `wsl -d docker-desktop -u root`): sysctl -w vm.max_map_count=262144"
    ),
    "Could not reserve enough space": (
        "There is too little memory for its heap: close other programs"
    ),
    "insufficient memory for the Java": (
        "There is too little memory for its Java: close other programs"
    ),
    "No space left on device": (
        "There is no room for its data: free some, or name another folder with "
        "LABS_DATA"
    ),
}


class SearchNode(Node):
    """The one node, and what its client last told about it."""

    def __init__(self, machine: Machine, cluster: Search) -> None:
        super().__init__(machine)
        self.cluster = cluster

    def answers(self) -> bool:
        """When every index has its primary shards."""
        with contextlib.suppress(*self.cluster.errors):
            # at once: a node that starts would hold the question back
            health = self.cluster.client.cluster.health()
            return health["status"] in ("yellow", "green")
        return False

    def forget(self) -> None:
        self.cluster.forget()

    def come_up(
        self, condition: Callable[[], object], what: str, within: float = 60
    ) -> None:
        try:
            super().come_up(condition, what, within)
        except StartFailed as error:
            raise StartFailed(f"{error}{explained(self.logs())}") from error


def explained(log: str) -> str:
    """The last reason in a log, which stands above Java's account of where it was, and
    what to do about it where that is known."""
    reasons = re.findall(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error): .*", log, re.M)
    known = [todo for words, todo in ADVICE.items() if words in log]
    return "".join(f"\n{line}" for line in [*reasons[-1:], *known])


class Search(Server[SearchNode]):
    """A search engine of one node.

    settings: of the node, beyond the labs' own ("indices.breaker.total.limit").

    OpenSearch asks for no password: its security is a plugin that no jar brings, and
    that its container is told to leave off, so that both are alike. Elasticsearch does.
    """

    package = __name__
    product = engines.PRODUCTS["opensearch"]

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        super().__init__()
        self.engine = engines.chosen()
        self.product = engines.PRODUCTS[self.engine]
        self.errors = engines.errors(self.engine)
        self.settings = node_settings(settings or {})
        self._clients: list[Any] = []
        self._own: Any = None

    def attach(self, runtime: Runtime) -> None:
        machine = runtime.machine(
            self.package, "search", engine=self.engine, settings=self.settings
        )
        self.nodes = [SearchNode(machine, self)]

    @property
    def node(self) -> SearchNode:
        return self.nodes[0]

    def version(self) -> str:
        return self.client.info()["version"]["number"]

    @property
    def client(self) -> Any:
        """opensearch-py's or elasticsearch-py's, for one thread's use or several's.

        Keep to what both share: keywords alone, and the request in `body`.
        """
        if self._own is None:
            self._own = self.connect()
        return self._own

    def connect(self, timeout: float = 30) -> Any:
        """Another client, closed with the server. timeout: seconds for an answer."""
        machine = self.node.machine
        client = engines.connect(
            self.engine, machine.address(), machine.password, timeout
        )
        self._clients.append(client)
        return client

    def create_index(
        self,
        name: str,
        properties: dict[str, Any],
        dynamic: str = "strict",
        **settings: Any,
    ) -> None:
        """One shard without a copy, and no field but these.

        properties: of the mapping, by field. dynamic: "true" makes a field of every
        key that comes. settings: of the index, "analysis", "refresh_interval" ...
        """
        index = {"number_of_shards": 1, "number_of_replicas": 0, **settings}
        mapping = {"dynamic": dynamic, "properties": properties}
        self.client.indices.create(
            index=name, body={"settings": {"index": index}, "mappings": mapping}
        )

    def drop_index(self, *names: str) -> None:
        """Remove indices, those that there are."""
        for name in names:
            self.client.indices.delete(index=name, ignore_unavailable=True)

    def forget(self) -> None:
        """Close all clients; the next use of `client` makes a new one."""
        self._own = None
        while self._clients:
            with contextlib.suppress(Exception):  # its node may be dead on purpose
                self._clients.pop().close()

    def stop(self) -> None:
        self.forget()
        super().stop()
