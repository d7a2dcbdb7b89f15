"""An edge is nginx, from its official image."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence

from ..nginx.container import Container as NginxContainer
from .conf import FOLDER

COPIES = f"/tmp/{FOLDER}"


class Container(NginxContainer):
    def heads(self) -> dict[str, bytes]:
        """Each copy, by its path among the copies."""
        parts, _ = self._docker.get_archive(COPIES)
        with tarfile.open(fileobj=io.BytesIO(b"".join(parts))) as archive:
            return {
                member.name.partition("/")[2]: file.read()
                for member in archive.getmembers()
                if (file := archive.extractfile(member))
            }

    def remove(self, files: Sequence[str]) -> None:
        self.run("rm", "-f", *(f"{COPIES}/{file}" for file in files))

    def overwrite(self, file: str, begin: bytes) -> None:
        """Put these bytes in place of the first ones of a copy."""
        octal = "".join(f"\\\\{byte:03o}" for byte in begin)
        write = f"printf {octal} | dd of={COPIES}/{file} conv=notrunc"
        self.run("sh", "-c", write)
