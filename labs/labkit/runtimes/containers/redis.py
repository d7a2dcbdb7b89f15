"""Redis from its official image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..settings import redis_conf
from .node import ContainerNode

if TYPE_CHECKING:
    from . import ContainerRuntime


def node(runtime: ContainerRuntime, name: str, **options: Any) -> RedisContainer:
    return RedisContainer(runtime, name, **options)


class RedisContainer(ContainerNode):
    """A Redis server; with `primary`, a replica of that one."""

    kind = "redis"
    port_inside = 6379

    def __init__(
        self,
        runtime: ContainerRuntime,
        name: str,
        settings: dict[str, str],
        primary: RedisContainer | None = None,
    ) -> None:
        super().__init__(runtime, name, primary.password if primary else "")
        self.settings = settings
        self.primary = primary
        if primary:
            self.in_network = primary.in_network = True

    def follows(self) -> list[ContainerNode]:
        return [self.primary] if self.primary else []

    def files(self) -> dict[str, str]:
        place = {"bind": "*", "port": str(self.port_inside), "dir": "/data"}
        followed = (self.primary.host, self.port_inside) if self.primary else None
        conf = redis_conf(place, self.settings, self.password, followed)
        return {"/labs/redis.conf": conf}

    def command(self) -> list[str]:
        return ["redis-server", "/labs/redis.conf"]
