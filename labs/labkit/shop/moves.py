"""Prices that move from one table to another while two application servers sell.

    site = Site(db)
    site.day(run, way)     # way(site) makes the new table and moves to it

A release reaches one server after the other where the fault is on, and is taken back
once before it stays: meanwhile the shop goes on. Without the fault it is everywhere at
once. A copy of all rows takes its time, or none, likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import checks, faults
from ..checks import Findings, Verdict, check
from ..history import History, Op
from .records import Recorder, figure, read_back, refusable
from .tables import key

if TYPE_CHECKING:
    from ..servers.postgres import Postgres

OLD, NEW = "shelf", "prices"
PRODUCTS, SLICES = 40, 4  # a copy goes slice by slice
AUCTION = PRODUCTS  # the product whose price changes in every round
OTHERS = 2  # whose price is saved in a round, and corrected in the next
ROUNDS = 30  # of a day
LOST = 32  # the product whose row copies lose, if any: there, and behind, by then
LOSES = 2  # copies that lose it
BEFORE_LUNCH = 2  # rounds before the move begins
SERVERS = ("server A", "server B")
TABLES = f"""
drop table if exists {OLD}, {NEW};
create table {OLD} (
    product integer primary key,
    cents   integer not null,
    version integer not null
);
insert into {OLD} select n, 1000 + n, 1 from generate_series(1, {PRODUCTS}) n;
"""
# the same price in any number of currencies, which the old table has no room for
MAKE_NEW = f"""create table {NEW} (
    product  integer,
    currency text default 'INR',
    cents    integer not null,
    version  integer not null,
    primary key (product, currency)
)"""
LOCK = f"select from {OLD} where product = %(product)s for update"
# the first of the tables that are written gives the version, the other takes it over
LEADS = {
    OLD: f"""update {OLD} set cents = %(cents)s, version = version + 1
     where product = %(product)s returning version""",
    NEW: f"""insert into {NEW} (product, cents, version)
     values (%(product)s, %(cents)s, 1) on conflict (product, currency)
     do update set cents = excluded.cents, version = {NEW}.version + 1
     returning version""",
}
FOLLOWS = {
    OLD: f"""update {OLD} set cents = %(cents)s, version = %(version)s
     where product = %(product)s""",
    NEW: f"""insert into {NEW} (product, cents, version)
     values (%(product)s, %(cents)s, %(version)s) on conflict (product, currency)
     do update set cents = excluded.cents, version = excluded.version""",
}
LOOK = "select version, cents from {} where product = %s"
SLICE = f"""select product, cents, version from {OLD}
 where product between %s and %s order by product"""
DIFFER = f"""select product, o.cents, n.cents, o.version, n.version
 from {OLD} o full join {NEW} n using (product)
 where (o.cents, o.version) is distinct from (n.cents, n.version) order by product"""
THERE = f"""select relname from pg_class
 where oid in (to_regclass('{OLD}'), to_regclass('{NEW}'))"""


class Version(NamedTuple):
    """Of the application: which table it reads, and which it writes, in one
    transaction. The first that it writes gives a save its number."""

    name: str
    reads: str
    writes: tuple[str, ...]


BEFORE = Version("before", OLD, (OLD,))
WRITES_BOTH = Version("writes both", OLD, (OLD, NEW))
READS_NEW = Version("reads the new", NEW, (NEW, OLD))
WRITES_NEW = Version("writes the new alone", NEW, (NEW,))


class Site:
    """Application servers, the two tables, and what a move is made of."""

    def __init__(self, db: Postgres, servers: Sequence[str] = SERVERS) -> None:
        self.primary = db.primary
        self.servers = servers
        self.sessions = {name: db.primary.connect() for name in servers}
        self.slow = False  # whether releases and copies take their time
        self.loses = False  # whether copies lose a row
        self.clean()

    def clean(self) -> None:
        """All prices at version 1 in the old table, and both servers as before."""
        with self.primary.connect() as session:
            session.execute(TABLES.encode())
        self.runs = dict.fromkeys(self.servers, BEFORE)
        self.closed = False  # whether saves are refused
        self.rounds = self.mixed = self.lost = self.copies = 0
        self.done_in: int | None = None  # the round in which the old table went
        self._run: Recorder = History()
        self._begin(Random(7))

    def _begin(self, rng: Random) -> None:
        """Draw in which order sellers come to their prices."""
        self._rng = rng
        self._turns = cycle(rng.sample(range(1, AUCTION), AUCTION - 1))
        self._to_correct: list[int] = []

    # --- what a move is made of ---

    def make_new(self) -> None:
        """The new table, empty."""
        self.primary.sql(MAKE_NEW)

    def deploy(self, version: Version, also: Callable[[], object] = int) -> None:
        """Bring a release to both servers. also: what it does when it begins."""
        before = dict(self.runs)
        also()
        for name in self.servers:
            self.runs[name] = version
            self.takes_time()
        if self.slow:
            self.runs = before  # a way back is tried while it is not needed
            self.takes_time()
            self.runs = dict.fromkeys(self.servers, version)
            self.takes_time()

    def copy(self, statement: str) -> None:
        """Read the old table slice by slice, and write each with `statement`, which
        takes %(product)s, %(cents)s and %(version)s. Between the two time passes."""
        size = PRODUCTS // SLICES
        self.copies += 1
        for first in range(1, PRODUCTS + 1, size):
            rows = self.primary.sql(SLICE, [first, first + size - 1])
            self.takes_time()
            for product, cents, version in rows:
                if self.loses and product == LOST and self.copies <= LOSES:
                    self.lost += 1
                    continue
                row = {"product": product, "cents": cents, "version": version}
                self.primary.sql(statement, row)

    def differ(self) -> list[tuple[Any, ...]]:
        """The rows in which the tables differ: product, price in the old and in the
        new, version in the old and in the new."""
        return self.primary.sql(DIFFER)

    def counts(self) -> list[int]:
        """How many rows the old and the new table have."""
        many = "select count(*) from {}"
        return [self.primary.value(many.format(table)) for table in (OLD, NEW)]

    def drop_old(self) -> None:
        self.primary.sql(f"drop table {OLD}")
        self.done_in = self.rounds

    def takes_time(self) -> None:
        if self.slow:
            self.mixed += len(set(self.runs.values())) > 1
            self.goes_on()

    # --- a day ---

    def day(self, run: Any, way: Way) -> None:
        """So many rounds; after two of them the move begins. What is left in the end is
        recorded: the tables, and in which round the old one went."""
        self._run = run
        self._begin(Random(run.rng.random()))
        prices = self.primary.sql(f"select product, cents from {OLD} order by 1")
        read_back(run, "prices", [list(row) for row in prices])
        for _ in range(BEFORE_LUNCH):
            self.goes_on()
        way(self)
        while self.rounds < ROUNDS:
            self.goes_on()
        read_back(run, "tables", [name for (name,) in self.primary.sql(THERE)])
        in_time = self.done_in is not None and self.done_in < ROUNDS
        figure(run, "release", "moves done in time", int(in_time))

    def goes_on(self) -> None:
        """One round: sellers save some prices and correct those of the round before,
        at the servers in turn; then customers look at every price, at each server.
        When the day is over nothing happens any more."""
        if self.rounds == ROUNDS:
            return
        self.rounds += 1
        others = [next(self._turns) for _ in range(OTHERS)]
        for n, product in enumerate([AUCTION, *others, *self._to_correct]):
            server = self.servers[(self.rounds + n) % len(self.servers)]
            self.save(self._run, server, product, self._rng.randint(100, 999))
        self._to_correct = others
        for name in self.servers:
            for product in range(1, PRODUCTS + 1):
                self.look(self._run, name, product)

    def save(self, run: Recorder, name: str, product: int, cents: int) -> Op:
        """A seller saves a price at a server: "write", refusable."""
        session, version = self.sessions[name], self.runs[name]
        new = {"product": product, "cents": cents}
        call = (run, f"seller at {name}", "write", key(product), cents)
        with refusable(*call, node=version.name) as op:
            session.read_only = self.closed
            lead, *others = version.writes
            with session.transaction():
                if others:  # all versions lock in the same order
                    session.execute(LOCK.encode(), new)
                [[op.version]] = session.execute(LEADS[lead].encode(), new).fetchall()
                for table in others:
                    more = {**new, "version": op.version}
                    session.execute(FOLLOWS[table].encode(), more)
        return op

    def look(self, run: Recorder, name: str, product: int) -> Op:
        """A customer looks at a price at a server: "read", refusable."""
        session, version = self.sessions[name], self.runs[name]
        call = (run, f"customer at {name}", "read", key(product))
        with refusable(*call, node=version.name) as op:
            query = LOOK.format(version.reads)
            rows = session.execute(query.encode(), [product]).fetchall()
            op.version, op.value = rows[0] if rows else (None, None)
        return op


Way = Callable[[Site], object]


@faults.fault("two versions at once")
def slow_releases(site: Site, loses: bool = False) -> faults.Body:
    """Releases reach one server after another and are taken back once; a copy takes a
    round for each slice. loses: the first two copies each lose a row, the same one,
    without a word. Meter: the rounds in which the servers were of two versions; with
    `loses`, how often the row was lost."""
    site.slow, site.loses = True, loses
    yield lambda: site.lost if loses else site.mixed
    site.slow, site.loses = False, False


@check(
    "the price that was saved last",
    "looks and saves",
    "Whoever looks is shown the price that was saved last; a save is taken.",
    "nobody looked or saved",
)
def shows_the_last(history: History) -> Findings:
    """Is the newest price shown, by whichever server, and every save taken?

    The newest price is the value of the last acknowledged "write" of the key before the
    look was called; before any, it is that of the "read back" of "prices", a list of
    [product, price]. This check is for histories in which nothing overlaps. Where a
    write is in doubt, looks at its key are not judged until the next that is not.

    Violation: a "read" of another value or without an answer, and a "write" refused.

    Cost: O(n).
    """
    findings = Findings()
    newest: dict[str | None, Any] = {}
    for op in history.ops():
        told = ""
        if op.op == "read back" and op.key == "prices":
            newest |= {key(product): cents for product, cents in op.value}
        elif op.outcome == "unknown":
            findings.doubt = findings.doubt or f"operation {op.op_id} is in doubt"
            newest.pop(op.key, None)
        elif op.outcome == "fail":
            told = f"{op.client} was told: {(op.error or '').split(':')[0]}"
        elif op.op == "write":
            newest[op.key] = op.value
        elif op.op == "read" and op.value != newest.get(op.key, op.value):
            shown = "no price" if op.value is None else f"{op.value}"
            last = f"and {newest[op.key]} was saved last"
            told = f"{op.client} was shown {shown} for {op.key}, {last}"
        findings.checked += op.op in ("read", "write")
        if told:
            findings.broke(told, op.client, op.key, ops=[op])
    return findings


def works(history: History) -> Verdict:
    """What must still work: before the day is over the new table is there, and the old
    one is not."""
    done = checks.at_least(
        1,
        "moves done in time",
        of="figure",
        where=lambda op: op.key == "moves done in time" and op.value == 1,
    )
    alone = checks.at_least(
        1,
        "days that end with the new table alone",
        of="read back",
        where=lambda op: op.key == "tables" and list(op.value) == [NEW],
    )
    return checks.combine(done(history), alone(history))


def cost(run: Any) -> dict[str, Any]:
    """Looks that showed another price, saves refused, and releases as clients saw
    them: versions that answered."""
    ops = run.history.ops
    refused = sum(op.outcome != "ok" for op in ops("write"))
    return {
        "wrong looks": run.verdict.violations - refused,
        "saves refused": refused,
        "written twice": sum(
            op.node in (WRITES_BOTH.name, READS_NEW.name) for op in ops("write")
        ),
        "versions": len({op.node for op in ops("read")}),
    }
