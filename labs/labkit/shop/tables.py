"""The shop on PostgreSQL, and the sessions of others that it has to live with.

`Tables` makes the shop's tables and does its ordinary work. The functions look at
sessions by name: a session's name is its role or its application_name.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ..history import Op
from ..servers.postgres import give_up
from ..wait import wait_until
from . import schema
from .records import Recorder, read_back, refusable
from .traffic import Order, PriceChange

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

    from ..lab import Lab
    from ..servers.postgres import Postgres, PostgresNode, Primary

Connection = psycopg.Connection[Any]

SAVE = """update products set price_cents = %s, version = version + 1
 where id = %s returning version"""
LOOK = "select version, price_cents from products where id = %s"
INSERT = "insert into orders values (%s, %s, %s, %s, %s) on conflict (id) do nothing"
LEFT_OPEN = """select pg_terminate_backend(pid, 5000) from pg_stat_activity
 where datname = current_database() and state like 'idle in transaction%'"""
# one line of an order in the middle of each store's shelf
FILL = """insert into orders select n, store, 1 + (store - 1) * %(shelf)s, 1, 500
 from (select n, 1 + (n - 1) %% %(stores)s as store
       from generate_series(1, %(count)s) n) numbered"""


class Tables:
    """The shop's tables on a PostgreSQL server, filled with `stores` stores.

    more: SQL of the lab's own that is run whenever the tables are made. It must stand
    a second time: `create or replace`, `drop table if exists`.

    Recorded work takes the run first. Not for two threads at once, except where a
    session is given: the node's own connection is one.
    """

    def __init__(
        self, db: Postgres, stores: int = schema.STORES, more: str = ""
    ) -> None:
        self.db = db
        self.stores = stores
        self.more = more
        self.create()

    def create(self) -> None:
        """Make all tables anew: products at version 0, no orders. Replicas have them.

        Sessions with a transaction left open are ended first, here and in `clean`: a
        run that was interrupted may have left locks behind.
        """
        for node in self.db.nodes:
            node.sql(LEFT_OPEN)
        with self.db.primary.connect() as session:
            schema.create(session, stores=self.stores)
            if self.more:
                session.execute(self.more.encode())
        self.catch_up()

    def clean(self) -> None:
        """Back to no orders, list prices and version 0, in the same tables."""
        for node in self.db.nodes:
            node.sql(LEFT_OPEN)
        with self.db.primary.connect(autocommit=False) as session:
            session.execute("truncate orders")
            changed = session.execute("select id from products where version <> 0")
            prices = [(schema.list_price(n), n) for (n,) in changed.fetchall()]
            with session.cursor() as cursor:
                cursor.executemany(
                    "update products set version = 0, price_cents = %s where id = %s",
                    prices,
                )
        self.catch_up()

    def renew(self, lab: Lab) -> None:
        """A new shop on new servers: for runs that leave a server lost or promoted."""
        lab.renew(self.db)
        self.create()

    def catch_up(self) -> None:
        """Wait until readers of every replica see what the primary has now."""
        end = self.db.primary.lsn()
        for replica in self.db.replicas:
            replica.wait_for(end)

    def save_price(self, change: PriceChange) -> tuple[int, str]:
        """Save a price; the product's version after it, and an LSN that covers it."""
        version = self.db.primary.value(SAVE, [change.price_cents, change.product])
        return version, self.db.primary.lsn()  # asked after the commit

    def save(
        self, run: Recorder, change: PriceChange, client: str = "shopkeeper"
    ) -> Op:
        """`save_price`, recorded: "write" on "product:31", the LSN as its token."""
        with run.call(client, "write", key(change.product), change.price_cents) as op:
            op.node = self.db.primary.name
            op.version, op.token = self.save_price(change)
        return op

    def look(
        self,
        run: Recorder,
        product: int,
        node: PostgresNode | Callable[[], PostgresNode],
        client: str = "shopkeeper",
    ) -> Op:
        """Read a price, recorded: "read" on "product:31", value in cents.

        node: which node is asked, or a callable that chooses it. Choosing is a part of
        the look, and takes its time.
        """
        with run.call(client, "read", key(product)) as op:
            chosen = node() if callable(node) else node
            op.node = chosen.name
            op.version, op.value = chosen.sql(LOOK, [product])[0]
        return op

    def place(
        self,
        run: Recorder,
        order: Order,
        session: Connection | None = None,
        whole: bool = False,
        **more: Any,
    ) -> Op:
        """Check out, recorded and refusable: "write" on "orders", value the order's id,
        or the `whole` row as a list.

        more: for `run.call`; a second try of the system is `inner=True`.
        """
        client, number = f"customer {order.order_id}", order.order_id
        value = [*astuple(order)] if whole else number
        with refusable(run, client, "write", "orders", value, **more) as op:
            insert(session or self.db.primary, order)
        return op

    def put_back(self, rows: Iterable[Sequence[Any]]) -> None:
        """Insert orders, as rows of the table, where they are missing."""
        with self.db.primary.connect() as session:
            session.cursor().executemany(INSERT, list(rows))

    def order_ids(self, node: PostgresNode | None = None) -> list[int]:
        """The ids of the orders that a node has (the primary), sorted."""
        rows = (node or self.db.primary).sql("select id from orders order by id")
        return [number for (number,) in rows]

    def read_back(
        self, run: Recorder, node: PostgresNode | None = None, whole: bool = False
    ) -> Op:
        """Enter which orders a node has (the primary): "read back" on "orders", their
        ids or the `whole` rows."""
        node = node or self.db.primary

        def rows() -> list[Any]:
            if not whole:
                return self.order_ids(node)
            return [[*row] for row in node.sql("select * from orders order by id")]

        return read_back(run, "orders", rows, node.name)

    def fill_orders(self, count: int, stores: int | None = None) -> None:
        """Replace all orders by `count`, spread evenly over the first `stores`."""
        size = {"count": count, "stores": stores or self.stores}
        size["shelf"] = schema.PRODUCTS_PER_STORE
        with self.db.primary.connect() as session:
            # the keys are right by construction: do not look each of them up
            session.execute("set session_replication_role = replica")
            session.execute("truncate orders")
            session.execute(FILL, size)
            session.execute("analyze orders")
        self.catch_up()

    def login(
        self, role: str = "storefront", limit: int = -1
    ) -> Callable[..., Connection]:
        """Make a role that may read the shop; a function that connects as it.

        limit: connections that it may have, -1 for any number. A second call gives the
        role another password and the new limit.
        """
        primary, password = self.db.primary, secrets.token_hex(8)
        if not primary.sql("select 1 from pg_roles where rolname = %s", [role]):
            primary.sql(sql.SQL("create role {}").format(sql.Identifier(role)))  # type: ignore[arg-type]
        for change in (
            "alter role {} login password {} connection limit {}",
            "grant select on all tables in schema public to {}",
            "alter default privileges in schema public grant select on tables to {}",
        ):
            parts = sql.Identifier(role), sql.Literal(password), sql.Literal(limit)
            primary.sql(sql.SQL(change).format(*parts))  # type: ignore[arg-type]

        def connect(**more: Any) -> Connection:
            return primary.connect(user=role, password=password, **more)

        return connect


