"""nginx as the shop's edge: reverse proxy, load balancer, and the first log."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ...runtimes import Runtime, StartFailed
from ...wait import TimedOut, wait_until
from .. import http
from ..base import Node, Server, machines_of
from ..http import KEY, Answer, json_lines

OWN = "/-/"  # paths that nginx answers itself, for labkit


class NginxNode(Node):
    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return http.request(self.machine.address(), method, path, body, **more)

    def generation(self) -> str:
        """Which of the configurations given so far answers; "" when none does."""
        try:
            return self.ask("GET", OWN + "generation", timeout=2).text
        except OSError:
            return ""

    def answers(self) -> bool:
        return bool(self.generation())


class Nginx(Server[NginxNode]):
    """One nginx before the shop.

    upstreams: what it passes requests to: servers, single nodes, or "host:port"; or
    several groups of them by name, with `to` (which may hold nginx variables) naming
    the one that a request goes to; a group's members take turns. timeout: seconds that
    it waits for a connection or for an answer of an upstream. http, server, location:
    more lines of nginx.conf, in the block of that name; `location` is the one that
    passes requests on.

    It passes a `traceparent` on and makes none.
    """

    package = __name__
    product = "nginx"
    node_class: ClassVar[type[NginxNode]] = NginxNode

    def __init__(
        self,
        upstreams: Sequence[Any] | Mapping[str, Sequence[Any]],
        *,
        name: str = "edge",
        to: str = "",
        timeout: float = 5.0,
        http: str = "",
        server: str = "",
        location: str = "",
    ) -> None:
        groups = grouped(upstreams)
        super().__init__(*(one for group in groups.values() for one in group))
        self.name = name
        self.own: dict[str, str] = {}  # what it is told otherwise: see `conf.OWN`
        self.generation = 1
        self.options: dict[str, Any] = {
            "upstreams": upstreams,
            "to": to,
            "timeout": timeout,
            "http": http,
            "server": server,
            "location": location,
        }

    def attach(self, runtime: Runtime) -> None:
        machine = runtime.machine(
            self.package, self.name, conf=self._conf(), password=KEY
        )
        self.node = self.node_class(machine)
        self.nodes = [self.node]
        self._entries: list[dict[str, Any]] = []  # of the log, which only grows
        self._read = 0  # characters of it

    def start(self) -> None:
        super().start()
        groups = self._conf()["upstreams"].values()
        self.node.machine.must_reach(one for group in groups for one in group)

    def _conf(self) -> dict[str, Any]:
        """The options, with machines in place of servers."""
        groups = grouped(self.options["upstreams"])
        return {
            **self.own,
            **self.options,
            "upstreams": {name: machines_of(group) for name, group in groups.items()},
            "to": self.options["to"] or next(iter(groups)),
            "generation": self.generation,
        }

    @property
    def url(self) -> str:
        """ "http://127.0.0.1:4711" """
        host, port = self.node.machine.address()
        return f"http://{host}:{port}"

    def get(self, path: str, **more: Any) -> Answer:
        """Ask as a browser would: see `labkit.servers.http.request`."""
        return self.node.ask("GET", path, **more)

    def post(self, path: str, body: Any, **more: Any) -> Answer:
        return self.node.ask("POST", path, body, **more)

    def access_log(self) -> list[dict[str, Any]]:
        """One entry a request, in the order in which they ended.

        time (seconds since 1970), method, path, status, seconds, bytes (of the body),
        cache ("HIT", "MISS" ...; "" where it keeps nothing), upstream (host:port, or
        several with ", " when it tried several, "" when it tried none),
        upstream_seconds (of all tries; None without one), traceparent, trace_id, user
        and store (the headers X-User and X-Store). Complete up to the call, where
        nginx still answers.
        """
        self._flush()
        log = self.node.logs()
        whole = log.rfind("\n") + 1
        self._entries += map(
            entry, filter(of_a_client, json_lines(log[self._read : whole]))
        )
        self._read = whole
        return [dict(one) for one in self._entries]

    def _flush(self) -> None:
        """Wait for a line of our own: nginx writes one after it has answered."""
        mark = f"{OWN}mark/{secrets.token_hex(8)}"
        try:
            self.node.ask("GET", mark, timeout=2)
            wait_until(lambda: mark in self.node.logs(), 5, "nginx logged no mark")
        except (OSError, TimedOut):
            return  # stopped or frozen: what is there is all there will be

    def reload(self, **changes: Any) -> None:
        """Change options while it runs, as SIGHUP does, and wait until the new
        configuration alone answers new connections.

        Raises StartFailed with nginx's words when it refuses; the old one stays.
        """
        if unknown := changes.keys() - self.options.keys():
            raise TypeError(f"an Nginx has no option {', '.join(sorted(unknown))}")
        before, seen = self.options, len(self.node.logs())
        self.options = {**before, **changes}
        self.generation += 1
        self.node.machine.configure(self._conf())
        self.node.machine.reload()
        self.node.until(lambda: self._reloaded(seen), 10, "reload")
        if refusal := refused(self.node.logs()[seen:]):
            self.options = before
            self.node.machine.configure(self._conf())  # or it could not start again
            raise StartFailed(f"{self.name} keeps its configuration: {refusal}")

    def _reloaded(self, seen: int) -> bool:
        """Old workers take connections until they begin to shut down, and say so."""
        said = self.node.logs()[seen:]
        if refused(said):
            return True
        new = self.node.generation() == str(self.generation)
        return new and "gracefully shutting down" in said

    def version(self) -> str:
        return self.get(OWN + "generation").headers["server"].split("/")[1]


def grouped(
    upstreams: Sequence[Any] | Mapping[str, Sequence[Any]],
) -> Mapping[str, Sequence[Any]]:
    """Upstreams by the name of their group; a single group is the shop's."""
    return upstreams if isinstance(upstreams, Mapping) else {"shop": upstreams}


def refused(log: str) -> str:
    """nginx's reason against a configuration, or ""."""
    return next((line for line in log.splitlines() if "[emerg]" in line), "")


def of_a_client(line: Mapping[str, Any]) -> bool:
    return "upstream" in line and not line["path"].startswith(OWN)


def entry(line: Mapping[str, Any]) -> dict[str, Any]:
    return {**line, "upstream_seconds": total(line["upstream_seconds"])}


def total(seconds: str) -> float | None:
    """Of "0.102", or "0.100, 0.002" after a second try; "-" is one without answer."""
    tries = [one for one in seconds.replace(":", ",").split(",") if one.strip(" -")]
    return round(sum(map(float, tries)), 3) if tries else None
