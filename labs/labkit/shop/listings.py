"""Products in PostgreSQL, and an index of them that somebody has to feed.

    listings = Listings(db, search)
    listings.day(run, way())       # sixty changes; a way tells the index of them

What is sent to the index goes over the `Wire`, in the form of a bulk request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import checks, faults
from ..checks import Findings, Verdict, check
from ..history import History, Op
from .records import Recorder, figure, of_a_server, read_back, refusable

if TYPE_CHECKING:
    from ..servers.postgres import Postgres
    from ..servers.search import Search

INDEX = "listings"
FIELDS = {"price_cents": {"type": "integer"}, "version": {"type": "long"}}
THERE, ADDED, REMOVED = range(1, 41), (41, 42, 43), (31, 32, 33)
OVERTAKEN = 7  # the product whose changes overtake a late one
CHANGES, PER_FEED = 60, 10
# the bad hour, by the number of the change before which it happens
SPOILT = {11: "late", 40: "lost", 60: "unanswered"}  # the next request
REFUSED_AT, TAKEN_AGAIN_AT, ARRIVES_AT = 21, 31, 55
BY_HAND_AT = 35  # the first of three removals, in the database itself
LOOKED_AT = (10, 50, 60)  # a shopper looks when the index has been fed

TABLES = """
drop table if exists listings, changes cascade;
create table listings (
    id          integer primary key,
    price_cents integer not null,
    version     bigint not null default 1
);
insert into listings select n, 100 * n from generate_series(1, %s) n
"""
SAVE = """update listings set price_cents = %s, version = version + 1
          where id = %s returning id, price_cents, version"""
ADD = """insert into listings values (%s, %s)
         returning id, price_cents, version"""
REMOVE = "delete from listings where id = %s returning id, price_cents, version"


class Listing(NamedTuple):
    """A product, its price in cents, and the version of it that this is."""

    id: int
    cents: int
    version: int

    @property
    def document(self) -> dict[str, int]:
        return {"price_cents": self.cents, "version": self.version}


def upsert(listing: Listing, **more: Any) -> list[dict[str, Any]]:
    """Two lines of a bulk request: write this. more: about it, "version" ..."""
    about = {"_index": INDEX, "_id": str(listing.id), **more}
    return [{"index": about}, listing.document]


def delete(number: int, **more: Any) -> list[dict[str, Any]]:
    """A line of a bulk request: forget this."""
    return [{"delete": {"_index": INDEX, "_id": str(number), **more}}]


def external(version: int) -> dict[str, Any]:
    """For a line: the engine refuses it (409) unless it is newer than what it has."""
    return {"version": version, "version_type": "external"}


class Way:
    """How the index learns of changes; a subclass does something about it.

    begin: before the day. before_commit: in a change's transaction; what it raises is
    what the seller is told, and nothing is changed. saved, removed: after the commit.
    feed: after every ten changes.
    """

    def begin(self) -> None: ...

    def before_commit(self, listing: Listing) -> None: ...

    def saved(self, listing: Listing) -> None: ...

    def removed(self, listing: Listing) -> None: ...

    def feed(self) -> None: ...


class Wire:
    """Between the shop and the index.

    sent: documents so far, deletions too. next: what becomes of the next request:
    "late" (it arrives with `arrive`), "lost" (it never does), "unanswered" (it arrives,
    and its answer is lost) or "". spoilt: to how many requests that has happened.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self.sent = self.spoilt = 0
        self.next = ""
        self._held: list[list[dict[str, Any]]] = []

    def bulk(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        """Send a bulk request; the engine's answer.

        Raises TimeoutError for one that is late, lost or unanswered: who has sent it
        cannot tell which.
        """
        if not lines:
            return {"errors": False, "items": []}
        self.sent += sum(not {"index", "delete"}.isdisjoint(line) for line in lines)
        fate, self.next = self.next, ""
        answer = {}
        if fate == "late":
            self._held.append(lines)
        elif fate != "lost":
            answer = self.search.client.bulk(body=lines)
        if fate:
            self.spoilt += 1
            raise TimeoutError("no answer from the search engine")
        return answer

    def arrive(self) -> int:
        """What was held arrives now; how many requests."""
        held, self._held = self._held, []
        for lines in held:
            self.search.client.bulk(body=lines)
        return len(held)


class Listings:
    """The table, the index, and a day of changes."""

    def __init__(self, db: Postgres, search: Search) -> None:
        self.primary = db.primary
        self.search = search
        self.wire = Wire(search)
        self.session: Any = None
        self.bad = False  # whether the day has a bad hour
        self.befallen = 0  # what has happened in it

    def clean(self) -> None:
        """All products at version 1, in the table and in the index."""
        if self.session is None or self.session.closed:
            self.session = self.primary.connect(application_name="shop")
        self.session.execute(TABLES.replace("%s", str(len(THERE))).encode())
        self.wire = Wire(self.search)
        self.befallen = 0
        self.rebuild()
        self.wire.sent = 0

    def rebuild(self) -> None:
        """The index anew, from the table."""
        self.search.drop_index(INDEX)
        self.search.create_index(INDEX, FIELDS, refresh_interval="-1")
        rows = [Listing(*row) for row in self.primary.sql("select * from listings")]
        lines = [line for row in rows for line in upsert(row, **external(row.version))]
        self.wire.bulk(lines)
        self.refresh()

    def refresh(self) -> None:
        self.search.client.indices.refresh(index=INDEX)

    # --- a day ---

    def day(self, run: Any, way: Way) -> None:
        """Sixty changes, recorded as "write"s by "seller". In the end nothing is late
        or refused any more, the way feeds twice more, then once when there is nothing
        to do, and an auditor reads both back.
        """
        way.begin()
        steps = plan(run.rng)
        for number, (kind, product, cents) in enumerate(steps, 1):
            if self.bad:
                self.befalls(number)
            by_hand = self.bad and kind is REMOVE
            self.change(run, way, kind, product, cents, by_hand)
            if number % PER_FEED == 0:
                feed(way)
                if number in LOOKED_AT:
                    self.look(run, steps[number - PER_FEED : number])
        for _ in range(2):
            feed(way)
        sent = figure(run, "search", "documents sent", self.wire.sent)
        feed(way)
        figure(run, "search", "documents sent at rest", self.wire.sent - sent)
        self.audit(run)

    def befalls(self, number: int) -> None:
        """What happens before this change in a bad hour."""
        self.wire.next = SPOILT.get(number, self.wire.next)
        if number in (REFUSED_AT, TAKEN_AGAIN_AT):
            self.refuse(number == REFUSED_AT)
            self.befallen += number == REFUSED_AT
        if number == ARRIVES_AT:
            self.wire.arrive()
        self.befallen += BY_HAND_AT <= number < BY_HAND_AT + len(REMOVED)

    def refuse(self, writes: bool) -> None:
        """Whether the index refuses to be written."""
        body = {"index": {"blocks.write": writes}}
        self.search.client.indices.put_settings(index=INDEX, body=body)

    def change(
        self,
        run: Recorder,
        way: Way,
        statement: str,
        product: int,
        cents: int,
        by_hand: bool = False,
    ) -> None:
        """One change, of which the shop tells the way before the commit and after it.
        by_hand: in the database itself, past the shop."""
        params = {SAVE: [cents, product], ADD: [product, cents], REMOVE: [product]}
        tell = way.removed if statement is REMOVE else way.saved
        call = (run, "seller", "write", f"listing:{product}")
        with refusable(*call) as op:
            with self.session.transaction():
                rows = self.session.execute(statement.encode(), params[statement])
                listing = Listing(*rows.fetchall()[0])
                op.version = listing.version + (statement is REMOVE)
                if not by_hand:
                    way.before_commit(listing)
            if not by_hand:
                tell(listing)

    def look(self, run: Recorder, recent: Steps) -> None:
        """A shopper searches for what has changed just now: "read"s."""
        self.refresh()
        for product in sorted({p for kind, p, _ in recent if kind is not REMOVE}):
            with run.call("shopper", "read", f"listing:{product}", node="search") as op:
                found = self.search.client.search(
                    index=INDEX, body={"query": {"ids": {"values": [str(product)]}}}
                )["hits"]["hits"]
                op.version = found[0]["_source"]["version"] if found else 0

    def audit(self, run: Recorder) -> None:
        """Read back what the table and the index have: [id, version, cents] each."""
        read_back(run, "database", self.held)
        read_back(run, "index", self.found)

    def held(self) -> list[list[int]]:
        query = "select id, version, price_cents from listings order by id"
        return [list(row) for row in self.primary.sql(query)]

    def found(self) -> list[list[int]]:
        self.refresh()
        body = {"query": {"match_all": {}}, "size": 1000}
        hits = self.search.client.search(index=INDEX, body=body)["hits"]["hits"]
        there = [(int(hit["_id"]), hit["_source"]) for hit in hits]
        return sorted([n, one["version"], one["price_cents"]] for n, one in there)


def feed(way: Way) -> None:
    """A feed that fails is logged by whoever runs it, and tries again next time."""
    try:
        way.feed()
    except Exception as error:
        if not of_a_server(error):
            raise


Steps = list[tuple[str, int, int]]  # statement, product, cents


def plan(rng: Random) -> Steps:
    """The day's changes: prices of products that stay, three new products while the
    index may refuse, and three removals after it. What the late request is about is
    changed again, or removed, before it arrives."""
    steps = []
    for number in range(1, CHANGES + 1):
        kind, product = SAVE, rng.randint(18, 30)
        if REFUSED_AT <= number < TAKEN_AGAIN_AT:
            product = number - 13  # 8 to 17, which do not change again
        if number in (11, 12, BY_HAND_AT + 3):
            product = OVERTAKEN
        if number in (13, 14):
            product = REMOVED[0]
        if REFUSED_AT + 2 <= number < REFUSED_AT + 2 + len(ADDED):
            kind, product = ADD, ADDED[number - REFUSED_AT - 2]
        if BY_HAND_AT <= number < BY_HAND_AT + len(REMOVED):
            kind, product = REMOVE, REMOVED[number - BY_HAND_AT]
        steps.append((kind, product, rng.randrange(100, 10_000)))
    return steps


@faults.fault("a bad hour")
def bad_hour(listings: Listings) -> faults.Body:
    """A request is late, one is lost, one gets no answer; the index refuses writes for
    a while; and somebody removes three products in the database itself. Meter: how much
    of that has happened."""
    listings.bad = True
    yield lambda: listings.befallen + listings.wire.spoilt
    listings.bad = False


@check(
    "the index at rest",
    "products",
    "At rest, the index has the products of the database, each in its version and at "
    "its price, and no other.",
    "nobody compared the index with the database",
)
def agrees(history: History) -> Findings:
    """Does the index equal the database, once nothing is on its way any more?

    The auditor's last "read back" of the keys "database" and "index" are lists of
    [id, version, cents]. Every id that is in one of them is checked.

    Violation: an id that is in one of them only, or in both with unlike versions or
    prices.

    Cost: O(n log n).
    """
    findings = Findings()
    last: dict[str | None, Op] = {op.key: op for op in history.ops("read back")}
    if not {"database", "index"} <= last.keys():
        return findings
    true, copy = (
        {number: (version, cents) for number, version, cents in last[key].value}
        for key in ("database", "index")
    )
    findings.counts = dict.fromkeys(
        ("missing", "left over", "other version", "other price"), 0
    )
    for number in sorted({*true, *copy}):
        findings.checked += 1
        if true.get(number) == copy.get(number):
            continue
        kind, told = unlike(number, true.get(number), copy.get(number))
        findings.counts[kind] += 1
        findings.broke(told, number, ops=[last["index"]])
    return findings


State = tuple[int, int] | None  # a product's version and cents, if it is there


def unlike(number: int, true: State, copy: State) -> tuple[str, str]:
    """The kind of a difference, and a sentence about it."""
    if copy is None:
        return "missing", f"product {number} is not in the index"
    if true is None:
        return "left over", f"product {number} was removed, and is still in the index"
    what, at = ("version", 0) if true[0] != copy[0] else ("price", 1)
    told = f"product {number}: the index has {what} {copy[at]}, the database {true[at]}"
    return f"other {what}", told


def works(documents: int) -> Callable[[History], Verdict]:
    """What must still work: no change is refused; shoppers find it when the index has
    been fed; at most so many documents are sent to the index in a day, and none when
    nothing has changed."""
    refused = checks.at_most(
        0, "changes refused", of="write", where=lambda op: op.outcome != "ok"
    )
    much = checks.at_most(
        0,
        f"days with more than {documents} documents sent",
        of="figure",
        where=lambda op: op.key == "documents sent" and op.value > documents,
    )
    idle = checks.at_most(
        0,
        "feeds that send something when nothing has changed",
        of="figure",
        where=lambda op: op.key == "documents sent at rest" and op.value > 0,
    )

    def works(history: History) -> Verdict:
        found = checks.staleness_bound(history, bound=0)
        return checks.combine(refused(history), found, much(history), idle(history))

    return works


def cost(run: Any) -> dict[str, Any]:
    """What differs at rest, and how many documents the day took."""
    counts = run.verdict.counts
    [sent] = [op.value for op in run.history.ops("figure", key="documents sent")]
    return {
        **{kind: counts[kind] for kind in ("missing", "left over", "other version")},
        "documents sent": sent,
    }


def items(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The outcome of each line of a bulk request, in order."""
    for item in answer["items"]:
        yield next(iter(item.values()))
