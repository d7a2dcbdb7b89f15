"""What goes wrong, on purpose: named, scoped, metered and undone by structure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from .wait import wait_until

if TYPE_CHECKING:  # a fault is handed its node; it needs no driver of its own
    from .servers.base import Node
    from .servers.link import Link
    from .servers.postgres import Replica

Meter = Callable[[], float]
Body = Generator[Meter, None, None]


class Fault:
    """A fault, not yet there. `with fault:` injects it and, whatever happens, heals it.

    `meter()` is what the fault itself shows inside the block: more than 0 means that
    it was really there. A run whose fault shows 0 proves nothing. `span`: from when to
    when it is there, in the history's seconds, where that is not the whole schedule.
    """

    span: tuple[float, float] | None = None

    def __init__(self, name: str, make: Callable[[], Body]) -> None:
        self.name = name
        self._make = make
        self._body: Body | None = None
        self._meter: Meter = lambda: 0

    def __enter__(self) -> Fault:
        self._body = self._make()
        self._meter = next(self._body)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._body is not None
        next(self._body, None)  # runs the healing half, also after an error inside

    def meter(self) -> float:
        return self._meter()


def fault(name: str) -> Callable[[Callable[..., Body]], Callable[..., Fault]]:
    """Make a fault of a generator function: inject, `yield` the meter, heal.

    If injecting fails half way, what stands after the `yield` is not run: undo the
    first half with try/finally where that matters.
    """

    def decorate(body: Callable[..., Body]) -> Callable[..., Fault]:
        @functools.wraps(body)
        def make(*args: Any, **kwargs: Any) -> Fault:
            return Fault(name, lambda: body(*args, **kwargs))

        return make

    return decorate


@fault("replay paused")
def replay_paused(replica: Replica) -> Body:
    """The replica goes on receiving WAL and stops replaying it.

    Meter: bytes received and not replayed.
    """
    replica.sql("select pg_wal_replay_pause()")
    paused = "select pg_get_wal_replay_pause_state() = 'paused'"
    wait_until(lambda: replica.value(paused), 10, "replay did not pause")
    yield replica.bytes_unreplayed
    replica.sql("select pg_wal_replay_resume()")
    replica.wait_for(replica.received())


@fault("WAL receiver frozen")
def receiver_frozen(replica: Replica) -> Body:
    """The process that receives WAL stands still, its connection open.

    From both ends this looks like a network that swallows packets without closing
    anything. Meter: bytes of WAL that the replica has not confirmed to the primary.
    """
    find = "select pid from pg_stat_activity where backend_type = 'walreceiver'"
    pid = replica.value(find)
    replica.machine.signal(pid, "STOP")
    yield lambda: replica.primary.value(
        "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), flush_lsn)"
        " from pg_stat_replication where application_name = %s",
        [replica.name],
    )
    replica.machine.signal(pid, "CONT")
    replica.wait_for(replica.primary.lsn())


@fault("WAL not sent")
def wal_not_sent(*replicas: Replica) -> Body:
    """The primary's processes that send WAL to these replicas stand still.

    From both ends this looks like a network that swallows packets, and like the moment
    before a sender gets its turn: connections stay open, and what is written meanwhile
    exists once. Meter: replicas that have received nothing since.
    """
    primary = replicas[0].primary
    sender = "select pid from pg_stat_replication where application_name = %s"
    pids = [primary.value(sender, [replica.name]) for replica in replicas]
    for pid in pids:
        primary.machine.signal(pid, "STOP")
    had = [replica.received() for replica in replicas]
    yield lambda: sum(r.received() == lsn for r, lsn in zip(replicas, had, strict=True))
    if primary.alive():
        for pid in pids:
            primary.machine.signal(pid, "CONT")
        for replica in replicas:
            replica.wait_for(primary.lsn())


@fault("stream cut")
def stream_cut(*replicas: Replica) -> Body:
    """Replicas lose the address of their primary: no connection, no WAL.

    Healed where there is still a primary to follow. Meter: replicas that have received
    nothing since.
    """
    primary = replicas[0].primary
    row = "select 1 from pg_stat_replication where application_name = %s"
    was = [replica.value("show primary_conninfo") for replica in replicas]
    for replica in replicas:
        replica.set(primary_conninfo="")
        wait_until(
            lambda name=replica.name: not primary.sql(row, [name]),  # type: ignore[misc]
            10,
            f"the stream to {replica.name} still runs",
        )
    had = [replica.received() for replica in replicas]
    yield lambda: sum(r.received() == lsn for r, lsn in zip(replicas, had, strict=True))
    if primary.alive():
        for replica, address in zip(replicas, was, strict=True):
            replica.set(primary_conninfo=address)
            replica.wait_for(primary.lsn())


@fault("frozen")
def paused(node: Node) -> Body:
    """The whole node stands still; its connections stay open. Meter: 1 while frozen."""
    node.pause()
    yield lambda: int(node.frozen())
    node.resume()
    node.ready()


@fault("killed")
def killed(node: Node) -> Body:
    """The node's processes are gone, its data is not. Meter: 1 while it is down."""
    node.kill()
    yield lambda: 0 if node.alive() else 1
    if not node.alive():
        node.start()


@fault("key expired")
def key_expired(cache: Any, key: str) -> Body:
    """A key reaches the end of its time to live. Meter: misses since then."""
    node = getattr(cache, "primary", cache)
    client = node.client()
    client.pexpire(key, 1)
    wait_until(lambda: not client.exists(key), 5, f"{key} did not expire")
    before = node.info("stats")["keyspace_misses"]
    yield lambda: node.info("stats")["keyspace_misses"] - before
    client.close()


@fault("link cut")
def link_cut(link: Link, there: bool = True, back: bool = True) -> Body:
    """What is sent over the link does not arrive before it is healed: a network that
    swallows packets, in one direction or both. Meter: directions in which it is cut."""
    link.set(cut=(there, back))
    yield lambda: sum(link.carried()["cut"])
    link.set(cut=False)
