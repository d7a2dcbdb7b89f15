"""Prices in PostgreSQL, their copies in Redis, and whether the two agree.

A copy is a text with the version in front, "2 80000". A version alone, "2", is a
tombstone: no copy, but whoever brings an older one can see that it is too old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import checks, faults
from ..history import History, Op
from .tables import LOOK, SAVE, Tables, key

if TYPE_CHECKING:
    from ..servers.postgres import PostgresNode
    from .records import Recorder


NOTIFY = """
create or replace function tell() returns trigger language plpgsql
as $$ begin perform pg_notify('prices', new.id::text); return null; end $$;
create trigger tell after update of price_cents on products
    for each row execute function tell()"""


class Price(NamedTuple):
    """A product's price in cents, and its version."""

    version: int
    cents: int

    @property
    def text(self) -> str:
        return f"{self.version} {self.cents}"


Ask = Callable[["PostgresNode"], Price]  # asks a database for the price


class Prices:
    """The prices of the shop's tables, with copies in a cache (`redis.client()`)."""

    def __init__(self, tables: Tables, cache: Any) -> None:
        self.tables = tables
        self.primary = tables.db.primary
        self.cache = cache

    def clean(self, version: int = 0) -> None:
        """Back to list prices, each at this version, and no copies."""
        self.tables.clean()
        if version:
            self.primary.sql("update products set version = %s", [version])
            self.tables.catch_up()
        self.cache.flushdb()

    def copy(self, product: int) -> Price | None:
        """The copy in the cache. None: there is none, or a tombstone."""
        version, *cents = (self.cache.get(key(product)) or "0").split()
        return Price(int(version), int(cents[0])) if cents else None

    def held(self, product: int, node: PostgresNode | None = None) -> Price:
        """What a database holds, by default the primary."""
        return Price(*(node or self.primary).sql(LOOK, [product])[0])

    def save(
        self,
        run: Recorder,
        product: int,
        cents: int,
        forget: Callable[[str, Price], object] = lambda key, price: None,
        who: str = "shopkeeper",
    ) -> Op:
        """Save a price and commit, then forget(key, price): a recorded "write".

        Its extra `endless` is how many of the product's keys in the cache, its copy and
        all that is named after it, then have no end.
        """
        with run.call(who, "write", key(product), cents) as op:
            op.version = self.primary.value(SAVE, [cents, product])
            op.token = self.primary.lsn()
            forget(key(product), Price(op.version, cents))
        op.extra["endless"] = self.endless(product)
        return op

    def endless(self, product: int) -> int:
        """How many keys of a product have no end: "product:31", "lease:product:31"."""
        found = self.cache.keys(f"*{key(product)}")
        return sum(self.cache.pttl(name) == -1 for name in found)

    @contextmanager
    def saving(
        self, run: Recorder, product: int, cents: int, who: str = "assistant"
    ) -> Iterator[Op]:
        """A save whose transaction is open during the block and commits at its end."""
        with (
            run.call(who, "write", key(product), cents) as op,
            self.primary.connect(autocommit=False) as session,
        ):
            [[op.version]] = session.execute(SAVE, [cents, product]).fetchall()
            yield op

    def from_primary(self, ttl_ms: int) -> Callable[[str, Ask], Price]:
        """What is done at a miss: ask the primary, and keep its answer so long."""

        def miss(key: str, ask: Ask) -> Price:
            price = ask(self.primary)
            self.cache.set(key, price.text, px=ttl_ms)
            return price

        return miss

    def look(
        self,
        run: Recorder,
        product: int,
        miss: Callable[[str, Ask], Price],
        who: str = "customer",
    ) -> Op:
        """Read a price: a recorded "read", from node "redis" where there is a copy.

        Else miss(key, ask) finds it; ask(node) is an inner "query", and the last node
        that was asked is the read's.
        """
        with run.call(who, "read", key(product)) as op:

            def ask(node: PostgresNode) -> Price:
                op.node = node.name
                about = {"node": node.name, "inner": True}
                with run.call(who, "query", key(product), **about) as query:
                    query.version, query.value = self.held(product, node)
                return Price(query.version, query.value)

            price = self.copy(product)
            op.node = "redis"
            op.version, op.value = price or miss(key(product), ask)
        return op

    def look_at_all(
        self,
        run: Recorder,
        products: Iterable[int],
        miss: Callable[[str, Ask], Price],
    ) -> list[str | None]:
        """Customers look at each price once; the nodes that answered."""
        return [self.look(run, product, miss).node for product in products]

    def audit(self, run: Recorder, products: Iterable[int]) -> None:
        """Compare: a "get" of each copy, and a "read" of what the primary holds.

        The "get" has extra `ttl_ms`, which is negative for a copy without an end.
        """
        for product in products:
            with run.call("auditor", "get", key(product), node="redis") as op:
                op.version, op.value = self.copy(product) or (None, None)
                op.extra["ttl_ms"] = self.cache.pttl(key(product))
            with run.call("auditor", "read", key(product), node="primary") as op:
                op.version, op.value = self.held(product)


