"""Servers in containers, from official images, through testcontainers.

A server's `container.py` tells what to run (`Container`, a subclass of
ContainerMachine); `machine` tells how. Nothing here loads the Docker client until a
machine is made or an engine seems to be there, so that a computer without Docker pays
nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..base import Runtime
from ..cleaner import LABEL, USES_CONTAINERS
from ..session import Session
from .engine import engine_host, engine_problem
from .images import Images

if TYPE_CHECKING:
    from testcontainers.core.network import Network

__all__ = ["ContainerRuntime", "engine_problem"]


class ContainerRuntime(Runtime):
    """Makes machines that are containers of the local Docker engine."""

    name = "containers"
    form = "container"
    elsewhere = (
        "runs as a plain process only, since no image is named for it: "
        "use LABS_RUNTIME=processes"
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.labels = {LABEL: session.id}
        self.images = Images()
        self._network: Network | None = None
        self._lock = threading.Lock()

    def machine(self, package: str, name: str, **options: Any) -> Any:
        # before the first container, so that the cleaner knows where to look
        (self.session.directory / USES_CONTAINERS).write_text(engine_host())
        return super().machine(package, name, **options)

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
