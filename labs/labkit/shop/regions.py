"""A shop in two regions, each with a PostgreSQL server of its own.

    links = {a: Link(to=a, name="from_a"), b: Link(to=b, name="from_b")}
    both = regions.Regions(lab, links)   # each pulls from the other over its link
    both.renew()                         # a new shop, replicated both ways

What changes in one region is sent to the other by logical replication: the rows of a
commit, in the order of commits. `origin = none` sends on only what was changed here, or
a change would come back for ever. Each region writes its **position** into a table that
is sent too: whoever has read it there has all commits before it.

A session's commits wait for the other region where it says `synchronous_commit = on`;
by default they do not (`SETTINGS`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import astuple
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from ..checks import (
    Findings,
    Verdict,
    at_least,
    check,
    combine,
    lost_acknowledged_writes,
)
from ..checks.common import doubt
from ..history import History, Op
from . import traffic
from .crowd import Crowd
from .records import Recorder, read_back, refusable
from .tables import (
    INSERT,
    LOOK,
    SAVE,
    Connection,
    Tables,
    insert,
    key,
    until_received,
)
from .traffic import Order, PriceChange

if TYPE_CHECKING:
    from ..lab import Lab
    from ..servers.link import Link
    from ..servers.postgres import Postgres

SETTINGS = {
    "wal_level": "logical",
    "synchronous_commit": "local",  # a session that wants more says so
    "wal_keep_size": "0",  # what is kept is kept for a slot
    "track_commit_timestamp": "on",  # who changed a row last, and when: for conflicts
}
POSITION = """
drop publication if exists shop;
drop table if exists position;
create table position (
    region text primary key, lsn pg_lsn not null, told_at timestamptz not null
);
create publication shop for table orders, products, position;
"""
PULL = """create subscription {region} connection '{where}' publication shop
 with (origin = none, copy_data = false, synchronous_commit = 'local')"""
BEHIND = """select pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)
 from pg_replication_slots"""
STREAMS = "select 1 from pg_stat_replication where state = 'streaming'"
TELL = """insert into position values
 (%s, pg_current_wal_insert_lsn(), clock_timestamp())
 on conflict (region) do update set lsn = excluded.lsn, told_at = excluded.told_at"""
PRICES = "select id, price_cents from products order by id"
YESTERDAYS = Order(0, 1, product=1, quantity=1, amount_cents=637)
WAITING = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
# of the slot: the row of a stream that has ended is gone, and nothing would be waiting
UNCONFIRMED = """select count(*) from unnest(%s::pg_lsn[]) as told, pg_replication_slots
 where told > confirmed_flush_lsn"""


class NotHere(OSError):
    """A region does not show what it has, since it may be older than the client."""


class Regions:
    """Two regions with the shop's tables. links: for each server the link on which the
    other one reaches it, both of them started."""

    def __init__(
        self, lab: Lab, links: Mapping[Postgres, Link], more: str = ""
    ) -> None:
        self.lab = lab
        self.links = links
        self.more = POSITION + more
        self.tables: dict[Postgres, Tables] = {}
        for db in links:
            db.primary.machine.must_reach([links[self.other(db)].node.machine])

    def other(self, db: Postgres) -> Postgres:
        return next(one for one in self.links if one is not db)

    def renew(self) -> None:
        """A new shop on new servers, at their addresses, with one order of yesterday,
        number 0; both streams flow, and a commit that wants to wait does so for the
        other region."""
        for db in self.links:
            self.lab.renew(db)
            self.tables[db] = Tables(db, more=self.more)
        for db in self.links:
            self._pull(db)
        for db in self.links:
            node = db.primary
            node.until(partial(node.sql, STREAMS), 20, "send what changes")
            node.synchronous(self.other(db).name)
        first = next(iter(self.links))
        insert(first.primary, YESTERDAYS)
        for db in self.links:
            self.arrive(db)

    def _pull(self, db: Postgres) -> None:
        """Subscribe to what changes in the other region, under this one's name."""
        other = self.other(db)
        reach = db.primary.machine.reach(self.links[other].node.machine)
        host, _, port = reach.rpartition(":")
        where = f"host={host} port={port} user=postgres dbname=shop"
        where += f" password={other.primary.machine.password}"
        db.primary.sql(PULL.format(region=db.name, where=where))

    def parted(self) -> bool:
        """Whether a link swallows what is sent."""
        return any(any(link.cut) for link in self.links.values())

    def settle(self, crowd: Crowd, db: Postgres) -> None:
        """Until each client is answered, or waits for a region that is not reached."""
        parted = self.parted()
        crowd.settle(lambda: db.primary.value(WAITING) if parted else 0)

    def arrive(self, db: Postgres) -> None:
        """Let the other region have what this one has committed, if it is reached."""
        tell_position(db)
        if not self.parted():
            until_received(db.primary)

    def behind(self, db: Postgres) -> int:
        """Bytes of a region's log that the other one has not confirmed."""
        return int(db.primary.value(BEHIND))

    def read_back(self, run: Recorder, db: Postgres) -> None:
        """What a region has in the end: "orders", their ids, and "prices", each as
        [product, cents]."""
        self.tables[db].read_back(run)
        rows = [[*row] for row in db.primary.sql(PRICES)]
        read_back(run, "prices", rows, db.name)


def tell_position(db: Postgres) -> None:
    """Write down how far this region is: what a timer does in a shop that runs."""
    db.primary.sql(TELL, [db.name])


def token_of(db: Postgres, session: Connection) -> str:
    """ "region_a 0/1A2B3C": the region, and the end of its log after a commit."""
    lsn = session.execute("select pg_current_wal_insert_lsn()").fetchall()[0][0]
    return f"{db.name} {lsn}"


