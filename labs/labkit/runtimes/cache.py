"""The one folder outside the repository: made or fetched once, used often."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from .base import RuntimeUnavailable
from .progress import told

# root's, after a `sudo make`; read-only; or the disk or the user's share of it is full
CANNOT_BE_WRITTEN = {
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOSPC, errno.EDQUOT),
}

# of this kernel, by name: one thread makes a thing and tells so, the others wait
_being_made: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def folder() -> Path:
    """LABS_CACHE, else the user's cache folder `bottleneck-labs`; made when missing.

    Raises RuntimeUnavailable when it cannot be written.
    """
    path = Path(
        os.environ.get("LABS_CACHE") or user_cache_path("bottleneck-labs")
    ).expanduser()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeUnavailable(
            f"The cache folder {path} cannot be made: {error.strerror}. "
            "Name another one: LABS_CACHE=/path/to/folder"
        ) from error
    return path.resolve()


def made(name: str, make: Callable[[Path], None], what: str) -> Path:
    """The path of the cached thing `name`, made by `make(path)` when it is missing.

    what: the thing and its size, for a line of progress: "Kafka's jars (45 MB)".

    `make` writes to a path beside it, which is renamed when it is complete: what is
    interrupted is made again, and two kernels never make the same thing at once.
    Raises RuntimeUnavailable when the folder cannot be written.
    """
    try:
        return _made(name, make, what)
    except OSError as why:
        if why.errno not in CANNOT_BE_WRITTEN:
            raise
        raise RuntimeUnavailable(
            f"The cache folder {folder()} cannot be written: {why}. "
            "Name another one: LABS_CACHE=/path/to/folder"
        ) from why


def _made(name: str, make: Callable[[Path], None], what: str) -> Path:
    path = folder() / name
    if path.exists():
        return path
    with _being_made[name], told(f"Preparing {what}, once"), _locked(name):
        if not path.exists():
            draft = folder() / f".{name}.draft"
            remove(draft)
            try:
                make(draft)
                draft.rename(path)
            finally:
                remove(draft)
    return path


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Keep other kernels from making the same thing."""
    with (folder() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
