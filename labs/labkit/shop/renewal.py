"""An index that is made anew while the shop goes on selling.

    renewal = Renewal(db, search)
    renewal.day(run, way)     # way(renewal) makes the new index, step by step

The database notes every change in a log with numbers, and each index that is fed has a
position in it. Shoppers search the alias `SHOP`, whatever it stands for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import checks, faults
from ..checks import Findings, Verdict, check
from ..history import History
from .listings import items
from .records import Recorder, figure, read_back, refusable

if TYPE_CHECKING:
    from ..servers.postgres import Postgres
    from ..servers.search import Search

SHOP = "shop"  # the alias
OLD, NEW = "products_v1", "products_v2"
PRODUCTS, SLICES = 40, 4
PER_ROUND = PRODUCTS // SLICES  # products that a copy gets through between two rounds
REFUSED_PART = 2  # of a copy, where one is refused
ROUNDS = 11  # of the day: changes, and a search
ON_REQUEST = "on request"  # what some sellers give as a price
MAPPINGS: dict[str, dict[str, Any]] = {
    OLD: {"price": {"type": "keyword"}, "version": {"type": "long"}},
    NEW: {"price": {"type": "integer"}, "version": {"type": "long"}},
}
TABLES = f"""
drop table if exists products_now, log;
create table products_now (
    id      integer primary key,
    price   text not null,
    version bigint not null default 1
);
create table log (
    number  bigint generated always as identity primary key,
    product integer not null,
    price   text,
    version bigint not null
);
create or replace function write_log() returns trigger language plpgsql as $$ begin
    if tg_op = 'DELETE' then
        insert into log (product, version) values (old.id, old.version + 1);
    else
        insert into log (product, price, version)
        values (new.id, new.price, new.version);
    end if;
    return null;
end $$;
create trigger write_log after insert or update or delete on products_now
    for each row execute function write_log();
insert into products_now select n,
    case when n % 10 = 0 then '{ON_REQUEST}' else (100 * n)::text end
    from generate_series(1, {PRODUCTS}) n;
