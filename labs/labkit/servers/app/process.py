"""The shop's application: our own code, and so a plain process in both runtimes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...runtimes import Runtime
from ...runtimes.processes import ProcessMachine


class Process(ProcessMachine):
    """database: gives the connection string. settings: of the pool, read anew at every
    start. password: what every request must show."""

    def __init__(
        self,
        runtime: Runtime,
        name: str,
        database: Callable[[], str],
        settings: dict[str, Any],
        password: str,
    ) -> None:
        super().__init__(runtime, name, password)
        self.database = database
        self.settings = settings

    def prepare(self) -> None:
        self.write("spans.jsonl", "")

    def start(self) -> None:
        self.write("app.json", json.dumps(self.configuration()))
        super().start()

    def configuration(self) -> dict[str, Any]:
        return {
            **self.settings,
            "name": self.name,
            "key": self.password,
            "database": self.database(),
            "listen": self.listen(),
        }

    def command(self) -> list[str]:
        # -P: its folder is not searched for modules
        return [sys.executable, "-P", str(program()), "app.json"]

    def read(self, name: str) -> str:
        path = self.directory / name
        return path.read_text(errors="replace") if path.exists() else ""


def program() -> Path:
    """Found, not imported: the kernel needs none of what it imports."""
    found = find_spec("labkit.shop.app")
    assert found and found.origin
    return Path(found.origin)
