"""Redis: a primary and any number of replicas."""

from __future__ import annotations

import contextlib
import errno
from typing import Any

import redis

from ...runtimes import Machine, Runtime
from ..base import Node, Server


class RedisNode(Node):
    """One server that speaks Redis' protocol: Redis in containers, Valkey elsewhere."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._clients: list[redis.Redis] = []

    def client(self, **more: Any) -> redis.Redis:
        """A client with a pool of its own, closed with the server.

        Answers are text, an answer takes 5 s at most, and nothing is retried: a retry
        would hide from a history what its client saw. `more` goes to redis.Redis.
        """
        host, port = self.machine.address()
        defaults = {
            "host": host,
            "port": port,
            "password": self.machine.password,
            "decode_responses": True,
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "retry": None,
        }
        client = redis.Redis(**{**defaults, **more})
        client.connection_pool.connection_class = careful(self.machine)
        self._clients.append(client)
        return client

    def info(self, section: str = "server") -> dict[str, Any]:
        """The server's own figures (INFO)."""
        return self._kept().info(section)

    def _kept(self) -> redis.Redis:
        return self._clients[0] if self._clients else self.client()

    def answers(self) -> bool:
        # a server that is still loading answers with an error
        with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
            link = self.info("replication")
            return link["role"] == "master" or link["master_link_status"] == "up"
        return False

    def version(self) -> str:
        info = self.info()
        return info.get("valkey_version") or info["redis_version"]

    def product(self) -> str:
        return "Valkey" if "valkey_version" in self.info() else "Redis"

    def forget(self) -> None:
        for client in self._clients:
            with contextlib.suppress(redis.RedisError):
                client.close()
        self._clients.clear()


def careful(machine: Machine) -> type[redis.Connection]:
    """Connections on which the password, sent as it is, goes to the machine alone:
    while it starts, nobody is at its address, as far as clients are concerned."""

    class Careful(redis.Connection):
        def _connect(self) -> Any:
            if not machine.opened:
                raise ConnectionRefusedError(errno.ECONNREFUSED, "it is starting")
            return super()._connect()

    return Careful


class Redis(Server[RedisNode]):
    """A primary and `replicas` replicas. Without replicas, the server is its node:
    `cache = lab.start(Redis()); cache.client()`.

    settings: lines of redis.conf, {"maxmemory": "64mb"}. Nothing is written to disk.
    name: what histories call it, where a lab has several.
    """

    package = __name__

    def __init__(
        self,
        replicas: int = 0,
        settings: dict[str, str] | None = None,
        name: str = "redis",
    ) -> None:
        super().__init__()
        self.name = name
        self.settings = settings or {}
        self.how_many = replicas

    def attach(self, runtime: Runtime) -> None:
        def make(name: str, primary: Machine | None = None) -> RedisNode:
            options = {"settings": self.settings, "primary": primary}
            return RedisNode(runtime.machine(self.package, name, **options))

        self.primary = make(self.name)
        self.replicas = [
            make(f"{self.name}-replica{n}", self.primary.machine)
            for n in range(1, self.how_many + 1)
        ]
        self.nodes = [self.primary, *self.replicas]

    @property
    def product(self) -> str:  # type: ignore[override]
        return self.primary.product()

    def version(self) -> str:
        return self.primary.version()

    def client(self, **more: Any) -> redis.Redis:
        return self.primary.client(**more)

    def info(self, section: str = "server") -> dict[str, Any]:
        return self.primary.info(section)
