"""One line about what takes longer than a reader would expect."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUIET = 2.0  # seconds that pass without a word; `labkit.prepare` tells everything


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say on standard error what is being done, once it takes longer than QUIET, and at
    its end how long it took."""
    began = time.monotonic()
    said = threading.Event()

    def say() -> None:
        said.set()
        print(f"{what} ...", end="", flush=True, file=sys.stderr)

    timer = threading.Timer(QUIET, say)
    timer.daemon = True
    if QUIET:
        timer.start()
    else:
        say()
    end = "failed"
    try:
        yield
        end = f"{time.monotonic() - began:.1f} s"
    finally:
        timer.cancel()
        if said.is_set():
            print(f" {end}", flush=True, file=sys.stderr)
