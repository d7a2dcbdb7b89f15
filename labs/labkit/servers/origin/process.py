"""The origin is our own code, and so a plain process in both runtimes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ...runtimes import Runtime
from ...runtimes.processes import ProcessMachine

SETTINGS = "origin.json"


class Process(ProcessMachine):
    """pages: by path, read anew at every start. password: what every request must
    show."""

    def __init__(
        self, runtime: Runtime, name: str, pages: dict[str, Any], password: str
    ) -> None:
        super().__init__(runtime, name, password)
        self.pages = pages

    def prepare(self) -> None:
        """Nothing: its settings are written at every start."""

    def start(self) -> None:
        settings = {
            "name": self.name,
            "key": self.password,
            "pages": self.pages,
            "listen": self.listen(),
        }
        self.write(SETTINGS, json.dumps(settings))
        super().start()

    def command(self) -> list[str]:
        # -P: its folder is not searched for modules
        program = Path(__file__).with_name("program.py")
        return [sys.executable, "-P", str(program), SETTINGS]