-- a log is kept for a while only
delete from log where number < {PRODUCTS};
"""
SAVE = "update products_now set price = %s, version = version + 1 where id = %s"
ADD = "insert into products_now (price, id) values (%s, %s)"
REMOVE = "delete from products_now where id = %s"
LOGGED = "select product, price, version, number from log where number > %s order by 4"


class Product(NamedTuple):
    """A product; price None: it was removed."""

    id: int
    price: str | None
    version: int


Documents = Callable[[Product], dict[str, Any]]


def as_it_is(product: Product) -> dict[str, Any]:
    return {"price": product.price, "version": product.version}


def with_a_number(product: Product) -> dict[str, Any]:
    """The price as a number, or none where there is none."""
    text = product.price or ""
    price = int(text) if text.isdigit() else None
    return {"price": price, "version": product.version}


def lines_of(index: str, product: Product, document: Documents) -> list[dict[str, Any]]:
    """Of a bulk request: refused where the index has something newer."""
    about = {
        "_index": index,
        "_id": str(product.id),
        "version": product.version,
        "version_type": "external",
    }
    if product.price is None:
        return [{"delete": about}]
    return [{"index": about}, document(product)]


class Renewal:
    """The table with its log, and the indices. fed: by index, its position in the log
    and how its documents are made."""

    def __init__(self, db: Postgres, search: Search) -> None:
        self.primary = db.primary
        self.search = search
        self.due = False  # whether the day brings a renewal
        self.closed = False  # whether changes are refused
        self.renewed = 0
        self.fed: dict[str, tuple[int, Documents]] = {}
        self.refuse = 0  # the part of a copy that is refused, if any
        self.refused: list[str] = []  # types of lines that an index refused
        self.parts = self.copied = self.most = self.written = 0
        self._rng = Random(7)

    def clean(self) -> None:
        """All products at version 1, in the table and in the old index, which the alias
        stands for."""
        with self.primary.connect() as session:
            session.execute(TABLES.encode())
        self.search.drop_index(OLD, NEW, SHOP)
        self.fed, self.renewed, self.closed, self.refused = {}, 0, False, []
        self.parts = self.copied = self.most = self.written = 0
        self.make(OLD)
        self.write(OLD, self.rows(), as_it_is)
        self.feed_too(OLD, self.end_of_log(), as_it_is)
        self.point([OLD])
        self.written = 0

    # --- what a renewal is made of ---

    def make(self, index: str, mapping: str = "") -> None:
        """A new and empty index, by its own mapping or by that of another."""
        self.search.drop_index(index)
        fields = MAPPINGS[mapping or index]
        self.search.create_index(index, fields, refresh_interval="-1")

    def rows(self) -> list[Product]:
        """All products of the table, now."""
        query = "select id, price, version from products_now order by id"
        return [Product(*row) for row in self.primary.sql(query)]

    def copy(
        self, index: str, products: Sequence[Product], document: Documents
    ) -> list[int]:
        """Write a part of all products into an index; the numbers of those that it
        refused. In one round the shop goes on after `PER_ROUND` of them."""
        self.parts += 1
        self.copied += len(products)
        refuse = self.parts == self.refuse
        if refuse:
            self.block(index, True)
        refused = self.write(index, products, document)
        if refuse:
            self.block(index, False)
        return refused

    def block(self, index: str, writes: bool) -> None:
        body = {"index": {"blocks.write": writes}}
        self.search.client.indices.put_settings(index=index, body=body)

    def write(
        self, index: str, products: Sequence[Product], document: Documents
    ) -> list[int]:
        """As `copy`, whatever it takes."""
        if not products:
            return []
        body = [line for one in products for line in lines_of(index, one, document)]
        self.written += len(products)
        told = list(items(self.search.client.bulk(body=body)))
        bad = [
            (one.id, item["error"]["type"])
            for one, item in zip(products, told, strict=True)
            if item["status"] >= 300 and item["status"] not in (404, 409)
        ]
        self.refused += [kind for _, kind in bad]
        return [number for number, _ in bad]

    def end_of_log(self) -> int:
        return self.primary.value("select coalesce(max(number), 0) from log")

    def feed_too(self, index: str, position: int, document: Documents) -> None:
        """From now on this index is fed as well, from this position in the log."""
        self.fed[index] = position, document

    def feed(self) -> None:
        """Every index that is fed gets what the log has after its position."""
        for index, (position, document) in list(self.fed.items()):
            rows = self.primary.sql(LOGGED, [position])
            self.write(index, [Product(*row[:3]) for row in rows], document)
            if rows:
                self.fed[index] = rows[-1][3], document

    def differ(self, index: str) -> int:
        """In how many products an index and the table differ, by number and version."""
        true = {one.id: one.version for one in self.rows()}
        copy = dict(self.found(index))
        return sum(true.get(n) != copy.get(n) for n in true.keys() | copy.keys())

    def count(self, index: str) -> int:
        return len(self.found(index))

    def point(self, to: Sequence[str], away: Sequence[str] = ()) -> None:
        """Let the alias stand for these, in one call."""
        actions = [{"remove": {"index": one, "alias": SHOP}} for one in away]
        actions += [{"add": {"index": one, "alias": SHOP}} for one in to]
        self.search.client.indices.update_aliases(body={"actions": actions})

    def found(self, index: str) -> list[tuple[int, int]]:
        """(id, version) of all that a search finds after a refresh."""
        self.search.client.indices.refresh(index=index)
        body = {"query": {"match_all": {}}, "size": 1000}
        hits = self.search.client.search(index=index, body=body)["hits"]["hits"]
        return sorted((int(hit["_id"]), hit["_source"]["version"]) for hit in hits)

    # --- a day ---

    def day(self, run: Any, way: Way) -> None:
        """Eleven rounds: changes, and a shopper who searches. Where a renewal is due,
        one step of it is made before each round but the first. In the end the operator
        looks at the old index."""
        self._rng = Random(run.rng.random())
        steps = way(self) if self.due else iter(())
        for turn in range(1, ROUNDS + 1):
            if turn > 1:
                next(steps, None)
            self.goes_on(run, turn)
        self.renewed += self.due
        figure(run, "search", "refused documents", len(self.refused))
        figure(run, "search", "documents sent", self.written)
        undone = int(self.due and not self.sorts_by_price())
        figure(run, "search", "renewals to do", undone)
        figure(run, "search", "most copied between two rounds", self.most)
        read_back(run, "truth", [(one.id, one.version) for one in self.rows()])
        read_back(run, "way back", self.way_back)

    def sorts_by_price(self) -> bool:
        """Whether a shopper can sort the products by price, all that have one."""
        documents = {one.id: with_a_number(one) for one in self.rows()}
        prices = {n: one["price"] for n, one in documents.items()}
        true = {n: price for n, price in prices.items() if price is not None}
        body = {
            "query": {"exists": {"field": "price"}},
            "sort": [{"price": "asc"}],
            "size": 1000,
        }
        try:
            self.search.client.indices.refresh(index=SHOP)
            found = self.search.client.search(index=SHOP, body=body)
        except self.search.errors:
            return False
        # a text is sorted by its letters, and is no number
        return true == {int(h["_id"]): h["sort"][0] for h in found["hits"]["hits"]}

    def way_back(self) -> list[tuple[int, int]]:
        """What shoppers would find if the alias stood for the old index again."""
        try:
            return self.found(OLD)
        except self.search.errors:
            return []

    def goes_on(self, run: Recorder, turn: int) -> None:
        """A price changes, a product comes and one goes; all that is fed is fed; and a
        shopper looks at the whole shop. Recorded: "write" by "seller", "search" by
        "shopper", and what should have been found."""
        self.most, self.copied = max(self.most, self.copied), 0
        price, product = str(self._rng.randrange(100, 9999)), self._rng.randint(1, 20)
        changes: list[tuple[str, list[Any]]] = [
            (SAVE, [price, product]),
            (ADD, ["500", PRODUCTS + turn]),
            (REMOVE, [20 + turn]),
        ]
        for statement, params in changes:
            with refusable(run, "seller", "write", f"product:{params[-1]}"):
                if self.closed:
                    raise ConnectionRefusedError("the shop takes no changes now")
                self.primary.sql(statement, params)
        self.feed()
        key = f"search {turn}"
        read_back(run, key, [(one.id, one.version) for one in self.rows()])
        with refusable(run, "shopper", "search", key) as op:
            op.value = self.found(SHOP)


Way = Callable[[Renewal], Iterator[None]]


@faults.fault("a new mapping is due")
def renewal_due(renewal: Renewal) -> faults.Body:
    """The day brings a renewal of the index. Meter: how many were made."""
    renewal.due = True
    yield lambda: renewal.renewed
    renewal.due = False


@faults.fault("a new mapping is due, and a part of the copy is refused")
def part_refused(renewal: Renewal) -> faults.Body:
    """While the second part is copied, the index refuses writes. Meter: the documents
    that were refused."""
    renewal.due, renewal.refuse = True, REFUSED_PART
    yield lambda: len(renewal.refused)
    renewal.due, renewal.refuse = False, 0


@check(
    "a search shows the whole shop",
    "searches",
    "A search finds every product in its newest version, and nothing else.",
    "nobody searched",
)
def whole_shop(history: History) -> Findings:
    """Does a search find what the shop has?

    What it has is the last "read back" of the search's key: a list of [id, version].

    Violation: a "search" whose value is another list, or that got no answer.

    Cost: O(n) of all that was found.
    """
    findings = Findings()
    there = {op.key: op.value for op in history.ops("read back")}
    for op in history.ops("search"):
        findings.checked += 1
        # a file has lists for tuples
        true, copy = (list(map(tuple, v or [])) for v in (there.get(op.key), op.value))
        if op.outcome == "ok" and true == copy:
            continue
        shown, due = Counter(copy), Counter(true)
        wrong = {number for number, _ in (due - shown) + (shown - due)}
        told = f"products missing, old, left over or shown twice: {len(wrong)}"
        if op.outcome != "ok":
            told = "there was no answer"
        findings.broke(f"{op.key}: {told}", op.key, ops=[op])
    return findings


@check(
    "there is a way back",
    "days",
    "At the end the old index still has every product in its newest version.",
    "nobody looked at the old index",
)
def can_go_back(history: History) -> Findings:
    """Could the alias stand for the old index again?

    Violation: the "read back" of "way back" is not that of "truth".

    Cost: O(n).
    """
    findings = Findings()
    last = {op.key: op for op in history.ops("read back")}
    if {"truth", "way back"} <= last.keys():
        findings.checked = 1
        values = (last["truth"].value, last["way back"].value)
        true, old = (list(map(tuple, value)) for value in values)
        if true != old:
            lost = sum(one not in old for one in true)
            told = f"the old index lacks {lost} of {len(true)} products"
            findings.broke(told, ops=[last["way back"]])
    return findings


def works(history: History) -> Verdict:
    """What must still work: no change is refused; a renewal that is due is made, with
    the shop going on; and there is a way back."""
    refused = checks.at_most(
        0, "changes refused", of="write", where=lambda op: op.outcome != "ok"
    )
    undone = checks.at_most(
        0,
        "renewals not made",
        of="figure",
        where=lambda op: op.key == "renewals to do" and op.value > 0,
    )
    hurried = checks.at_most(
        0,
        f"days with more than {PER_ROUND} products copied between two rounds",
        of="figure",
        where=lambda op: (
            op.key == "most copied between two rounds" and op.value > PER_ROUND
        ),
    )
    return checks.combine(
        refused(history), undone(history), hurried(history), can_go_back(history)
    )


def slices(products: Sequence[Product]) -> Iterator[Sequence[Product]]:
    """Four parts of all, as a copy is made in."""
    size = -(-len(products) // SLICES)
    for begin in range(0, len(products), size):
        yield products[begin : begin + size]


def cost(run: Any) -> dict[str, Any]:
    """Searches that did not show the whole shop, documents that were sent to indices,
    and those of them that were refused."""
    [sent] = run.history.ops("figure", key="documents sent")
    [refused] = run.history.ops("figure", key="refused documents")
    return {
        "incomplete searches": run.verdict.violations,
        "documents sent": sent.value,
        "documents refused": refused.value,
    }
