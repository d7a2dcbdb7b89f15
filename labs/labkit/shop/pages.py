"""Pages of stores: PostgreSQL makes them, slowly, and Redis keeps them.

`Pages` makes and counts them. Two faults are about whoever makes one under a lease:
`holder_gone`, who never comes back, and `rebuilds_cancelled`, who comes back with an
error, in time or after the lease has run out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import checks, faults
from ..history import History, Op
from ..wait import wait_until
from . import carts, tables
from .crowd import Crowd
from .records import Recorder

if TYPE_CHECKING:
    from ..servers.postgres import Postgres
    from ..servers.redis import RedisNode

COUNTED = {"shared_preload_libraries": "pg_stat_statements"}  # for `Pages.asked`

# one statement for every store, as pg_stat_statements counts; the store is in the text,
# so that pg_stat_activity tells which page is being made. Its prices are those of its
# first moment; it passes the store's gate, which is open unless somebody holds it, and
# then takes its time
MAKE = """select max(version), json_agg(price_cents order by id)
 from products, (select pg_sleep({seconds})
  from (select pg_advisory_xact_lock_shared({store})) gate) slow
 where store_id = {store}"""
HOLD = "select pg_advisory_xact_lock({store})"
MAKING = """select pid from pg_stat_activity where state = 'active'
 and query like 'select max(version), json_agg%%' and query like %s
 and coalesce(wait_event, '') like %s
 order by query_start"""
SAVE = """update products set price_cents = %s, version = version + 1
 where id = (select min(id) from products where store_id = %s) returning version"""


def key(store: int) -> str:
    """What a store's page is called in Redis and in histories: "page:store:7"."""
    return f"page:store:{store}"


def lock(page: str) -> str:
    """The key of the lease to make a page: "lock:page:store:7"."""
    return f"lock:{page}"


class Pages:
    """The pages of a shop.

    redis: the node that keeps them. connections: how many PostgreSQL grants to all that
    make pages; who finds none free waits. ms: how long a page takes to be made, from
    the moment at which its prices were read.
    """

    def __init__(
        self, db: Postgres, redis: RedisNode, connections: int = 4, ms: int = 100
    ) -> None:
        self.db = db
        self.redis = redis
        self.cache = redis.client()
        self.ms = ms
        self.shop = tables.Tables(db)
        self.pool = tables.pool(db.primary, connections)
        self.after_query: Callable[[str], None] = lambda page: None  # for faults

    def make(
        self, run: Recorder, client: str, page: str, token: str | None = None
    ) -> dict[str, Any]:
        """Ask PostgreSQL for a page: {"version": 1, "prices": [1500, ...]}.

        Recorded as an inner "rebuild" of the page, with the lease's token if there is
        one. It reads the prices, and then takes `ms`.
        """
        query = MAKE.format(seconds=self.ms / 1000, store=store_of(page))
        with run.call(client, "rebuild", page, token=token, inner=True) as op:
            op.node = self.db.primary.name
            with self.pool.connection() as session:
                row: Any = session.execute(query.encode()).fetchone()
            op.version = row[0]
        self.after_query(page)
        return {"version": row[0], "prices": row[1]}

    def save(self, run: Recorder, page: str, cents: int, inner: bool = False) -> None:
        """The shopkeeper saves a price of the page: "write" on the page's key."""
        with run.call("shopkeeper", "write", page, cents, inner=inner) as op:
            op.node = self.db.primary.name
            op.version = self.db.primary.value(SAVE, [cents, store_of(page)])

    def clean(self, *pages: str, views: int = 0) -> None:
        """A new day: list prices, and nothing cached but these pages, for an hour.

        All counters begin at zero; then each page is viewed so often, unrecorded.
        """
        carts.clear(self.cache)
        self.shop.clean()
        for page in pages:
            carts.keep_page(self.cache, page, self.make(History(), "", page), 3_600_000)
        tables.count_statements(self.db.primary)
        self.cache.config_resetstat()
        for page in pages:
            carts.read_often(self.cache, page, views)

    def asked(self) -> int:
        """How often PostgreSQL was asked for a page, as it counts itself.

        Of a server with the settings `COUNTED`.
        """
        return tables.calls(self.db.primary, "json_agg")

    def being_made(self, page: str, event: str = "%") -> list[int]:
        """The backends that make this page now, the one that began first in front.

        event: what they wait for; "advisory": the prices are read.
        """
        of_store = f"%store_id = {store_of(page)}"
        found = self.db.primary.sql(MAKING, [of_store, event])
        return [pid for (pid,) in found]

    def does_not_make(self, pid: int, page: str) -> bool:
        """Whether that backend does not make the page, or no longer."""
        return pid not in self.being_made(page)

    def until_asked(self, page: str, by: int = 1) -> list[int]:
        """Wait until so many backends make this page or wait for its table; they."""

        def enough() -> list[int]:
            pids = self.being_made(page)
            return pids if len(pids) >= by else []

        return wait_until(enough, 10, f"{page} is not being made by {by}")

    @contextmanager
    def unfinished(self, page: str) -> Iterator[Callable[[], None]]:
        """No rebuild of this page ends inside the block, nor for its `ms` afterwards.

        Yields a function that waits until one has read the prices, and goes on.
        """

        def until_read() -> None:
            late = f"no rebuild of {page} has read its prices"
            wait_until(lambda: self.being_made(page, "advisory"), 10, late)

        hold = HOLD.format(store=store_of(page))
        with tables.left_open(self.db.primary, hold, name="gate"):
            yield until_read

    def newest(self, page: str) -> int:
        """The latest version of a page's prices."""
        latest = "select max(version) from products where store_id = %s"
        return self.db.primary.value(latest, [store_of(page)])

    def misses(self) -> int:
        """How many keys were asked for in vain, as Redis counts."""
        return self.redis.info("stats")["keyspace_misses"]


