"""What a cached thing consists of, noted when it was made and compared when it is used.

What is in the cache is run: a file that was cut, flipped or put there by somebody else
must be noticed before that.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

Noted = dict[str, list[int | str]]  # by path: size, time of change in ns, uid, SHA-256


def note(root: Path, paths: Iterable[Path]) -> Noted:
    """Of all files and folders at and below `paths`, by their path below `root`."""
    return {str(path.relative_to(root)): _noted(path) for path in _all(paths)}


def _all(paths: Iterable[Path]) -> Iterator[Path]:
    for top in paths:
        yield top
        for place, folders, files in os.walk(top):
            yield from (Path(place, name) for name in (*folders, *files))


def _noted(path: Path) -> list[int | str]:
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode):
        return [0, 0, found.st_uid, ""]
    return [found.st_size, found.st_mtime_ns, found.st_uid, sha256(path)]


def damage(root: Path, noted: Noted, paths: Iterable[Path]) -> str:
    """What differs from what was noted, in words; "" when nothing does.

    A file of the noted size, time and owner is believed; one of another time is read.
    """
    for name, (size, changed, owner, digest) in noted.items():
        path = root / name
        try:
            found = path.lstat()
        except OSError:
            return f"{name} is missing"
        if found.st_uid != owner:
            return f"{name} belongs to another account"
        if stat.S_ISDIR(found.st_mode) != (not digest) or path.is_symlink():
            return f"{name} was replaced"
        if digest and found.st_size != size:
            return f"{name} has {found.st_size} bytes instead of {size}"
        if digest and found.st_mtime_ns != changed and sha256(path) != digest:
            return f"{name} was changed"
    names = (str(path.relative_to(root)) for path in _all(paths))
    return next((f"{name} was added" for name in names if name not in noted), "")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
