"""The one folder outside the repository: made or fetched once, used often."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path

from .base import RuntimeUnavailable

# root's, after a `sudo make`; read-only; or the disk or the user's share of it is full
CANNOT_BE_WRITTEN = {
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOSPC, errno.EDQUOT),
}


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


def made(name: str, make: Callable[[Path], None]) -> Path:
    """The path of the cached thing `name`, made by `make(path)` when it is missing.

    `make` writes to a path beside it, which is renamed when it is complete: what is
    interrupted is made again, and two kernels never make the same thing at once.
    Raises RuntimeUnavailable when the folder cannot be written.
    """
    try:
        return _made(name, make)
    except OSError as why:
        if why.errno not in CANNOT_BE_WRITTEN:
            raise
        raise RuntimeUnavailable(
            f"The cache folder {folder()} cannot be written: {why}. "
            "Name another one: LABS_CACHE=/path/to/folder"
        ) from why


def _made(name: str, make: Callable[[Path], None]) -> Path:
    path = folder() / name
    if path.exists():
        return path
    with (folder() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            draft = folder() / f".{name}.draft"
            remove(draft)
            try:
                make(draft)
                draft.rename(path)
            finally:
                remove(draft)
    return path


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
