"""Prometheus from its official image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .nginx import addresses
from .node import ContainerNode

if TYPE_CHECKING:
    from . import ContainerRuntime

CONF = "/labs/prometheus.yml"


def node(runtime: ContainerRuntime, name: str, **options: Any) -> PrometheusContainer:
    return PrometheusContainer(runtime, name, **options)


class PrometheusContainer(ContainerNode):
    """targets: nodes of this machine or "host:port", by job. every: seconds. key: shown
    to the targets."""

    kind = "prometheus"
    port_inside = 9090
    reaches_host = True

    def __init__(
        self,
        runtime: ContainerRuntime,
        name: str,
        targets: dict[str, list[Any]],
        every: float,
        key: str,
    ) -> None:
        super().__init__(runtime, name)
        self.targets = targets
        self.every = f"{round(1000 * every)}ms"
        self.key = key

    def files(self) -> dict[str, str]:
        jobs = [
            {
                "job_name": job,
                "authorization": {"credentials": self.key},
                "static_configs": [{"targets": places}],
            }
            for job, places in addresses(self.targets).items()
        ]
        scrape = {"scrape_interval": self.every, "scrape_timeout": self.every}
        # JSON is YAML, too
        return {CONF: json.dumps({"global": scrape, "scrape_configs": jobs})}

    def command(self) -> list[str]:
        return [f"--config.file={CONF}", "--storage.tsdb.path=/prometheus"]
