"""A store that moves to another shard while it sells.

    shards = moving.Shards(house, own, cache)    # two PostgreSQL servers and a Redis
    shards.day(run, Way(steps, asks))            # rounds, with steps of a move between

A *shard* is a schema with some of the stores, on one of the servers. The *directory*,
a table, says which shard has a store. The application has two servers, one for writes
and one for reads, and each keeps the answers in Redis. A shard knows which stores it
serves. A log, filled by triggers, has a line for each change, and a feed carries the
changes of a store from one shard to another by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import psycopg

from ..checks import (
    Findings,
    Verdict,
    check,
    combine,
    lost_acknowledged_writes,
    read_your_writes,
)
from ..faults import Body, fault
from ..history import History, Op
from ..wait import wait_until
from . import schema, tables
from .crowd import Crowd
from .records import Recorder, figure, figures, read_back, refusable
from .traffic import WHALE

if TYPE_CHECKING:
    from ..servers.postgres import Postgres
    from ..servers.redis import Redis

STORES, SHARDS = 20, 4  # at first a store is on the shard of its number modulo four
OWN = SHARDS  # the shard that is new and empty
ROUNDS = 12
ORDERS = 40  # of the whale, before the day; of every other store two
PARTS = 4  # in which a store is copied
FENCED = PARTS + 2  # the round in which a fence goes up, after the copy and the feed
LOST = 1000 * WHALE + ORDERS + FENCED  # the order under way then; a bad feed loses it
PRODUCT = schema.products_of(WHALE)[0]
KEPT_S = 3600  # seconds for which the directory's answer is kept
ENDS = 9  # the round in which this time is over at the server for writes
MOVER, APPLICATION, CLEANER = "mover", "application", "cleaner"
AT_ONCE = (MOVER, APPLICATION, CLEANER)  # whose statements commit by themselves

# Who asks before a write holds the row until the write is done; a fence, which changes
# the row, waits for that, and whoever asks after it is refused. Readers do not wait.
SHARD = """
drop schema if exists {0} cascade;
create schema {0};
set search_path = {0};
create table serving
 (store integer primary key, reads boolean, writes boolean);
create table orders (id integer primary key, store integer not null, cents integer);
create table products (id integer primary key, store integer not null,
 price integer not null, version integer not null default 0);
create table log (number bigserial primary key, store integer, what text, id integer);
create function note() returns trigger language plpgsql as $$ begin
 insert into {0}.log (store, what, id) values (new.store, tg_table_name, new.id);
 return null; end $$;
create trigger note after insert or update on orders
 for each row execute function note();
create trigger note after insert or update on products
 for each row execute function note();
create function ask(wanted integer, to_write boolean) returns void
 language plpgsql as $$ declare found boolean; begin
 if to_write then
  select writes into found from {0}.serving where store = wanted for share;
 else
  select reads into found from {0}.serving where store = wanted;
 end if;
 if found is not true then
  raise exception 'store % is not served here', wanted using errcode = '55000';
 end if; end $$;
"""
NotServed = psycopg.errors.ObjectNotInPrerequisiteState
FILL = """set session_replication_role = replica;
truncate serving, orders, products, log restart identity;
insert into serving select s, true, true
 from generate_series(1, {stores}) s where {here};
insert into products select 5 * (s - 1) + n, s, 1000, 0
 from generate_series(1, {stores}) s, generate_series(1, 5) n where {here};
insert into orders select 1000 * s + n, s, 500
 from generate_series(1, {stores}) s, lateral
 generate_series(1, case when s = {whale} then {orders} else 2 end) n where {here}"""
DIRECTORY = """create table if not exists public.directory
 (store integer primary key, shard integer not null);
