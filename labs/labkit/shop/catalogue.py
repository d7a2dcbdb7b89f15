"""A catalogue of products, and the shoppers who ask for them in words of their own.

    catalogue = Catalogue(db)                   # the truth: a table on the primary
    catalogue.look(run, search, way)            # recorded searches, `way` answers them

A way is a function of what was typed. It returns a `Page`: the ids that the first page
shows, and how many products were found in all.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import faults
from ..checks import Findings, check, counted
from ..history import History
from .records import Recorder, read_back

if TYPE_CHECKING:
    from ..servers.postgres import Postgres
    from ..servers.search import Search

SHOES, OTHERS = 200, 60  # running shoes; products of every other kind
ON_A_PAGE = 10
# how a shopper asks for a kind of product: in the plural, in a phrase, by another word,
# with a mistake
HOWS = ("plural", "rephrased", "other word", "mistyped")
OWN_WORDS = {
    "running shoe": ("running shoes", "shoes to run in", "sneakers", "runing shoe"),
    "rain jacket": ("rain jackets", "jacket for rain", "anorak", "rain jaket"),
    "corner sofa": ("corner sofas", "sofa for a corner", "couch", "corner soffa"),
    "desk lamp": ("desk lamps", "lamp for my desk", "reading light", "desk lammp"),
    "drinking bottle": (
        *("drinking bottles", "bottle to drink from", "flask", "drinking botle"),
    ),
}
NOT_SOLD = ("camp bed", "violin", "gold ring")
# products that share a word with these
BESIDE = (
    *("running watch", "shoe rack", "rain barrel", "jacket hanger", "corner shelf"),
    *("sofa cover", "desk chair", "lamp shade", "drinking straw", "bottle opener"),
    "leather belt",
)
BLURB = """Sold by a small store and sent within two days. Send it back within thirty if
it is not what you hoped for: unused, in its box, with the slip that came with it. """

TABLE = """
drop table if exists items;
create table items (id integer primary key, name text not null, blurb text not null)
"""


class Page(NamedTuple):
    """ids: as shown, at most ON_A_PAGE. hits: how many were found."""

    ids: list[int]
    hits: int


Way = Callable[[str], Page]
NOTHING = Page([], 0)


class Catalogue:
    """Products on the primary, in an order that mixes their kinds; a larger id is a
    newer product. Searches by SQL go to the replica."""

    def __init__(self, db: Postgres) -> None:
        self.db = db
        self.own_words = False
        kinds = ["running shoe"] * SHOES
        for kind in (*OWN_WORDS, *BESIDE):
            kinds += [kind] * (OTHERS if kind != "running shoe" else 0)
        Random(7).shuffle(kinds)
        self.kinds = dict(enumerate(kinds, 1))
        self.names = {
            number: f"{kind.capitalize()} no. {number}"
            for number, kind in self.kinds.items()
        }
        self.fill()

    def fill(self) -> None:
        with self.db.primary.connect() as session:
            session.execute(TABLE.encode())
            with session.cursor() as cursor, cursor.copy("copy items from stdin") as to:
                for number, name in self.names.items():
                    to.write_row((number, name, BLURB))
            session.execute("vacuum analyze items")
        self.catch_up()

    def change(self, *statements: str) -> None:
        """Change the table on the primary; the replica has it when this returns."""
        for statement in statements:
            self.db.primary.sql(statement)
        self.db.primary.sql("vacuum analyze items")
        self.catch_up()

    def catch_up(self) -> None:
        end = self.db.primary.lsn()
        for replica in self.db.replicas:
            replica.wait_for(end)

    def of(self, kind: str) -> list[int]:
        return [number for number, one in self.kinds.items() if one == kind]

    def by_sql(self, query: str, typed: str) -> Page:
        """query: selects ids in order, and `count(*) over ()`, for %(typed)s."""
        rows = self.db.replica.sql(query, {"typed": typed})
        return Page([row[0] for row in rows], rows[0][1] if rows else 0)

    def blocks(self, query: str, typed: str) -> int:
        """How many blocks of 8 kB the replica touches for an answer."""
        asked = f"explain (analyze, buffers, format json) {query}"
        [told] = self.db.replica.value(asked, {"typed": typed})
        plan = told["Plan"]
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]

    def log_of_a_change(self) -> int:
        """Bytes that one new name of a product adds to the primary's log: a hundred are
        given, counted by `explain (wal)`, and taken back."""
        query = """explain (analyze, wal, format json) update items
         set name = name || ' new' where id <= 100"""
        with self.db.primary.connect(autocommit=False) as session:
            session.execute("checkpoint")  # else some blocks are logged as a whole
            [told] = session.execute(query).fetchone()  # type: ignore[misc]
            session.rollback()
        return round(told[0]["Plan"]["WAL Bytes"] / 100)

    def index(self, search: Search, index: str, analysis: dict[str, Any]) -> None:
        """An index of all products, made anew. analysis: holds the analysers "written",
        for names, and "asked", for what is typed."""
        name = {"type": "text", "analyzer": "written", "search_analyzer": "asked"}
        search.drop_index(index)
        search.create_index(
            index, {"name": name, "added": {"type": "integer"}}, analysis=analysis
        )
        lines: list[dict[str, Any]] = []
        for number, text in self.names.items():
            lines.append({"index": {"_index": index, "_id": str(number)}})
            lines.append({"name": text, "added": number})
        search.client.bulk(body=lines, refresh="true")

    def shoppers(self, run: Recorder, way: Way) -> None:
        """Everybody wants something, recorded as "search" on the wish, with what was
        typed for it; an auditor reads back what is sold of it."""
        for kind, words in OWN_WORDS.items():
            for how, own in zip(HOWS, words, strict=True):
                typed, wish = own if self.own_words else kind, f"{kind}, {how}"
                self.ask(run, way, typed, wish, how)
                read_back(run, wish, self.of(kind))
        for typed in NOT_SOLD:
            self.ask(run, way, typed, typed, "not sold")
            read_back(run, typed, [])

    def ask(self, run: Recorder, way: Way, typed: str, wish: str, how: str) -> None:
        with run.call("shopper", "search", wish, typed=typed, how=how) as op:
            op.value, op.extra["hits"] = way(typed)


@faults.fault("shoppers use words of their own")
def own_words(catalogue: Catalogue) -> faults.Body:
    """They no longer type what the catalogue says. Meter: how many searches differ."""
    catalogue.own_words = True
    yield lambda: sum(map(len, OWN_WORDS.values())) * catalogue.own_words
    catalogue.own_words = False


def sold(history: History) -> dict[str | None, set[int]]:
    return {op.key: set(op.value) for op in history.ops("read back")}


@check(
    "who asks for what is sold finds it",
    "searches",
    "The first page shows at least one of the products that were asked for.",
    "nobody asked for what is sold",
)
def finds_what_is_sold(history: History) -> Findings:
    """Does a search show what the shop sells?

    What is sold of a search was read back for its key, the wish. A search for what is
    not sold is not checked.

    Violation: a "search" that shows none of it, or was not answered.

    Cost: O(n).
    """
    findings = Findings()
    there = sold(history)
    for op in history.ops("search"):
        if not there.get(op.key):
            continue
        findings.checked += 1
        shown = op.value or []
        if op.outcome != "ok" or not there[op.key] & set(shown):
            found = f"none of the {len(shown)} shown is one" if shown else "nothing"
            some = counted(len(there[op.key]), "products")
            typed = op.extra["typed"]
            findings.broke(f'"{typed}": {found}, and {some} are sold', typed, ops=[op])
    return findings


@check(
    "a page shows little else",
    "searches",
    "At most {most} of {page} shown are something else, and nothing is shown that "
    "is not sold.",
    "nobody searched",
)
def little_else(history: History, *, most: int = 1, page: int = ON_A_PAGE) -> Findings:
    """Does a search show little but what was asked for?

    Violation: a "search" with more than `most` others on a page of `page`, or with any
    hit when nothing is sold of the wish.

    Cost: O(n).
    """
    findings = Findings()
    there = sold(history)
    for op in history.ops("search", outcome="ok"):
        findings.checked += 1
        wanted = there.get(op.key, set())
        others = len(set(op.value) - wanted)
        hits = counted(op.extra["hits"], "products")
        typed = op.extra["typed"]
        if not wanted and op.extra["hits"]:
            told = f'"{typed}": it is not sold, and {hits} are found'
        elif wanted and others > most:
            told = f'"{typed}": {others} of {len(op.value)} shown are something else'
        else:
            continue
        findings.broke(told, typed, ops=[op])
    return findings
