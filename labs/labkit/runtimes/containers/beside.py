"""A process of this computer beside the containers, which call it."""

from __future__ import annotations

from typing import Any

from ..base import RuntimeUnavailable
from ..ports import Port
from ..processes import ProcessMachine
from .engine import bridge
from .machine import HOST


class ProcessBeside(ProcessMachine):
    """Also answers containers, which know this computer as `host.docker.internal`.

    With Docker Desktop that leads to this computer's loopback. On Linux it leads to the
    bridge's address, where the process then listens as well, at the same number: of two
    engines on one computer, it may be the other's bridge that was found. Every
    container can reach that one, and so can a neighbour who has a route to it, and so
    whoever answers there must ask for the key.

    Comes before the server's own `Process` among the bases of its `Container`.
    """

    beside: Port | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if address := bridge():
            self.port, self.beside = pair(self.port, address)

    def ports(self) -> list[Port]:
        return [self.port, *([self.beside] if self.beside else [])]

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