def until_received(primary: Primary, within: float = 20) -> None:
    """Wait until each replica that is connected has received what the primary has
    flushed, and so every commit. What open transactions wrote is not sent for now."""
    end = primary.value("select pg_current_wal_flush_lsn()")
    # one that has just connected has told nothing yet
    behind = """select 1 from pg_stat_replication
     where coalesce(flush_lsn, '0/0') < %s"""
    late = "a replica does not catch up"
    wait_until(lambda: not primary.sql(behind, [end]), within, late)


def key(product: int) -> str:
    """What histories call a product: "product:31"."""
    return f"product:{product}"


def insert(session: Any, order: Order) -> None:
    """Write an order; one that is there already is left as it is.

    session: a node or a connection, which commits or not as it is made to.
    """
    run = session.execute if isinstance(session, psycopg.Connection) else session.sql
    run(INSERT, astuple(order))


@contextmanager
def left_open(
    node: PostgresNode, *statements: str, name: str = "report"
) -> Iterator[Connection]:
    """A session `name` whose transaction has run the statements and stays open.

    It is repeatable read: it keeps its snapshot besides its locks. Yields the session,
    rolled back and closed at the end of the block.
    """
    session = node.connect(autocommit=False, application_name=name)
    try:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for statement in statements:
            session.execute(statement.encode())
        yield session
    finally:
        give_up(session)


WHO = "(application_name = %(who)s or usename = %(who)s)"
NAMED = f"from pg_stat_activity where pid <> pg_backend_pid() and {WHO}"


