"""nginx from its official image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...runtimes.containers.machine import ContainerMachine
from .conf import nginx_conf

if TYPE_CHECKING:
    from ...runtimes.containers import ContainerRuntime

CONF = "/labs/nginx.conf"


class Container(ContainerMachine):
    """conf: options of `Nginx`, with machines as upstreams. password: shown to them."""

    image = "nginx:1.26"
    port_inside = 8080
    reaches_host = True

    def __init__(
        self, runtime: ContainerRuntime, name: str, conf: dict[str, Any], password: str
    ) -> None:
        super().__init__(runtime, name, password)
        self.conf = conf
        self.in_network = True  # for an edge that may come to stand before it
        for one in self.follows():
            one.in_network = True

    def follows(self) -> Iterable[ContainerMachine]:
        found = [one for group in self.conf["upstreams"].values() for one in group]
        return [one for one in found if isinstance(one, ContainerMachine)]

    def files(self) -> dict[str, str]:
        return {CONF: self.text(self.conf)}

    def text(self, conf: dict[str, Any]) -> str:
        return nginx_conf(
            conf,
            reach=self.reach,
            listen=str(self.port_inside),
            scratch="/tmp",
            user="nginx",
            key=self.password,
        )

    def configure(self, conf: dict[str, Any]) -> None:
        assert self._container is not None
        self._container.copy_into_container(self.text(conf).encode(), CONF)
        self.conf = conf

    def reload(self) -> None:
        self.signal(1, "HUP")

    def command(self) -> list[str]:
        return ["nginx", "-e", "stderr", "-c", CONF]
