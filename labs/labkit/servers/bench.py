"""How soon a server can be used, for `make bench`: the rows that a package brings.

    redis/bench.py   `ours(bench)`: starts the server and marks what it reached
                     `PLAIN`: way -> the same by hand, or as its manual tells it
                     `TARGETS`: what is reached -> seconds on an idle machine, two cores

A package without one is started as it is: its class makes it without being told
anything, and "answers" is what is reached.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..runtimes import Runtime, Session
from . import __name__ as here
from . import handle
from .base import Server, waves


class Bench:
    """One start, timed: the clock runs from nothing (no directory, no process) to what
    is marked. Leaving the block cleans up, outside the clock.

    make: the runtime in which `start` starts servers. marks: what was reached ->
    seconds from the start.
    """

    def __init__(self, make: Callable[[Session], Runtime]) -> None:
        self.marks: dict[str, float] = {}
        self._began = time.perf_counter()
        self.session = Session()
        self._make = make
        self._servers: list[Server[Any]] = []

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *error: object) -> None:
        for server in reversed(self._servers):
            with contextlib.suppress(Exception):  # the session ends what is left of it
                server.stop()
        self.session.close()

    def start(self, server: Any) -> Any:
        """The server, started as a lab does, after those that it stands on."""
        runtime = self._make(self.session)
        for group in waves([server]):
            for one in group:
                self._servers.append(one)
                one.attach(runtime)
                one.start()
        return server

    def mark(self, what: str) -> None:
        self.marks[what] = time.perf_counter() - self._began


Way = Callable[[Bench], None]


class Rows:
    """What is timed of a server: `ours`, the `plain` ways beside it, and `targets`.

    Raises LookupError when the package brings nothing and its class must be told what
    to make.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.ours: Way = self._as_it_is
        self.plain: dict[str, Way] = {}
        self.targets: dict[str, float] = {}
        if find_spec(f"{here}.{kind}.bench"):
            brought = import_module(f"{here}.{kind}.bench")
            self.ours, self.plain = brought.ours, brought.PLAIN
            self.targets = brought.TARGETS
        elif _must_be_told(handle(kind)):
            raise LookupError(f"{kind} brings no bench.py")

    def _as_it_is(self, bench: Bench) -> None:
        bench.start(handle(self.kind)())
        bench.mark("answers")


def _must_be_told(server: type[Server[Any]]) -> bool:
    given = inspect.signature(server).parameters.values()
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(p.default is p.empty and p.kind not in free for p in given)
