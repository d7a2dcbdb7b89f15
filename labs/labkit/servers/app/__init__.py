"""The shop's own application: `labkit.shop.app`, as one or several processes."""

from __future__ import annotations

import platform
from typing import Any

from ...runtimes import Machine, Runtime
from .. import http
from ..base import Node, Server
from ..http import KEY, Answer, json_lines


class AppNode(Node):
    """One process of the application.

    Every request needs the key, which the edge adds and `get` and `post` do, too.
    """

    def get(self, path: str, **more: Any) -> Answer:
        """Ask it directly, past the edge: see `labkit.servers.http.request`."""
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any, **more: Any) -> Answer:
        return self.ask("POST", path, body, **more)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {KEY}", **more.pop("headers", {})}
        address = self.machine.address()
        return http.request(address, method, path, body, headers=headers, **more)

    def answers(self) -> bool:
        return self._is_well("/health")

    def serves(self) -> bool:
        """True when its database answers, too."""
        return self._is_well("/ready")

    def _is_well(self, path: str) -> bool:
        try:
            return self.get(path, timeout=2).status == 200
        except OSError:
            return False

    def request_log(self) -> list[dict[str, Any]]:
        """One entry a request to the shop, in the order in which they ended.

        time (seconds since 1970), app, method, path, status, seconds, traceparent (as
        it came, "" for none), trace_id, error ("" for none). A request is in the log
        before its client has the answer.
        """
        return json_lines(self.logs())

    def spans(self) -> list[dict[str, Any]]:
        """OpenTelemetry's spans that have ended, in its own JSON form."""
        return json_lines(self.machine.read("spans.jsonl"))


class App(Server[AppNode]):
    """The shop's application over a database: stores and orders of `shop.schema`.

    database: a Postgres server, one node of it, or a connection string. instances:
    how many processes ("app", or "app1", "app2", ... in `nodes`). pool_size:
    connections of each. pool_timeout: seconds that a request waits for a free one
    before it answers 503. statement_timeout: seconds that a statement may take before
    the request answers 504; None: no limit. workers: requests that each process works
    on at a time; None: any number. authorise: whether a checkout first asks the payment
    provider, a stand-in: the function `authorise(order_id)` of the database, called on
    a connection that is none of the pool's. schema: of the database, whose tables and
    views it sees before those of all; "" for none of its own.
    """

    package = __name__
    product = "Shop application on Python"

    def __init__(
        self,
        database: Any,
        *,
        name: str = "app",
        instances: int = 1,
        pool_size: int = 4,
        pool_timeout: float = 0.5,
        statement_timeout: float | None = None,
        workers: int | None = None,
        authorise: bool = False,
        schema: str = "",
    ) -> None:
        super().__init__(database)
        self.database = database
        names = [f"{name}{n}" for n in range(1, instances + 1)]
        self.names = names if instances > 1 else [name]
        self.settings: dict[str, Any] = {
            "pool_size": pool_size,
            "pool_timeout": pool_timeout,
            "statement_timeout": statement_timeout,
            "workers": workers,
            "authorise": authorise,
            "schema": schema,
        }

    def attach(self, runtime: Runtime) -> None:
        def make(name: str) -> Machine:
            return runtime.machine(
                self.package,
                name,
                database=self.conninfo,
                settings=self.settings,
                password=KEY,
            )

        self.nodes = [AppNode(make(name)) for name in self.names]

    def conninfo(self) -> str:
        """Asked for at every start: a container's port may change at its own."""
        if isinstance(self.database, str):
            return self.database
        return getattr(self.database, "primary", self.database).conninfo

    def start(self) -> None:
        super().start()
        for node in self.nodes:
            node.come_up(node.serves, "reach its database")

    def set(self, **settings: Any) -> None:
        """Change settings, restart every process, and wait until it answers."""
        if unknown := settings.keys() - self.settings.keys():
            raise TypeError(f"an App has no setting {', '.join(sorted(unknown))}")
        self.settings.update(settings)
        for node in self.nodes:
            node.restart()

    def resize(self, **sizes: int) -> None:
        """Change `workers` or `pool_size` of every process while it runs."""
        self.settings.update(sizes)
        for node in self.nodes:
            node.ask("PUT", "/size", sizes, timeout=30).ok()  # a pool is opened

    def version(self) -> str:
        return platform.python_version()

    def get(self, path: str, **more: Any) -> Answer:
        """Ask the first process directly, past the edge."""
        return self.nodes[0].get(path, **more)

    def post(self, path: str, body: Any, **more: Any) -> Answer:
        return self.nodes[0].post(path, body, **more)

    def request_log(self) -> list[dict[str, Any]]:
        """Of all processes, by time: see `AppNode.request_log`."""
        lines = [line for node in self.nodes for line in node.request_log()]
        return sorted(lines, key=lambda line: line["time"])

    def spans(self) -> list[dict[str, Any]]:
        return [span for node in self.nodes for span in node.spans()]
