"""Jars of a server: exact versions and checksums from a lock file, fetched by jgo."""

from __future__ import annotations

import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import cache, inventory
from .base import RuntimeUnavailable


def class_path(lock: Path, whose: str, size: str) -> list[Path]:
    """The jars that `lock` (a jgo.lock.toml) names, in its order.

    whose, size: for messages, "Kafka" and "45 MB". Fetches what the cache lacks.
    Raises RuntimeUnavailable when that fails.
    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:10]
    listing = cache.made(
        f"jars-{digest}.txt",
        lambda path: fetch(lock, path, whose),
        f"{whose}'s jars ({size})",
        lambda path: [path, *listed(path)],
    )
    return listed(listing)


def listed(listing: Path) -> list[Path]:
    return [cache.folder() / line for line in listing.read_text().splitlines()]


def fetch(lock: Path, listing: Path, whose: str, workers: int = 8) -> None:
    """Fetch and verify every jar, then write their paths below the cache folder."""
    from jgo.env import LockFile
    from jgo.maven import MavenContext

    repository = cache.folder() / "jars"
    repository.mkdir(mode=0o700, exist_ok=True)
    context = MavenContext(repo_cache=repository, timeout=30)
    logging.getLogger("jgo").setLevel(logging.ERROR)

    def one(jar) -> Path:
        component = context.project(jar.groupId, jar.artifactId).at_version(jar.version)
        artifact = component.artifact(
            classifier=jar.classifier or "", packaging=jar.packaging
        )
        for _ in range(2):  # an interrupted fetch leaves a short file: once more
            path = Path(artifact.resolve())
            own = not path.is_symlink() and path.stat().st_uid == os.geteuid()
            if own and inventory.sha256(path) == jar.sha256:
                return path.relative_to(cache.folder())
            path.unlink()
        raise ValueError(f"{path.name} is not the file that {lock.name} names")

    try:
        with ThreadPoolExecutor(workers) as pool:
            paths = list(pool.map(one, LockFile.load(lock).dependencies))
    except Exception as error:  # jgo raises what its parts raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RuntimeUnavailable(
            f"{whose}'s jars are not all in the cache folder {cache.folder()} and "
            f"could not be fetched: {reason}. Connect to the network and run this "
            "again, or use Docker: LABS_RUNTIME=containers"
        ) from error
    listing.write_text("".join(f"{path}\n" for path in paths))
