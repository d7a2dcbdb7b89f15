"""A link is our own code, and so a plain process in both runtimes."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

from ...runtimes import Runtime
from ...runtimes.processes import ProcessMachine

SETTINGS = "link.json"


class Process(ProcessMachine):
    """to: the machine that it leads to, or "host:port"."""

    def __init__(self, runtime: Runtime, name: str, to: Any) -> None:
        super().__init__(runtime, name)
        self.to = to
        self.line: dict[str, Any] = {
            end: {"delay": 0.0, "bandwidth": None, "cut": False}
            for end in ("there", "back")
        } | {"number": 0}

    def prepare(self) -> None:
        """Nothing: its settings are written at every start, and in between."""

    def start(self) -> None:
        self.configure(self.line)
        super().start()

    def configure(self, conf: dict[str, Any]) -> None:
        self.line = conf
        place = {"listen": self.listen(), "to": self.target()}
        new = self.write(f"{SETTINGS}.new", json.dumps(conf | place))
        new.replace(self.directory / SETTINGS)  # whole, whenever it is read

    def target(self) -> tuple[str, int]:
        """Seen from this computer, where it runs, whatever the other runs in."""
        if isinstance(self.to, str):
            host, _, port = self.to.rpartition(":")
            return host, int(port)
        return self.to.address()

    def reload(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def command(self) -> list[str]:
        # -P: its folder is not searched for modules
        program = Path(__file__).with_name("relay.py")
        return [sys.executable, "-P", str(program), SETTINGS]
