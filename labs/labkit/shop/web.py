"""Customers of the shop's web pages, each request recorded and refusable.

A request carries the trace that belongs to its operation, so that logs, spans and the
statements in the database can be found from the history.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .. import observe
from ..history import History, Op
from ..observe.sli import SLI
from ..servers.http import Answer
from ..wait import wait_until
from . import traffic
from .crowd import Crowd
from .records import Recorder, figure, refusable
from .traffic import Order

if TYPE_CHECKING:
    from ..servers.nginx import Nginx
    from ..servers.postgres import PostgresNode

BLOCKED = """select wait_event_type, wait_event, query, (
 select string_agg(b.state || ': ' || b.query, ', ') from pg_stat_activity b
 where b.pid = any(pg_blocking_pids(a.pid)))
 from pg_stat_activity a where query like %s and wait_event_type = 'Lock'"""


class Site(Protocol):
    """What answers requests: an `Nginx` or an `App`."""

    def get(self, path: str, **more: Any) -> Answer: ...

    def post(self, path: str, body: Any, **more: Any) -> Answer: ...


def browse(
    run: Recorder,
    site: Site,
    client: str,
    store: int,
    patience: float = 1,
    **extra: Any,
) -> Op:
    """Open a store's page: "browse" on "store:7"."""
    call = (client, "browse", f"store:{store}")
    return _ask(run, call, extra, patience, site.get, f"/stores/{store}")


def buy(
    run: Recorder,
    site: Site,
    client: str,
    order: Order,
    patience: float = 1,
    **extra: Any,
) -> Op:
    """Check out: "checkout" on "orders", value the order's id.

    patience: seconds for which the customer waits.
    """
    call = (client, "checkout", "orders", order.order_id)
    return _ask(run, call, extra, patience, site.post, "/checkout", asdict(order))


def come(
    crowd: Crowd,
    run: Recorder,
    site: Site,
    orders: Iterator[Order],
    browsers: int,
    buyers: int,
    **extra: Any,
) -> None:
    """Send customers 1, 2, ... who look at a store, one after another, and meanwhile
    the buyers of the next orders, all at once. Each waits for a second."""

    def look_around() -> None:
        for n in range(1, browsers + 1):
            browse(run, site, f"customer {n}", n, **extra)

    crowd.send(look_around)
    for n in range(browsers + 1, browsers + buyers + 1):
        crowd.send(buy, run, site, f"customer {n}", next(orders), **extra)


def _ask(
    run: Recorder,
    call: tuple[Any, ...],
    extra: dict[str, Any],
    patience: float,
    send: Callable[..., Answer],
    *request: Any,
) -> Op:
    with refusable(run, *call, **extra) as op:
        header = {"traceparent": observe.traceparent(op)}
        send(*request, timeout=patience, headers=header).ok()
    return op


class AtEdge:
    """What the edge's log tells of each tick, as figures in the history.

    patience: seconds, above which an answer is a bad one.
    """

    def __init__(self, edge: Nginx, patience: float = 1) -> None:
        self.edge = edge
        self.patience = patience
        self.read = len(edge.access_log())

    def note(self, run: Recorder, tick: int) -> None:
        """Enter the requests since the last time: "browse" and "checkout" at the node
        "edge", [good ones, all], with the tick in `extra`."""
        log = self.edge.access_log()
        fresh, self.read = log[self.read :], len(log)
        for page, path in (("browse", "/stores/"), ("checkout", "/checkout")):
            asked = [line for line in fresh if line["path"].startswith(path)]
            well = [one for one in asked if self.well(one)]
            figure(run, "edge", page, [len(well), len(asked)], tick=tick)

    def well(self, line: Mapping[str, Any]) -> bool:
        return line["status"] < 500 and line["seconds"] < self.patience


def at_edge(history: History, page: str) -> list[SLI]:
    """The edge's figures of one page, tick by tick."""
    figures = history.ops("figure", key=page)
    return [SLI(*op.value) for op in figures if op.node == "edge"]


@dataclass(frozen=True)
class Held:
    """A checkout that met a lock: its trace id, the status that the customer was told,
    and what the database showed: what it waited for, its statement, and who held it."""

    trace: str
    status: int
    waits_for: str
    statement: str
    held_by: str


def follow(edge: Site, db: PostgresNode, rng: random.Random) -> Held:
    """Send a checkout that will meet a lock, and find it in the database by its id.

    A time limit ends it soon; whoever was missed tries again. Raises TimedOut.
    """
    found: list[Any] = []

    def look(trace: str, crowd: Crowd) -> bool:
        found.extend(db.sql(BLOCKED, [f"%{trace}%"])[:1])
        return bool(found) or not crowd.unanswered

    for order in traffic.orders(rng, 20, stores=20):
        trace = f"{rng.getrandbits(128):032x}"
        header = {"traceparent": f"00-{trace}-{trace[:16]}-01"}
        with Crowd() as crowd:
            sent = crowd.send(edge.post, "/checkout", asdict(order), headers=header)
            wait_until(lambda: look(trace, crowd), 10, "nothing to be seen")  # noqa: B023
        if found:
            kind, event, statement, held_by = found[0]
            status = sent.result().status
            return Held(trace, status, f"{kind} {event}", statement, held_by)
    raise LookupError("no checkout of twenty was seen to wait")
