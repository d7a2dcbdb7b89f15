"""Redis from its official image."""

from __future__ import annotations

from ...runtimes.containers.machine import FollowingContainer
from .conf import redis_conf


class Container(FollowingContainer):
    """A Redis server; with `primary`, a replica of that one."""

    image = "redis:8"
    port_inside = 6379

    def files(self) -> dict[str, str]:
        place = {"bind": "*", "port": str(self.port_inside), "dir": "/data"}
        followed = (self.primary.host, self.port_inside) if self.primary else None
        conf = redis_conf(place, self.settings, self.password, followed)
        return {"/labs/redis.conf": conf}

    def command(self) -> list[str]:
        return ["redis-server", "/labs/redis.conf"]