truncate public.directory;
insert into public.directory
 select s, s % {shards} from generate_series(1, {stores}) s"""
PLACE = "select shard from public.directory where store = %s"
POINT = "update public.directory set shard = %s where store = %s"
ASK = "select ask(%s, %s)"
ORDER = "insert into orders values (%s, %s, 500)"
SAVE = """update products set price = %s, version = version + 1 where id = %s
 returning version"""
SEEN = "select 1 from orders where id = %s"
LOOK = "select version from products where id = %s"
NEWS = """select number, what, id from log where store = %s and number > %s
 order by number"""
PUT = {
    "orders": """insert into orders values (%s, %s, %s)
     on conflict (id) do update set cents = excluded.cents""",
    "products": """insert into products values (%s, %s, %s, %s) on conflict (id)
     do update set price = excluded.price, version = excluded.version""",
}
SERVE = """insert into serving values (%s, %s, %s) on conflict (store)
 do update set reads = excluded.reads, writes = excluded.writes"""


@dataclass(frozen=True)
class Way:
    """steps(move): makes the move, and lets the shop go on at each `yield`. asks: when
    the application asks the shard whether it serves the store, "always", before
    "writes", or "" for never; "beforehand" is always, in a transaction of its own."""

    steps: Callable[[Move], Iterator[None]]
    asks: str = ""


def name(shard: int) -> str:
    return f"shard {shard}"


class Shards:
    """Four shards on one server, and one that is still empty on a server of its own."""

    def __init__(self, house: Postgres, own: Postgres, cache: Redis) -> None:
        self.house = house.primary
        self.nodes = {**dict.fromkeys(range(SHARDS), house.primary), OWN: own.primary}
        self.caches = cache.client(db=0), cache.client(db=1)
        self.due = False  # whether the day brings the move
        self.loses = False  # whether the feed loses an order
        self.feeds: dict[Move, int] = {}  # and their positions in the log
        self.copied = self.lost = 0  # rows
        self.steps = 0  # of a move that is due
        self._sessions: dict[tuple[int, str], psycopg.Connection[Any]] = {}
        for shard, node in self.nodes.items():
            with node.connect() as session:
                session.execute(SHARD.format(schema_of(shard)).encode())

    def clean(self) -> None:
        """Every store at its first shard, with its first orders and prices."""
        for session in self._sessions.values():
            session.close()
        self._sessions, self.feeds = {}, {}
        self.copied = self.lost = self.steps = 0
        for cache in self.caches:
            cache.flushdb()
        sizes = {"stores": STORES, "whale": WHALE, "orders": ORDERS, "shards": SHARDS}
        for node in {self.house, self.nodes[OWN]}:
            node.sql(tables.LEFT_OPEN)
        for shard in self.nodes:
            here = f"s % {SHARDS} = {shard}"
            fill = FILL.format(here=here, **sizes)
            self.session(shard, CLEANER).execute(fill.encode())
        self.house.sql(DIRECTORY.format(**sizes))

    def session(self, shard: int, who: str) -> psycopg.Connection[Any]:
        """A connection that is kept. Customers and shopkeepers have transactions; what
        the mover writes is not noted in the log."""
        if (shard, who) not in self._sessions:
            options = f"-c search_path={schema_of(shard)}"
            if who == MOVER:
                options += " -c session_replication_role=replica"
            self._sessions[shard, who] = self.nodes[shard].connect(
                who in AT_ONCE, options=options, application_name=who
            )
        return self._sessions[shard, who]

    def move(self, store: int, to: int) -> Move:
        return Move(self, store, self.place(store), to)

    # --- the directory, and the application that asks it ---

    def place(self, store: int, who: str = MOVER) -> int:
        """The shard of a store, by the directory itself."""
        return self.session(0, who).execute(PLACE, [store]).fetchall()[0][0]

    def found(self, store: int, cache: Any) -> int:
        """The shard of a store, by a server's copy of the directory's answer if it has
        one."""
        kept = cache.get(copy_of(store))
        if kept is None:
            kept = self.place(store, APPLICATION)
            cache.set(copy_of(store), kept, ex=KEPT_S)
        return int(kept)

    @contextmanager
    def served(
        self, store: int, op: Op, way: Way, writes: bool = True
    ) -> Iterator[psycopg.Connection[Any]]:
        """A transaction of the application, on the shard that has the store.

        Where the way asks, and is told that the store is not served there, it forgets
        the copy and looks once more. Raises NotServed when that does not help.
        """
        session = self._asked(store, op, way, writes)
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise

    def _asked(
        self, store: int, op: Op, way: Way, writes: bool
    ) -> psycopg.Connection[Any]:
        asks = way.asks in ("always", "beforehand", "writes" if writes else "always")
        cache = self.caches[0 if writes else 1]
        for last in (False, True):
            shard = self.found(store, cache)
            op.node = name(shard)
            session = self.session(shard, op.client.rstrip(" 0123456789"))
            try:
                if asks:
                    session.execute(ASK, [store, writes])
                if way.asks == "beforehand":
                    session.commit()
                return session
            except NotServed:
                session.rollback()
                cache.delete(copy_of(store))
                if last:
                    raise
        raise AssertionError("not reached")

    # --- a day ---

    def day(self, run: Recorder, way: Way) -> None:
        """Twelve rounds. Where the move is due, one step of it is made in each, while a
        customer of the whale is in the middle of an order. In the end all orders are
        looked up where the directory says that they are, and at the old place."""
        first = {store: self.place(store) for store in range(1, STORES + 1)}
        move = self.move(WHALE, OWN)
        steps = way.steps(move) if self.due else iter(())
        for turn in range(1, ROUNDS + 1):
            if turn == ENDS:
                self.caches[0].delete(copy_of(WHALE))
            ends = self.ends()  # a feed is behind: it brings what the round began with
            self._order_during_a_step(run, way, turn, steps)
            self._save_and_look(run, way, turn)
            self._order_elsewhere(run, way, turn)
            self.feed(ends)
        self.feed(self.ends())
        for store in range(1, STORES + 1):
            self._read_back(run, store)
        now = {store: self.place(store) for store in first}
        moved = sum(now[store] != first[store] for store in first)
        left = int(self.due and now[WHALE] != OWN)
        behind = move.differ() if now[WHALE] == OWN else 0
        figure(run, "directory", "stores moved", moved)
        figure(run, "directory", "moves to do", left)
        figure(run, "directory", "rows copied", self.copied)
        figure(run, name(move.source), "rows without a way back", behind)

    def ends(self) -> dict[Move, float]:
        """Where the logs of all feeds end now."""
        return {move: move.end_of_log() for move in self.feeds}

    def feed(self, upto: dict[Move, float]) -> None:
        """Every feed carries what its log had at these ends."""
        for move, end in upto.items():
            if move in self.feeds:
                move.feed(end)

    def _order_during_a_step(
        self, run: Recorder, way: Way, turn: int, steps: Iterator[None]
    ) -> None:
        """A customer's order is written; a step of the move is made, until it is done
        or waits for the order; the order is committed, and she looks it up. Its version
        is the round."""
        made = []

        def step(crowd: Crowd) -> None:
            self.steps += self.due
            made.append(act := crowd.send(next, steps, None))
            late = "a step of the move neither ends nor waits"
            wait_until(lambda: act.done() or self._mover_waits(), 20, late)

        number = 1000 * WHALE + ORDERS + turn
        call = (run, f"customer {turn}", "write", f"orders:{WHALE}", number)
        with Crowd() as crowd:
            with refusable(*call) as op, self.served(WHALE, op, way) as session:
                op.version = turn
                session.execute(ORDER, [number, WHALE])
                step(crowd)
            if not made:
                step(crowd)  # the order was refused, and the move goes on
        with (
            refusable(run, op.client, "read", op.key) as look,
            self.served(WHALE, look, way, writes=False) as session,
        ):
            look.version = turn if session.execute(SEEN, [number]).fetchall() else None

    def _mover_waits(self) -> bool:
        return any(tables.waiting(node, MOVER) for node in set(self.nodes.values()))

    def _save_and_look(self, run: Recorder, way: Way, turn: int) -> None:
        """The whale's shopkeeper looks at a price, saves it, and looks again."""
        product = PRODUCT + (turn - 1) % schema.PRODUCTS_PER_STORE
        key, price = tables.key(product), 1000 + turn

        def look() -> None:
            with (
                refusable(run, "shopkeeper", "read", key) as op,
                self.served(WHALE, op, way, writes=False) as session,
            ):
                [[op.version]] = session.execute(LOOK, [product]).fetchall()

        look()
        with (
            refusable(run, "shopkeeper", "write", key, price) as op,
            self.served(WHALE, op, way) as session,
        ):
            [[op.version]] = session.execute(SAVE, [price, product]).fetchall()
        look()

    def _order_elsewhere(self, run: Recorder, way: Way, turn: int) -> None:
        """A customer of another store orders."""
        store = turn if turn < WHALE else turn + 1
        number = 1000 * store + 10 + turn
        call = (run, f"customer of store {store}", "write", f"orders:{store}", number)
        with refusable(*call) as op, self.served(store, op, way) as session:
            session.execute(ORDER, [number, store])

    def _read_back(self, run: Recorder, store: int) -> None:
        shard = self.place(store)
        orders = sorted(self.orders_of(store, shard))
        read_back(run, f"orders:{store}", orders, name(shard))

    def orders_of(self, store: int, shard: int) -> set[int]:
        """The numbers of a store's orders on a shard, wherever it is served."""
        query = "select id from orders where store = %s"
        return {n for (n,) in self.session(shard, MOVER).execute(query, [store])}


