"""How soon Redis answers."""

from __future__ import annotations

import contextlib
import subprocess

import redis

from ...runtimes.ports import Port
from ...wait import wait_until
from ..bench import Bench
from . import Redis
from .process import binary

PONG = "PONG"
TARGETS = {PONG: 0.06}


def ours(bench: Bench) -> None:
    assert bench.start(Redis()).client().ping()
    bench.mark(PONG)


def by_hand(bench: Bench) -> None:
    port = Port().number
    process = subprocess.Popen(
        [str(binary()), "--port", str(port), "--bind", "127.0.0.1"],
        cwd=bench.session.folder("plain"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def pong() -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return redis.Redis(port=port).ping()
        return False

    try:
        wait_until(pong, 30, "no PONG")
        bench.mark(PONG)
    finally:
        process.kill()
        process.wait()


PLAIN = {"redis-server": by_hand}
