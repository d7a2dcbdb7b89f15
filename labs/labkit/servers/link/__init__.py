"""A link: the distance between two servers, in time, width and trouble."""

from __future__ import annotations

import platform
from typing import Any

from ...runtimes import Runtime
from ..base import Node, Server, machines_of
from ..http import json_lines

Both = tuple[Any, Any]


class LinkNode(Node):
    def __init__(self, machine: Any, settings: dict[str, Any]) -> None:
        super().__init__(machine)
        self.settings = settings
        self.number = 0

    def ask(self) -> dict[str, Any]:
        """Put the settings in force; what the line says of itself then."""
        self.tell()
        return self.until(self.said, 10, "take its settings")

    def tell(self) -> None:
        self.number += 1
        self.machine.configure({**self.settings, "number": self.number})
        self.machine.reload()

    def said(self) -> dict[str, Any]:
        """In answer to what it was told last; {} before."""
        last = json_lines(self.logs())[-1:]
        return next((one for one in last if one["in_force"] == self.number), {})

    def answers(self) -> bool:
        return bool(self.ask())


class Link(Server[LinkNode]):
    """A line to one server, for whoever is given the link in place of that server:
    `Nginx(upstreams=[Link(to=app, delay=0.065)])`.

    to: a server (its first node), a node, or "host:port". delay: seconds that a packet
    takes in one direction. bandwidth: bytes a second, of all connections together;
    None: no limit. Each is one value for both directions, or a pair: there and back.
    What it imitates of a network and what it does not: see `relay`.
    """

    package = __name__
    product = "Link on Python"

    def __init__(
        self, to: Any, *, name: str = "link", delay: Any = 0.0, bandwidth: Any = None
    ) -> None:
        super().__init__(to)
        self.to = to
        self.name = name
        self._line: dict[str, Both] = {"cut": (False, False)}
        self._change(delay=delay, bandwidth=bandwidth)

    def attach(self, runtime: Runtime) -> None:
        machine = runtime.machine(self.package, self.name, to=machines_of([self.to])[0])
        self.node = LinkNode(machine, self._settings())
        self.nodes = [self.node]

    def address(self) -> tuple[str, int]:
        """Host and port for a client on this computer."""
        return self.node.machine.address()

    def set(self, **line: Any) -> None:
        """Change delay, bandwidth or `cut`; in force, for what is on its way nowhere
        yet, when it returns.

        cut: True swallows packets: connections stay open and nothing arrives. What was
        sent meanwhile arrives when it is False again.
        """
        self._change(**line)
        self.node.settings = self._settings()
        self.node.ask()

    @property
    def cut(self) -> Both:
        """Whether it is cut, there and back, as it was last told."""
        return self._line["cut"]

    @property
    def round_trip(self) -> float:
        """Seconds that a packet takes there, and its answer back."""
        return sum(self._line["delay"])

    def carried(self) -> dict[str, Any]:
        """What it has carried since its start: connections, trips (round trips that a
        client waited for), bytes_there, bytes_back; and cut, there and back."""
        return self.node.ask()

    def version(self) -> str:
        return platform.python_version()

    def _change(self, **line: Any) -> None:
        if unknown := line.keys() - {"delay", "bandwidth", "cut"}:
            raise TypeError(f"a Link has no {', '.join(sorted(unknown))}")
        for name, value in line.items():
            self._line[name] = value if isinstance(value, tuple) else (value, value)

    def _settings(self) -> dict[str, Any]:
        there, back = ({n: v[end] for n, v in self._line.items()} for end in (0, 1))
        return {"there": there, "back": back}