def schema_of(shard: int) -> str:
    return f"shard_{shard}"


def copy_of(store: int) -> str:
    return f"place:{store}"


@dataclass(frozen=True)
class Move:
    """One store, from its shard to another."""

    shards: Shards
    store: int
    source: int
    target: int

    def there(self, shard: int) -> psycopg.Connection[Any]:
        return self.shards.session(shard, MOVER)

    def rows(self, shard: int) -> dict[tuple[str, int], tuple[Any, ...]]:
        """All rows of the store on a shard, by table and id."""
        return {
            (table, row[0]): row
            for table in PUT
            for row in self.there(shard).execute(
                f"select * from {table} where store = %s".encode(), [self.store]
            )
        }

    def put(self, table: str, rows: list[tuple[Any, ...]], to: int) -> None:
        if rows:
            self.there(to).cursor().executemany(PUT[table], rows)
        self.shards.copied += len(rows)

    def copy(self, part: int) -> None:
        """A part of four, as it is now: with the first all products and a quarter of
        the orders; with the last all orders that have come since."""
        size = -(-ORDERS // PARTS)
        low = 1000 * self.store + part * size
        high: float = inf if part == PARTS - 1 else low + size
        rows = self.rows(self.source)
        orders = [r for (t, n), r in rows.items() if t == "orders" and low < n <= high]
        self.put("orders", orders, self.target)
        if part == 0:
            products = [row for (t, _), row in rows.items() if t == "products"]
            self.put("products", products, self.target)

    def copy_all(self) -> int:
        """All parts at once; the position in the log from before."""
        position = self.end_of_log()
        for part in range(PARTS):
            self.copy(part)
        return position

    def end_of_log(self) -> int:
        query = "select coalesce(max(number), 0) from log"
        return self.there(self.source).execute(query).fetchall()[0][0]

    def feed_from(self, position: int) -> None:
        """From now on the feed brings the target what the log has after a position: at
        once, and at the end of each round what there was at its beginning."""
        self.shards.feeds[self] = position
        self.feed()

    def feed(self, upto: float = inf) -> None:
        """Bring over what is new, now; or no more than the log had at a position."""
        position = self.shards.feeds[self]
        source = self.there(self.source)
        news = source.execute(NEWS, [self.store, position]).fetchall()
        lines = [line for line in news if line[0] <= upto]
        for table, number in dict.fromkeys(line[1:] for line in lines):
            query = f"select * from {table} where id = %s".encode()
            if self.shards.loses and number == LOST:
                self.shards.lost += 1
                continue
            rows = source.execute(query, [number]).fetchall()
            self.put(table, rows, self.target)
        if lines:
            self.shards.feeds[self] = lines[-1][0]

    def stop(self) -> None:
        """Nothing more is brought to the target."""
        self.shards.feeds.pop(self, None)

    def differ(self) -> int:
        """How many rows the two shards do not have alike."""
        one, other = self.rows(self.source), self.rows(self.target)
        return sum(one.get(key) != other.get(key) for key in one.keys() | other.keys())

    def counts_differ(self) -> int:
        return abs(len(self.rows(self.source)) - len(self.rows(self.target)))

    def serve(self, shard: int, reads: bool, writes: bool) -> None:
        self.there(shard).execute(SERVE, [self.store, reads, writes])

    def fence(self) -> None:
        """The source takes no writes of the store any more. Waits for those under way
        that have asked it."""
        self.serve(self.source, reads=True, writes=False)

    def lift(self) -> None:
        """The source takes them again."""
        self.serve(self.source, reads=True, writes=True)

    def switch(self) -> None:
        """The target serves the store, the directory says so, and the source is done
        with it."""
        self.serve(self.target, reads=True, writes=True)
        self.there(0).execute(POINT, [self.target, self.store])
        self.serve(self.source, reads=False, writes=False)

    def forget(self) -> None:
        """The copies of the directory's answer go, at both servers."""
        for cache in self.shards.caches:
            cache.delete(copy_of(self.store))

    def back(self) -> Move:
        """The same store in the other direction."""
        return replace(self, source=self.target, target=self.source)


@fault("the whale is to move")
def due(shards: Shards) -> Body:
    """The day brings the move. Meter: the steps for which there was time."""
    shards.due = True
    yield lambda: shards.steps
    shards.due = False


@fault("the whale is to move, and the feed loses a row")
def row_lost(shards: Shards) -> Body:
    """The same, and the feed passes over one order. Meter: how often it has."""
    shards.due = shards.loses = True
    yield lambda: shards.lost
    shards.due = shards.loses = False


# What is promised, and what must still work


def nothing_lost(history: History) -> Verdict:
    """Every confirmed order is where the directory says that its store is; customers
    see their orders, and the shopkeeper sees every price that she has saved."""
    orders = History()
    for op in history:
        if op.op in ("write", "read back") and (op.key or "").startswith("orders"):
            orders.add(replace(op))
    return combine(lost_acknowledged_writes(orders), read_your_writes(history))


REFUSED = 4  # writes and looks that a move may refuse
AT_MOST = {
    "moves to do": ("moves not made", 0),
    "stores moved": ("stores that moved", 1),
    "rows without a way back": ("rows that the old place lacks", 0),
}


@check(
    "the move is worth it",
    "conditions",
    "The whale moves and nobody else; few are refused; there is a way back.",
    "nobody looked",
)
def worth_it(history: History) -> Findings:
    """Is the move made, and at what price?

    Violation: more than a few refused requests, a move that is due and not made, stores
    besides the whale that moved, and rows that the old place lacks after the move.

    Cost: O(n).
    """
    findings = Findings()
    refused = [op for op in history if op.op in ("write", "read") and not is_ok(op)]
    seen: dict[str, tuple[float, int]] = {"requests refused": (len(refused), REFUSED)}
    for figure_name, (words, most) in AT_MOST.items():
        values = figures(history, figure_name)
        seen[words] = (values[-1] if values else inf, most)
    for words, (number, most) in seen.items():
        findings.checked += 1
        if number > most:
            bound = f"at most {most} {'is' if most == 1 else 'are'} allowed"
            findings.broke(f"{words}: {number}, and {bound}", words)
    return findings


def is_ok(op: Op) -> bool:
    return op.outcome == "ok"


def cost(run: Any) -> dict[str, Any]:
    """What a move cost: requests refused, rows copied, stores moved."""
    refused = [op for op in run.history if op.op in ("write", "read") and not is_ok(op)]
    return {
        "refused": len(refused),
        "rows copied": figures(run.history, "rows copied")[-1],
        "stores moved": figures(run.history, "stores moved")[-1],
    }
