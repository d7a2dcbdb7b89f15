"""The one folder outside the repository: made or fetched once, used often."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pwd
import shutil
import stat
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from . import inventory
from .base import RuntimeUnavailable
from .progress import told

# root's, after a `sudo make`; read-only; or the disk or the user's share of it is full
CANNOT_BE_WRITTEN = {
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOSPC, errno.EDQUOT),
}

# of this kernel, by name: one thread makes a thing and tells so, the others wait
_being_made: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_sound: set[Path] = set()  # looked at by this kernel

Parts = Callable[[Path], list[Path]]


def folder() -> Path:
    """LABS_CACHE, else the user's cache folder `bottleneck-labs`; made when missing.

    Raises RuntimeUnavailable when it cannot be written, or when another account owns
    it or can write to it: what is in there is run.
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
    path = path.resolve()
    if why := shared(path):
        raise RuntimeUnavailable(
            f"The cache folder {path} {why}, who could plant programs that the labs "
            "then run. Name one of your own: LABS_CACHE=/path/to/folder"
        )
    return path


def shared(path: Path) -> str:
    """Who else controls a folder: "belongs to anna"; "" for nobody."""
    found = path.stat()
    if found.st_uid != os.geteuid():
        try:
            return f"belongs to {pwd.getpwuid(found.st_uid).pw_name}"
        except KeyError:
            return f"belongs to the account {found.st_uid}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"may be written by other accounts (chmod go-w '{path}')"
    return ""


def alone(path: Path) -> list[Path]:
    return [path]


def made(
    name: str, make: Callable[[Path], None], what: str, parts: Parts = alone
) -> Path:
    """The path of the cached thing `name`, made by `make(path)` when it is missing.

    what: the thing and its size, for a line of progress: "Kafka's jars (45 MB)".

    `make` writes to a path beside it, which is renamed when it is complete: what is
    interrupted is made again, and two kernels never make the same thing at once. So is
    what is not as it was made, itself or another of its `parts(path)` in the cache.
    Raises RuntimeUnavailable when the folder cannot be written.
    """
    try:
        return _made(name, make, what, parts)
    except OSError as why:
        if why.errno not in CANNOT_BE_WRITTEN:
            raise
        raise RuntimeUnavailable(
            f"The cache folder {folder()} cannot be written: {why}. "
            "Name another one: LABS_CACHE=/path/to/folder"
        ) from why


def _made(name: str, make: Callable[[Path], None], what: str, parts: Parts) -> Path:
    path = folder() / name
    if not damage(path, parts):
        return path
    with _being_made[name], told(f"Preparing {what}, once"), _locked(name):
        if why := damage(path, parts):
            if path.exists():
                print(f"{what}: {why}. It is made anew.", file=sys.stderr)
            draft = folder() / f".{name}.draft"
            remove(draft)
            try:
                make(draft)
                draft.chmod(0o700 if draft.is_dir() else 0o600)
                remove(path)
                draft.rename(path)
                noted = inventory.note(folder(), parts(path))
                record(path).write_text(json.dumps(noted))
            finally:
                remove(draft)
    return path


def record(path: Path) -> Path:
    """Where it is noted how a cached thing was made."""
    return path.with_name(f".{path.name}.json")


def damage(path: Path, parts: Parts) -> str:
    """Why a cached thing cannot be used; "" when it can. One look a kernel."""
    if path in _sound and path.exists():
        return ""
    try:
        noted = json.loads(record(path).read_text())
        why = inventory.damage(path.parent, noted, parts(path))
    except (OSError, ValueError) as error:
        return f"how it was made is not known ({type(error).__name__})"
    if not why:
        _sound.add(path)
    return why


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
