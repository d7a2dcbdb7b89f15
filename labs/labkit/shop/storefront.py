"""Application servers that make pages of products, and a rush on all of them at once.

PostgreSQL makes a page under a role with few connections; Redis keeps it. How a server
asks for a page that is not kept is the lesson's: a *way* is called with a `Front` and
returns a function of the run and the page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import faults
from ..history import Op
from . import carts, tables
from .crowd import Crowd
from .records import Recorder

if TYPE_CHECKING:
    from ..servers.postgres import Postgres
    from ..servers.redis import Redis

ROLE = "storefront"
LATER = "in a moment, please"  # the page for whoever is turned away
TTL_S = 3_600
MAKE = "select name, pg_sleep(%s) from products where id = %s"
GATE = "lock table products in access exclusive mode"

Ask = Callable[[Recorder, str], str]
Way = Callable[["Front"], Ask]
View = Callable[[Recorder, Ask, str, str], object]


def name_on(page: str) -> str:
    """What a page shows: "Product 7" for "page:7"."""
    return f"Product {page.rpartition(':')[2]}"


def shows_its_product(op: Op) -> bool:
    """Whether the customer of a "read" was shown the page that was asked for."""
    return op.outcome == "ok" and op.value == name_on(op.key or "")


class Places:
    """So many places at a time, for an application server's own customers."""

    def __init__(self, number: int) -> None:
        self._free = threading.Semaphore(number)
        self._lock = threading.Lock()
        self.waiting = 0

    def take(self, within_s: float | None = None) -> bool:
        """Whether a place came free in time; None: wait for ever."""
        if self._free.acquire(blocking=False):
            return True
        with self._lock:
            self.waiting += 1
        try:
            wait = within_s is None or within_s > 0
            return wait and self._free.acquire(timeout=within_s)
        finally:
            with self._lock:
                self.waiting -= 1

    def give_back(self) -> None:
        self._free.release()


class Front:
    """One application server, with its own connections. Safe to use from threads."""

    def __init__(self, shop: Storefront, name: str) -> None:
        self.name = name
        self._shop = shop
        self._idle: list[tables.Connection] = []
        self._all: list[tables.Connection] = []
        self._places: list[Places] = []

    def places(self, number: int) -> Places:
        made = Places(number)
        self._places.append(made)
        return made

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(places.waiting for places in self._places)

    def make(self, run: Recorder, page: str, within_s: float | None = None) -> str:
        """Have a page made, recorded as an inner "rebuild", and keep it for an hour.

        within_s: for so long PostgreSQL may take, None: for ever. Raises
        OperationalError when it grants no connection, QueryCanceled when it is late.
        """
        session = self._session()
        try:
            with run.call(self.name, "rebuild", page, inner=True):
                limit = 0 if within_s is None else max(1, round(1000 * within_s))
                session.execute(f"set statement_timeout = {limit}".encode())
                wanted = [self._shop.ms / 1000, int(page.rpartition(":")[2])]
                [text, _] = session.execute(MAKE, wanted).fetchone() or ["", None]
        finally:
            self._idle.append(session)
        self._shop.cache.set(page, text, ex=TTL_S)
        return text

    def _session(self) -> tables.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            # one after another: of two that come at once PostgreSQL may refuse both
            with self._shop.door:
                session = self._shop.connect()
                self._all.append(session)
                return session

    def close(self) -> None:
        for session in self._all:
            session.close()


class Storefront:
    """The application servers of a shop, and a shelf of its pages.

    pages: one for each product and customer. servers: customers are dealt out to them.
    connections: what PostgreSQL grants to all of them together. ms: what a page takes.
    busy_ms: for so long it makes none after everybody has asked.
    """

    def __init__(
        self,
        db: Postgres,
        redis: Redis,
        pages: int,
        servers: int,
        connections: int,
        ms: int,
    ) -> None:
        self.db = db
        self.redis = redis
        self.cache = redis.client()
        self.pages = [f"page:{number}" for number in range(1, pages + 1)]
        self.servers = servers
        self.connect = tables.Tables(db).login(ROLE, connections)
        self.ms = ms
        self.busy_ms = 0
        self.door = threading.Lock()

    def warm(self) -> None:
        """A quiet day: every page is kept."""
        carts.clear(self.cache)
        for page in self.pages:
            self.cache.set(page, name_on(page), ex=TTL_S)

    def rush(self, run: Recorder, way: Way, view: View) -> None:
        """Each customer asks for another page: view(run, ask, customer, page).

        PostgreSQL makes no page before everybody is answered or waits, so what comes
        of it does not depend on who was quick.
        """
        fronts = [Front(self, f"server {n}") for n in range(1, self.servers + 1)]
        asks = [way(front) for front in fronts]
        with (
            tables.left_open(self.db.primary, GATE, name="gate") as gate,
            Crowd() as crowd,
        ):
            try:
                for number, page in enumerate(self.pages):
                    who, ask = f"customer {number + 1}", asks[number % self.servers]
                    crowd.send(view, run, ask, who, page)
                crowd.settle(lambda: self.waiting(fronts))
                end = time.monotonic() + self.busy_ms / 1000
                while time.monotonic() < end and crowd.going_on():
                    pass
            finally:
                gate.close()
        tables.hang_up(self.db.primary, ROLE)
        for front in fronts:
            front.close()

    def waiting(self, fronts: list[Front]) -> int:
        asked = tables.waiting(self.db.primary, ROLE)
        return asked + sum(front.waiting for front in fronts)


@faults.fault("the cache is empty")
def cache_lost(shop: Storefront, busy_ms: int = 0) -> faults.Body:
    """Every page is gone. Meter: misses since.

    busy_ms: and so long PostgreSQL makes no page after everybody has asked.
    """
    shop.cache.flushall()
    shop.cache.config_resetstat()
    shop.busy_ms = busy_ms
    yield lambda: shop.cache.info("stats")["keyspace_misses"]
    shop.busy_ms = 0