@checks.check(
    "the cache at rest",
    "prices",
    "At rest, the cache serves what the database holds.",
    "nobody compared a copy with the database",
)
def agrees(history: History) -> checks.Findings:
    """Does each copy equal its original, once nothing is on its way any more?

    The auditor's "get" is what the cache serves, the auditor's "read" of the same key
    what the database holds. A price without a copy is compared as well, and is right:
    who asks for it is sent to the database.

    Violation: a copy whose version or price is not the database's.

    Cost: O(n).
    """
    found = checks.Findings()
    held = {op.key: op for op in history.ops("read", client="auditor", outcome="ok")}
    for op in history.ops("get", client="auditor", outcome="ok"):
        found.checked += 1
        true = held.get(op.key)
        if true is None:
            found.doubt = f"nobody read what the database holds of {op.key}"
        elif op.version is None:
            continue
        elif (op.version, op.value) != (true.version, true.value):
            served = f"the cache serves version {op.version} of {op.key}"
            sentence = f"{served}, and the database holds version {true.version}"
            found.broke(sentence, op.key, ops=[op])
    return found


def kept(copies: int) -> checks.Check:
    """When the auditor looks, at least so many copies are in the cache, each of which
    will end by itself."""
    return checks.at_least(
        copies,
        "copies that will end",
        of="get",
        where=lambda op: op.version is not None and op.extra["ttl_ms"] > 0,
    )


# a tombstone without an end, say: such keys only become more
ends = checks.at_most(
    0,
    "saves that leave a key without an end",
    where=lambda op: op.extra.get("endless", 0) > 0,
)


def asked(questions: int, node: str | None = None) -> checks.Check:
    """At most so many misses ask a database (a node by name, or any)."""
    return checks.at_most(
        questions,
        f"questions to {f'the {node}' if node else 'a database'}",
        where=lambda op: op.op == "query" and node in (None, op.node),
    )


def let_delete(client: Any, allowed: bool) -> None:
    """Whether the cache's access list lets its ordinary user delete keys."""
    sign = "+" if allowed else "-"
    client.acl_setuser("default", enabled=True, commands=[f"{sign}del"])


def refused_commands(client: Any) -> int:
    """Commands that the access list refused since the server's start."""
    errors = client.info("errorstats")
    return errors.get("errorstat_NOPERM", {"count": 0})["count"]


def works(copies: int, questions: int, of_primary: int | None = None) -> checks.Check:
    """What must still work behind a guardrail: `kept`, `ends` and `asked` as a single
    check."""
    parts = [kept(copies), ends, asked(questions)]
    if of_primary is not None:
        parts.append(asked(of_primary, "primary"))

    def check(history: History) -> checks.Verdict:
        return checks.combine(*(part(history) for part in parts))

    return check


def cost(run: Any) -> dict[str, int]:
    """Of a run: copies at rest, questions by misses, and customers' reads that showed
    a version older than one that was saved."""
    seen = History()
    for op in run.history:
        if op.op == "write" or (op.op, op.client) == ("read", "customer"):
            seen.add(op)
    return {
        "copies": kept(0)(run.history).counts["counted"],
        "questions": asked(0)(run.history).counts["counted"],
        "of the primary": asked(0, "primary")(run.history).counts["counted"],
        "old prices shown": checks.staleness_bound(seen, bound=0).violations,
    }


class Post:
    """Commands on their way to a cache. Those of slow clients wait for `deliver`."""

    def __init__(self) -> None:
        self._slow: tuple[str, ...] = ()
        self._waiting: list[Callable[[], object]] = []
        self._late = 0

    def send(self, who: str, command: Callable[..., object], *args: Any, **more: Any):
        """Carry out a command; a slow client's later, and nobody sees what it says."""
        if who not in self._slow:
            return command(*args, **more)
        self._waiting.append(partial(command, *args, **more))
        return None

    def deliver(self) -> None:
        """Carry out what is still on its way, in the order in which it was sent."""
        self._late += len(self._waiting)
        while self._waiting:
            self._waiting.pop(0)()

    def slow(self, *who: str) -> faults.Fault:
        """A fault: the commands of these clients come late. Meter: how many did."""
        return _slow(self, who)


@faults.fault("commands come late")
def _slow(post: Post, who: tuple[str, ...]) -> faults.Body:
    post._slow, post._late = who, 0
    yield lambda: post._late
    post._slow = ()
    post._waiting.clear()