def works(made: int, shown: int) -> checks.Check:
    """What must still work behind a guardrail: PostgreSQL makes at most so many pages,
    and at least so many views show prices."""
    spared = checks.at_most(
        made, "pages made by PostgreSQL", where=lambda op: op.op == "rebuild"
    )
    seen = checks.at_least(shown, "views with prices", of="read", where=shows_prices)

    def check(history: History) -> checks.Verdict:
        return checks.combine(spared(history), seen(history))

    return check


def soon(shown: int, within_s: float, but: int) -> checks.Check:
    """What must still work behind a lease: so many views show prices within so many
    seconds, and all `but` a few have an answer by then, an error page or not."""
    seen = checks.at_least(
        shown,
        f"pages shown within {within_s:g} s",
        of="read",
        where=lambda op: shows_prices(op) and op.seconds < within_s,
    )
    late = checks.at_most(
        but,
        f"views without an answer for {within_s:g} s",
        of="read",
        where=lambda op: op.seconds >= within_s,
    )

    def check(history: History) -> checks.Verdict:
        return checks.combine(seen(history), late(history))

    return check


def shows_prices(op: Op) -> bool:
    """Whether a "read" was answered, and not by an empty page."""
    return op.outcome == "ok" and bool(op.value)


def lost(history: History, page: str, lease_s: float) -> list[Op]:
    """Rebuilds of a page that were begun under a lease (they have its token), and
    failed or took longer than it lasts."""
    under_lease = [op for op in history.ops("rebuild", key=page) if op.token]
    return [op for op in under_lease if op.outcome != "ok" or op.seconds > lease_s]


def store_of(page: str) -> int:
    return int(page.rpartition(":")[2])


@faults.fault("a price changes while its page is made")
def price_changes(
    pages: Pages, page: str, letters: list[int], cents: int = 1_200
) -> faults.Body:
    """A new price lies among the shopkeeper's `letters`, to be saved by the schedule.

    Meter: how many prices after the first have arrived in PostgreSQL.
    """
    letters.append(cents)
    yield lambda: pages.newest(page) - 1
    letters.clear()


@faults.fault("the holder of the lease is gone")
def holder_gone(
    pages: Pages, page: str, lease_ms: int | None, of: str | None = None
) -> faults.Body:
    """The page expires, and the lease to make it is held by a client that has died; or
    the lease to make another one, `of`.

    lease_ms: how long that lease lasts; None: for ever. Meter: as of `key_expired`.
    """
    with faults.key_expired(pages.redis, page) as expired:
        lease = lock(of or page)
        pages.cache.set(lease, "of a client that is gone", px=lease_ms)
        yield expired.meter
        pages.cache.delete(lease)


@faults.fault("writes to Redis are held up")
def fill_held_up(pages: Pages, page: str, ms: int) -> faults.Body:
    """The next fill of a page arrives `ms` after its query has ended: CLIENT PAUSE.

    As if the application had stood still between the two. Meter: ms it was held up.
    """
    held: list[int] = []

    def hold(made: str) -> None:
        if made == page and not held:
            pages.cache.client_pause(ms, all=False)
            held.append(ms)

    pages.after_query = hold
    yield lambda: sum(held)
    pages.after_query = lambda page: None
    pages.cache.client_unpause()


@faults.fault("rebuilds are cancelled")
def rebuilds_cancelled(
    pages: Pages, page: str, times: int = 1, makers: int = 1
) -> faults.Body:
    """The page expires while its table is locked, and queries for it are cancelled.

    As often as `times`, when so many `makers` wait for the table, the query of the
    first of them is cancelled. makers=2: the first is cancelled only after its lease
    has run out and another client has begun. Then everybody else may look at what
    that left, and the table is free. Meter: queries cancelled.
    """
    locked = "lock table products in access exclusive mode"
    cancelled: list[int] = []
    with (
        faults.key_expired(pages.redis, page),
        tables.left_open(pages.db.primary, locked, name="migration") as migration,
        Crowd() as operator,
    ):
        operator.send(_cancel, pages, page, times, makers, cancelled, migration.close)
        yield lambda: len(cancelled)


def _cancel(
    pages: Pages,
    page: str,
    times: int,
    makers: int,
    cancelled: list[int],
    unlock: Callable[[], None],
) -> None:
    def all_have_looked() -> bool:
        return len(pages.being_made(page)) >= makers or pages.misses() >= looks

    try:
        for _ in range(times):
            first = pages.until_asked(page, makers)[0]
            pages.db.primary.value("select pg_cancel_backend(%s)", [first])
            late = "a cancelled query goes on"
            wait_until(partial(pages.does_not_make, first, page), 10, late)
            cancelled.append(first)
        looks = pages.misses() + 100
        wait_until(all_have_looked, 10, "nobody looks for the page any more")
    finally:
        unlock()
