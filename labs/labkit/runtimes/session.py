"""A session: the directory of a kernel's servers, and the cleaner that guards it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from . import cleaner, surroundings
from .base import RuntimeUnavailable

NEEDED = 300 << 20  # bytes free for a lab's data; the largest lab writes about 200 MB


class Session:
    """Holds everything that one kernel starts; `close` leaves nothing behind.

    in_memory: whether data goes to memory where there is room, as it does unless a lab
    counts memory. Attributes: id (also the label of containers), directory (mode 0700,
    holds all data, sockets and logs).
    Raises RuntimeUnavailable when no place has room for a lab's data.
    """

    def __init__(self, in_memory: bool = True) -> None:
        surroundings.forget_clients_settings()
        surroundings.be_let_in()
        root = data_root(in_memory)
        sweep(root)
        self.directory = Path(tempfile.mkdtemp(prefix="labs-", dir=root))
        self.id = self.directory.name
        self._owner = (self.directory / cleaner.OWNER).open("w")
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        self._cleaner = subprocess.Popen(
            [sys.executable, "-I", cleaner.__file__, str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Jupyter's interrupt and kill go to the group
        )

    def folder(self, name: str) -> Path:
        """A new directory of the session, for one machine; names may come again."""
        taken = sum(1 for _ in self.directory.glob(f"{name}*"))
        path = self.directory / (f"{name}.{taken}" if taken else name)
        path.mkdir(mode=0o700)
        return path

    def close(self) -> None:
        """End whatever is left and remove the directory. May be called twice."""
        if self._cleaner.stdin and not self._cleaner.stdin.closed:
            self._cleaner.stdin.close()
            try:
                self._cleaner.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._cleaner.kill()
                cleaner.clean(self.directory)
            self._owner.close()


def data_root(in_memory: bool = True) -> Path:
    """Where session directories go: LABS_DATA, else memory, else the temp directory.
    in_memory: False where only a disk will do."""
    asked = os.environ.get("LABS_DATA")
    if asked:
        places = [Path(asked).expanduser().resolve()]
    else:
        places = [Path("/dev/shm"), Path(tempfile.gettempdir()), Path("/var/tmp")]
    found = []
    for place in places:
        if not place.is_dir() or not os.access(place, os.W_OK):
            found.append(f"{place} is not a folder that you can write to")
            continue
        if not in_memory and in_the_memory(place):
            found.append(f"{place} is in memory, which this lab counts")
            continue
        free = shutil.disk_usage(place).free
        if free >= NEEDED:
            return place
        found.append(f"{place} has {free >> 20} MB free")
    raise RuntimeUnavailable(
        f"A lab needs {NEEDED >> 20} MB for its servers' data: {'; '.join(found)}. "
        "Free some space, or name another folder: LABS_DATA=/path/to/folder"
    )


def in_the_memory(place: Path) -> bool:
    """Whether what is written to a folder counts as memory of who wrote it."""
    holds = [
        (len(mount.mountpoint), mount.fstype)
        for mount in psutil.disk_partitions(all=True)
        if place.resolve().is_relative_to(mount.mountpoint)
    ]
    return max(holds, default=(0, ""))[1] in ("tmpfs", "ramfs")


def sweep(root: Path) -> None:
    """Clean up after kernels whose cleaner was killed along with them."""
    for directory in root.glob("labs-*"):
        # an error: its kernel lives, or no session made it
        with contextlib.suppress(OSError):
            found = directory.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            if time.time() - found.st_mtime < 10:
                continue  # perhaps just being made
            # never made here: a reader's own folder may be called labs-solutions
            with (directory / cleaner.OWNER).open("r+") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                cleaner.clean(directory)
