"""Servers in containers, from the official images, through testcontainers.

One module a server tells what to run (a subclass of ContainerNode); `node` tells how.
Nothing here loads the Docker client until a node is made or an engine seems to be
there, so that a machine without Docker pays nothing.
"""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..base import has_module
from ..cleaner import LABEL, USES_CONTAINERS
from ..session import Session
from .engine import engine_host, engine_problem
from .images import Images

if TYPE_CHECKING:
    from testcontainers.core.network import Network

    from .node import ContainerNode

__all__ = ["ContainerRuntime", "engine_problem"]


class ContainerRuntime:
    """Makes nodes that are containers of the local Docker engine."""

    name = "containers"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.labels = {LABEL: session.id}
        self.images = Images()
        self._network: Network | None = None
        self._lock = threading.Lock()

    def has(self, kind: str) -> bool:
        return has_module(__name__, kind)

    def node(self, kind: str, name: str, **options: Any) -> ContainerNode:
        """A node of the server `kind`, not started. The options are the kind's own."""
        # before the first container, so that the cleaner knows where to look
        (self.session.directory / USES_CONTAINERS).write_text(engine_host())
        module = import_module(f".{kind}", __name__)
        return module.node(self, name, **options)

    def network(self) -> Network:
        """The session's own network, made when first asked for: servers that talk to
        each other find each other there by name."""
        from testcontainers.core.network import Network

        with self._lock:
            if self._network is None:
                network = Network(docker_network_kw={"labels": self.labels})
                network.name = self.session.id
                self._network = network.create()
            return self._network