def sessions(node: PostgresNode, who: str) -> int:
    """How many sessions of that name there are."""
    return node.value(f"select count(*) {NAMED}", {"who": who})


def waiting(node: PostgresNode, who: str | None = None, event: str = "Lock") -> int:
    """How many sessions (of that name) wait for an event or for one of its type.

    event: as in pg_stat_activity, "Lock" (a type), "SyncRep", "PgSleep" (events).
    """
    query = f"""select count(*) from pg_stat_activity where state = 'active'
     and %(event)s in (wait_event, wait_event_type)
     and (%(who)s::text is null or {WHO})"""
    return node.value(query, {"who": who, "event": event})


def until_waiting(
    node: PostgresNode, who: str, event: str = "Lock", within: float = 10
) -> None:
    """Wait until a session of that name waits. Raises TimedOut."""
    late = f"{who} does not wait for {event}"
    wait_until(lambda: waiting(node, who, event), within, late)


def until_gone(node: PostgresNode, who: str, within: float = 10) -> None:
    """Wait until there is no session of that name. Raises TimedOut."""
    wait_until(lambda: not sessions(node, who), within, f"a session of {who} stays")


def hang_up(node: PostgresNode, who: str) -> int:
    """End all sessions of that name and wait until they are gone; how many."""
    ended = node.sql(f"select pg_terminate_backend(pid) {NAMED}", {"who": who})
    until_gone(node, who)
    return len(ended)


def locks(node: PostgresNode, who: str, table: str = "products") -> int:
    """How many locks on the table sessions of that name have been granted."""
    held = f"""select count(*) from pg_locks join pg_stat_activity using (pid)
     where granted and relation = %(table)s::regclass and {WHO}"""
    return node.value(held, {"who": who, "table": table})


def asking(
    run: Recorder, client: str, session: Connection
) -> Callable[..., list[tuple[Any, ...]]]:
    """A function that runs one statement and returns its rows, recorded as an inner
    "query" on the first table it reads, with extra {rows}: a round trip each."""

    def ask(query: str, params: Any = None) -> list[tuple[Any, ...]]:
        reads = re.search(r"\bfrom\s+(\w+)", query, re.IGNORECASE)
        table = reads[1] if reads else None
        with run.call(client, "query", table, inner=True) as trip:
            rows = session.execute(query.encode(), params).fetchall()
            trip.extra["rows"] = len(rows)
        return rows

    return ask


SPENT = """select coalesce(sum(calls), 0)::int, coalesce(sum(rows), 0)::int,
 coalesce(sum(shared_blks_hit + shared_blks_read), 0)::int
 from pg_stat_statements where query not like '%pg_stat_statements%'"""


@contextmanager
def counted(node: PostgresNode, cost: dict[str, Any]) -> Iterator[None]:
    """Put into `cost` what was executed inside the block, by whatever role, as the
    server counted it: "statements", the "rows" they gave, and "blocks" (hit or read).

    The server must have loaded pg_stat_statements: Postgres(settings={
    "shared_preload_libraries": "pg_stat_statements"}).
    """
    count_statements(node)
    yield
    spent = node.sql(SPENT)[0]
    cost.update(zip(("statements", "rows", "blocks"), spent, strict=True))


def count_statements(node: PostgresNode) -> None:
    """Let the server count statements from zero (pg_stat_statements)."""
    node.sql("create extension if not exists pg_stat_statements")
    node.sql("select pg_stat_statements_reset()")


def calls(node: PostgresNode, text: str) -> int:
    """How often statements with that text in them ran since `count_statements`."""
    query = """select coalesce(sum(calls), 0)::int from pg_stat_statements
     where strpos(query, %s) > 0 and query not like '%%pg_stat_statements%%'"""
    return node.value(query, [text])


def pool(node: PostgresNode, size: int, **login: Any) -> ConnectionPool[Connection]:
    """An open pool of exactly `size` connections; who finds none free waits 30 s.

    `with pool.connection() as session`; `with pool(...) as ...` closes it. login: for
    `psycopg.connect`, user and password of a role.
    """
    from psycopg_pool import ConnectionPool

    made = ConnectionPool(
        node.conninfo,
        kwargs={"autocommit": True, "application_name": "lab", **login},
        min_size=size,
        max_size=size,
        timeout=30,
        open=True,
    )
    made.wait()
    return made
