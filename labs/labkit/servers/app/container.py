"""The shop's application beside the containers: a process of this computer."""

from __future__ import annotations

from typing import Any

from ...runtimes.containers.engine import bridge
from ...runtimes.containers.machine import HOST
from ...runtimes.ports import Port
from .process import Process


class Container(Process):
    """Also answers containers, which know this computer as `host.docker.internal`.

    With Docker Desktop that leads to this computer's loopback. On Linux it leads to the
    bridge's address, where the application then listens as well. Every container can
    reach that one, and so can a neighbour who has a route to it, and so every request
    must show the key.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        address = bridge()
        self.beside = Port(address) if address else self.port

    def listen(self) -> list[tuple[str, int]]:
        if self.beside is self.port:
            return [self.address()]
        self.beside.release()
        return [self.address(), (self.beside.host, self.beside.number)]

    def seen_from_containers(self) -> tuple[str, int]:
        return HOST, self.beside.number
