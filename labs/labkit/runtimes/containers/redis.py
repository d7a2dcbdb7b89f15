"""Redis from its official image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..settings import redis_conf
from .node import FollowingNode

if TYPE_CHECKING:
    from . import ContainerRuntime


def node(runtime: ContainerRuntime, name: str, **options: Any) -> RedisContainer:
    return RedisContainer(runtime, name, **options)


class RedisContainer(FollowingNode):
    """A Redis server; with `primary`, a replica of that one."""

    kind = "redis"
    port_inside = 6379

    def files(self) -> dict[str, str]:
        place = {"bind": "*", "port": str(self.port_inside), "dir": "/data"}
        followed = (self.primary.host, self.port_inside) if self.primary else None
        conf = redis_conf(place, self.settings, self.password, followed)
        return {"/labs/redis.conf": conf}

    def command(self) -> list[str]:
        return ["redis-server", "/labs/redis.conf"]
