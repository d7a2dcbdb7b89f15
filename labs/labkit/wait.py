"""The only way to wait: for a state, within a bound, with a reason when it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TimedOut(Exception):
    """A state was not reached within its bound. A verdict that needed it is unknown."""


def wait_until(
    condition: Callable[[], T], within: float, otherwise: str | Callable[[], str]
) -> T:
    """Return the first true value of `condition()`.

    within: bound in seconds. otherwise: what to say when it expires, or a callable
    that makes it then (so that it can hold the server's log).
    Raises TimedOut when the bound expires; errors of `condition` pass through.
    """
    end = time.monotonic() + within
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            text = otherwise if isinstance(otherwise, str) else otherwise()
            raise TimedOut(f"waited {within:g} s: {text}")
        time.sleep(min(pause, max(0.0, end - time.monotonic())))
        pause = min(pause * 1.5, 0.05)  # quick at first, gentle on two cores later


def service_time(seconds: float) -> None:
    """Take this long, as the work that a lesson is about would. Not for waiting."""
    time.sleep(seconds)
