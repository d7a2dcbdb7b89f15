"""Running a server that refuses root, when the lab itself runs as root.

Containers, cloud notebooks and CI often do. First choice: a user namespace in which
root looks like an ordinary user, which touches no file's owner or mode. Where these
are forbidden: the account `nobody`, if it can reach the server's programs.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .base import RuntimeUnavailable

NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


@dataclass(frozen=True)
class Identity:
    """How to run a command so that it does not see itself as root."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None  # files must belong to this account; None: leave them

    def command(self, words: list[str]) -> list[str]:
        return [*self.prefix, *words]

    def own(self, folder: Path) -> None:
        """Give the folder and all in it to the account that the server runs as."""
        if self.uid is None:
            return
        os.chown(folder, self.uid, -1)
        for place, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(place, name), self.uid, -1, follow_symlinks=False)


@functools.cache
def ordinary_user(program: Path, product: str) -> Identity:
    """How to run `program`, a part of `product` ("PostgreSQL") that tells its version.

    Raises RuntimeUnavailable when no way works.
    """
    if os.geteuid() != 0:
        return Identity()
    if works([*NAMESPACE, str(program), "--version"]):
        return Identity(prefix=tuple(NAMESPACE))
    uid = pwd.getpwnam("nobody").pw_uid
    setpriv = ["setpriv", f"--reuid={uid}", "--clear-groups", "--"]
    if works([*setpriv, str(program), "--version"]):
        return Identity(prefix=tuple(setpriv), uid=uid)
    raise RuntimeUnavailable(
        f"{product} refuses to run as root, user namespaces are forbidden here, and "
        f"the account `nobody` cannot reach {program.parent}. Run the labs as an "
        "ordinary user, or move the repository to a folder that every user may enter, "
        "or use Docker: LABS_RUNTIME=containers"
    )


def works(words: list[str]) -> bool:
    if not shutil.which(words[0]):
        return False
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, cwd="/")
    return done.returncode == 0
