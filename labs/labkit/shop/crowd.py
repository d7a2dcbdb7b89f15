"""Clients who act at the same time, each in a thread of its own.

Nothing here waits without a bound: a client that hangs is named, and left behind.
Draw what is random before the threads start, or the order of threads decides it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any, TypeVar

from ..wait import TimedOut, wait_until

T = TypeVar("T")
C = TypeVar("C")


class Crowd:
    """Clients that are sent one after another and answered when it pleases the servers.

        with Crowd() as crowd:
            saves = [crowd.send(save, order) for order in orders]
            crowd.settle(waiting=lambda: tables.waiting(db.primary))

    The block's end waits up to `within` seconds for all of them. It raises TimedOut
    when some have not ended, and else the first error that one of them ended with;
    an error of the block itself comes first.
    """

    def __init__(self, within: float = 30.0) -> None:
        self.within = within
        self._acts: list[Future[Any]] = []

    def send(self, act: Callable[..., T], *args: Any, **more: Any) -> Future[T]:
        """Start act(*args, **more) in a thread; its result comes by the future."""
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(act(*args, **more))
            except BaseException as error:
                future.set_exception(error)

        # a daemon: one that hangs for ever must not keep the kernel from ending
        threading.Thread(target=work, daemon=True).start()
        self._acts.append(future)
        return future

    @property
    def unanswered(self) -> int:
        """How many have not ended yet."""
        return sum(not act.done() for act in self._acts)

    def going_on(self, look_s: float = 0.01) -> bool:
        """Whether somebody has not ended yet, after a look of at most `look_s` seconds:
        for who watches something meanwhile."""
        return bool(wait_for(self._acts, look_s).not_done)

    def settle(self, waiting: Callable[[], int], within: float = 20.0) -> None:
        """Wait until each one has ended or is among those that `waiting()` counts."""

        def settled() -> bool:
            # in this order: who is served in between is counted by neither
            unanswered = self.unanswered
            return waiting() >= unanswered

        wait_until(settled, within, "a client is neither answered nor waits")

    def join(self) -> list[Any]:
        """The results of all, in order of `send`."""
        end = time.monotonic() + self.within
        for act in self._acts:
            wait_for([act], max(0.0, end - time.monotonic()))
        if late := self.unanswered:
            ended = [act for act in self._acts if act.done()]
            errors = [error for act in ended if (error := act.exception())]
            raise TimedOut(
                f"waited {self.within:g} s: {late} of {len(self._acts)} clients hang"
            ) from (errors[0] if errors else None)
        return [act.result() for act in self._acts]

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self.join()
        except BaseException:
            if kind is None:
                raise


def at_once(
    clients: Iterable[C], act: Callable[[C], T], within: float = 30.0
) -> list[T]:
    """act(client) for every client, all from the same moment; the results in order.

    A barrier lets nobody begin before all are there. Raises as `Crowd` does.
    """
    everybody = list(clients)
    start = threading.Barrier(max(1, len(everybody)), timeout=within)

    def begin(client: C) -> T:
        start.wait()
        return act(client)

    crowd = Crowd(within)
    for client in everybody:
        crowd.send(begin, client)
    return crowd.join()


def names(who: str, count: int) -> list[str]:
    """ "shopper 1" to "shopper 20", for names("shopper", 20)."""
    return [f"{who} {number}" for number in range(1, count + 1)]