def under_way(history: History, db: Postgres, surface: str) -> int:
    """How many writes of a surface this region has confirmed to clients, and the other
    one not yet to it."""
    told = of(surface, history.ops("write", outcome="ok"))
    lsns = [op.token.split()[1] for op in told if op.token]
    return int(db.primary.value(UNCONFIRMED, [lsns]))


# What clients do, each in a session of its own


def price_changes(rng: Random, count: int) -> list[PriceChange]:
    """So many shopkeepers save a price each, for a product of their own store."""
    return [traffic.price_changes(rng, 1, store)[0] for store in range(1, count + 1)]


def write(
    run: Recorder,
    one: Order | PriceChange,
    db: Postgres,
    wait: str = "local",
    session: Connection | None = None,
    inner: bool = False,
) -> Op:
    """An order or a price is sent to a region: "write" on "orders", value and version
    the order's id; or on "product:31", value [product, cents].

    wait: synchronous_commit of its session, which is a new one unless one is given.
    inner: it was sent elsewhere before.
    """
    who, place, value, statement, params = spelled(one)
    more = {"node": db.name, "inner": inner, "surface": surface_of(place)}
    record = refusable(run, who, "write", place, value, **more)
    with record as op, nullcontext(session) if session else session_at(db, wait) as at:
        changed = at.execute(statement, params)
        op.version = value if place == "orders" else changed.fetchall()[0][0]
        op.token = token_of(db, at)
    return op


def session_at(db: Postgres, wait: str) -> Connection:
    """A session whose commits wait for the other region ("on") or do not ("local")."""
    return db.primary.connect(options=f"-c synchronous_commit={wait}")


def spelled(one: Order | PriceChange) -> tuple[str, str, Any, str, tuple[Any, ...]]:
    """Who sends it, its key and value, and the statement with its parameters."""
    if isinstance(one, Order):
        who, number = f"customer {one.order_id}", one.order_id
        return who, "orders", number, INSERT, astuple(one)
    who, price = f"shopkeeper {one.store}", one.price_cents
    value = [one.product, price]
    return who, key(one.product), value, SAVE, (price, one.product)


def look(run: Recorder, told: Op, db: Postgres, shows: Callable[[str], bool]) -> Op:
    """A client looks in a region for what it was told: "read" of its order or price.
    shows: whether the region has what a token stands for."""
    with refusable(run, told.client, "read", told.key, node=db.name) as op:
        if not told.token or not shows(told.token):
            raise NotHere(f"{db.name} may be older than what {told.client} knows")
        if told.key == "orders":
            found = db.primary.sql("select id from orders where id = %s", [told.value])
            op.version = op.value = found[0][0] if found else None
        else:
            op.version, op.value = db.primary.sql(LOOK, [told.value[0]])[0]
    return op


def go_on(
    run: Recorder,
    asked: Iterable[tuple[Order | PriceChange, Op]],
    db: Postgres,
    shows: Callable[[str], bool],
) -> None:
    """Clients go on in another region: what nobody confirmed to them they send again,
    under the same number; then each looks for its own."""
    with session_at(db, "local") as session:
        told = [
            op
            if op.outcome == "ok"
            else write(run, one, db, session=session, inner=True)
            for one, op in asked
        ]
    for op in told:
        look(run, op, db, shows)


# The promise


@check(
    "no more is missing than was promised",
    "acknowledged writes",
    "Of what clients were told is done, at most so much is missing: {most}.",
    "nobody was told that anything is done",
)
def missing(history: History, *, most: Mapping[str, int]) -> Findings:
    """How much of what was acknowledged may be gone?

    A *surface* is what a promise is made for: "orders", "prices". An operation belongs
    to the one that its extra["surface"] names, else its key. What is lost of one is
    what `lost_acknowledged_writes` finds, given only the operations of that surface.

    Violation: each lost write of a surface that lost more than `most` allows.

    Counts: how many are lost, by surface.

    Cost: O(n) after a sort by time, for each surface.
    """
    findings = Findings()
    for surface, bound in most.items():
        lost = lost_acknowledged_writes(part(history, surface))
        findings.checked += lost.checked
        findings.counts[surface] = lost.violations
        if lost.unknown and lost.checked:
            doubt(findings, f"{surface}: {lost.reason}")
        if lost.violations > bound:
            told = f"{surface}: {lost.violations} of {lost.counts['acknowledged']}"
            told += " that were confirmed"
            said = f"{told} are missing, and at most {bound} may be"
            for op_id in lost.where:
                findings.broke(said, ops=[op_id])
    return findings


def works(history: History, *, answers: int, prices: int) -> Verdict:
    """What must still work: at least so many answers, looks included, and so many price
    changes that are confirmed where they were sent first."""
    answered = at_least(
        answers,
        "writes and looks answered",
        of=("write", "read"),
        where=lambda op: op.outcome == "ok",
    )
    alone = at_least(
        prices,
        "prices confirmed at the first try",
        of="write",
        where=lambda op: (
            op.outcome == "ok" and not op.inner and op.extra["surface"] == "prices"
        ),
    )
    return combine(answered(history), alone(history))


def part(history: History, surface: str) -> History:
    """The operations of one surface."""
    kept = History(history.lab, history.run)
    for op in of(surface, history):
        kept.add(op)
    return kept


def of(surface: str, ops: Iterable[Op]) -> list[Op]:
    return [op for op in ops if op.extra.get("surface", op.key) == surface]


def surface_of(place: str) -> str:
    return "orders" if place == "orders" else "prices"
