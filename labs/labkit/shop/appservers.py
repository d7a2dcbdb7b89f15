"""Application servers with a session each, and the news of who is primary.

    news = appservers.News()
    servers = appservers.start(run, 4, news.of(db.primary, epoch=1))
    appservers.take_turns(servers, orders)
    with servers[0].under_way(order):  # sent, and not yet committed
        ...                            # a failover
    news.publish(db.replica, epoch=2)

A server keeps its session, as a pool does. When it breaks, the server connects to the
same address again and sends its order once more; when an order is refused, it asks the
news who is primary, and sends it there. Sessions carry the epoch in which their server
believes as the setting `shop.epoch`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg

from ..faults import Body, fault
from ..wait import until_set, wait_until
from .crowd import Crowd, names
from .records import Recorder, refusable
from .tables import insert
from .traffic import Order

if TYPE_CHECKING:
    from ..faults import Fault
    from ..servers.postgres import PostgresNode


PATIENCE_MS = 2000  # then an order that is locked out counts as refused
END = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid = %s"
TRIES = 3  # a session that broke, an address that refuses, the right one


class News:
    """Who is primary, and which servers do not hear of it.

    servers: those that were started last. They keep their sessions after a run.
    """

    node: PostgresNode
    epoch: int

    def __init__(self) -> None:
        self.servers: list[AppServer] = []
        self.deaf: frozenset[str] = frozenset()
        self.unheard = 0

    def of(self, node: PostgresNode, epoch: int) -> News:
        self.node, self.epoch = node, epoch
        return self

    def publish(self, node: PostgresNode, epoch: int) -> None:
        """Tell every server that hears; it connects to the new primary."""
        self.of(node, epoch)
        for server in self.servers:
            if server.name in self.deaf:
                self.unheard += 1
            else:
                server.leave()
                server.ask()

    def lost_for(self, *deaf: str) -> Fault:
        """A fault: news do not reach these. Meter: news that did not arrive."""
        return _lost(self, frozenset(deaf))


@fault("news lost")
def _lost(news: News, deaf: frozenset[str]) -> Body:
    news.deaf, news.unheard = deaf, 0
    try:
        yield lambda: news.unheard
    finally:
        news.deaf = frozenset()


class AppServer:
    """One application server. before_order(server): what it asks before each order,
    in the order's transaction; it may raise."""

    def __init__(
        self,
        run: Recorder,
        name: str,
        news: News,
        before_order: Callable[[AppServer], object],
    ) -> None:
        self.run, self.name, self.news = run, name, news
        self.before_order = before_order
        self.ask()

    def ask(self) -> None:
        """Ask who is primary, and connect to it."""
        self.node, self.epoch = self.news.node, self.news.epoch
        self.connect()

    def connect(self) -> None:
        """A new session at the address that it has."""
        told = f"-c shop.epoch={self.epoch} -c lock_timeout={PATIENCE_MS}"
        self.session = self.node.connect(options=told, application_name=self.name)

    def leave(self) -> None:
        """End the session. Its server has seen it go, where it still runs."""
        with suppress(psycopg.OperationalError), self.node.connect() as other:
            other.execute(END, [self.session.info.backend_pid])
        self.session.close()

    def take(
        self,
        order: Order,
        meanwhile: Callable[[], object] = lambda: None,
        tries: int = TRIES,
    ) -> None:
        """Take one order: "write" on "orders", recorded; another try is an inner one.

        meanwhile: what happens between the INSERT and the commit.
        """
        call = self.name, "write", "orders", order.order_id
        inner = tries < TRIES
        record = refusable(self.run, *call, node=self.node.name, inner=inner)
        with record as op, self.session.transaction():
            self.before_order(self)
            insert(self.session, order)
            meanwhile()
        if op.outcome != "ok" and tries > 1:
            self.leave()
            if op.outcome == "fail":
                self.ask()
            else:
                self.connect()
            self.take(order, tries=tries - 1)

    @contextmanager
    def under_way(self, order: Order) -> Iterator[None]:
        """An order whose commit comes when the block is over, or sooner when somebody
        else waits for its locks. A server that hears the news finishes it first."""
        if self.name not in self.news.deaf:
            self.take(order)
            yield
            return
        inserted, over = threading.Event(), threading.Event()
        watch = self.node.connect()

        def awaited() -> bool:
            return over.is_set() or waited_for(watch)

        def meanwhile() -> None:
            inserted.set()
            wait_until(awaited, 30, f"the order of {self.name} never ends")

        with Crowd() as crowd, watch:
            crowd.send(self.take, order, meanwhile)
            until_set(inserted, 30, f"{self.name} has not inserted its order")
            try:
                yield
            finally:
                over.set()


def waited_for(watch: psycopg.Connection[Any]) -> bool:
    """Whether a session waits for a lock; none does on a server that is gone."""
    query = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
    try:
        return bool(watch.execute(query).fetchall())
    except psycopg.OperationalError:
        return False


def start(
    run: Recorder,
    count: int,
    news: News,
    before_order: Callable[[AppServer], object] = lambda server: None,
) -> list[AppServer]:
    """ "server 1", "server 2", ..., each with a session at the primary of the news."""
    news.servers = [
        AppServer(run, name, news, before_order) for name in names("server", count)
    ]
    return news.servers


def take_turns(servers: list[AppServer], orders: Iterable[Order]) -> None:
    """The servers take the orders one after another."""
    for number, order in enumerate(orders):
        servers[number % len(servers)].take(order)
