"""Prometheus from its official image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...runtimes.containers.machine import ContainerMachine

if TYPE_CHECKING:
    from ...runtimes.containers import ContainerRuntime

CONF = "/labs/prometheus.yml"


class Container(ContainerMachine):
    """targets: machines or "host:port", by job. every: seconds. key: shown
    to the targets."""

    image = "prom/prometheus:v2.53.3"
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
                "static_configs": [{"targets": [self.reach(one) for one in group]}],
            }
            for job, group in self.targets.items()
        ]
        scrape = {"scrape_interval": self.every, "scrape_timeout": self.every}
        # JSON is YAML, too
        return {CONF: json.dumps({"global": scrape, "scrape_configs": jobs})}

    def command(self) -> list[str]:
        return [f"--config.file={CONF}", "--storage.tsdb.path=/prometheus"]
