"""Prometheus: asks programs for their metrics, and keeps what they say."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from ...runtimes import Runtime
from .. import http
from ..base import Node, Server, machines_of
from ..http import KEY, Answer


class PrometheusNode(Node):
    def get(self, path: str, **query: str) -> Answer:
        asked = f"{path}?{urlencode(query)}" if query else path
        return http.request(self.machine.address(), "GET", asked)

    def answers(self) -> bool:
        try:
            return self.get("/-/ready").status == 200
        except OSError:
            return False


class Prometheus(Server[PrometheusNode]):
    """One Prometheus that scrapes `targets` every `every` seconds.

    targets: by job, an `App`, a list of its nodes, or of texts "host:port" as a
    container sees them. Only the containers runtime has it; ask beforehand with
    `lab.has(Prometheus)`. `start` raises RuntimeUnavailable elsewhere, and
    StartFailed when a target does not answer.

    It asks for no password: who may use this machine may read the metrics.
    """

    package = __name__
    product = "Prometheus"

    def __init__(self, targets: Mapping[str, Any], every: float = 1.0) -> None:
        self.targets = {
            job: group if isinstance(group, list | tuple) else [group]
            for job, group in targets.items()
        }
        super().__init__(*(one for group in self.targets.values() for one in group))
        self.every = every

    def attach(self, runtime: Runtime) -> None:
        targets = {job: machines_of(group) for job, group in self.targets.items()}
        self._groups = targets
        self.how_many = sum(map(len, targets.values()))
        machine = runtime.machine(
            self.package, "prometheus", targets=targets, every=self.every, key=KEY
        )
        self.node = PrometheusNode(machine)
        self.nodes = [self.node]

    def start(self) -> None:
        super().start()
        self.node.machine.must_reach(chain(*self._groups.values()))
        self.node.come_up(self.has_scraped_all, "reach all of its targets")

    def has_scraped_all(self) -> bool:
        """Whether the last scrape of every target has succeeded."""
        return self.query("sum(up)") == [{"value": self.how_many}]

    def query(self, promql: str) -> list[dict[str, Any]]:
        """The value now: one row a series, its labels and "value", a number.

        Raises ValueError with Prometheus' own words for a query that it refuses or
        that gives no values of one moment, such as a range.
        """
        answer = self.node.get("/api/v1/query", query=promql)
        said = answer.json() or {}
        if said.get("status") != "success":
            raise ValueError(f"{promql!r}: {said.get('error', answer.text)}")
        kind, result = said["data"]["resultType"], said["data"]["result"]
        if kind == "scalar":
            return [{"value": float(result[1])}]
        if kind != "vector":
            raise ValueError(f"{promql!r}: a {kind} has no values of one moment")
        return [
            {**_labels(one["metric"]), "value": float(one["value"][1])}
            for one in result
        ]

    def version(self) -> str:
        return self.node.get("/api/v1/status/buildinfo").json()["data"]["version"]


def _labels(metric: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in metric.items() if name != "__name__"}
