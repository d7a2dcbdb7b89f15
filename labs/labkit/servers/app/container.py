"""The shop's application beside the containers: a process of this computer."""

from __future__ import annotations

from typing import Any

from ...runtimes import RuntimeUnavailable
from ...runtimes.containers.engine import bridge
from ...runtimes.containers.machine import HOST
from ...runtimes.ports import Port
from .process import Process


class Container(Process):
    """Also answers containers, which know this computer as `host.docker.internal`.

    With Docker Desktop that leads to this computer's loopback. On Linux it leads to the
    bridge's address, where the application then listens as well, at the same number: of
    two engines on one computer, it may be the other's bridge that was found. Every
    container can reach that one, and so can a neighbour who has a route to it, and so
    every request must show the key.
    """

    beside: Port | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if address := bridge():
            self.port, self.beside = pair(self.port, address)

    def ports(self) -> list[Port]:
        return [self.port, *([self.beside] if self.beside else [])]

    def listen(self) -> list[tuple[str, int]]:
        return [(port.host, port.number) for port in self.ports()]

    def seen_from_containers(self) -> tuple[str, int]:
        return HOST, self.port.number


def pair(port: Port, address: str, tries: int = 20) -> tuple[Port, Port]:
    """Two ports of one number, the first of them on loopback, perhaps `port`."""
    for _ in range(tries):
        try:
            return port, Port(address, port.number)
        except OSError:  # there it is taken
            port.close()
            port = Port()
    raise RuntimeUnavailable(f"{address} and {port.host} have no free port in common")
