"""The only way to wait: for a state, within a bound, with a reason when it fails."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


PASSING_ON = frozenset({"until", "come_up"})  # they wait for whoever calls them

# (file:function that waits, whether the first look was enough): how often. A wait is a
# claim, too: one that never had to wait, in all runs of a lab, may not be able to.
looks: Counter[tuple[str, bool]] = Counter()


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
    place = caller()
    end = time.monotonic() + within
    pause = 0.001
    first = True
    while True:
        value = condition()
        looks[place, bool(value) and first] += 1
        if value:
            return value
        first = False
        if time.monotonic() >= end:
            text = otherwise if isinstance(otherwise, str) else otherwise()
            raise TimedOut(f"waited {within:g} s: {text}")
        time.sleep(min(pause, max(0.0, end - time.monotonic())))
        pause = min(pause * 1.5, 0.05)  # quick at first, gentle on two cores later


def until_set(event: threading.Event, within: float, otherwise: str) -> None:
    """Wait until somebody sets the event. Raises TimedOut."""
    if not event.wait(within):
        raise TimedOut(f"waited {within:g} s: {otherwise}")


def caller() -> str:
    """Who waits: "file:function"."""
    frame = sys._getframe(2)
    while frame.f_code.co_name in PASSING_ON and frame.f_back:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_code.co_name}"


def service_time(seconds: float) -> None:
    """Take this long, as the work that a lesson is about would. Not for waiting."""
    time.sleep(seconds)


def never_waited(least: int = 5) -> list[str]:
    """The places whose condition was true at the first look each time, in order; those
    that were asked fewer times than `least` may just have been lucky."""
    return sorted(
        place
        for (place, at_once), times in looks.items()
        if at_once and times >= least and not looks[place, False]
    )
