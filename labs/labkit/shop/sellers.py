"""Sellers who add products and look at their own lists, which a search engine makes.

What is written is found after the engine's next refresh. Left alone, that comes within
`refresh_interval`, and where it falls is luck. Here the engine's own is off, and
`Market.refresh` brings one when every seller is answered or waits:

    with Crowd() as crowd:
        for seller in market.sellers:
            crowd.send(evening, run, way, seller)
            crowd.settle(market.waiting)
        market.refresh(run)

A list holds the ids of a seller's products: "7-1" is the first of seller 7.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from .. import checks, faults
from ..checks import Findings, check
from ..history import History, Op
from .records import Recorder, figure, read_back

if TYPE_CHECKING:
    from ..servers.search import Search

INDEX = "products"
FIELDS = {
    "store": {"type": "integer"},
    "name": {"type": "text", "analyzer": "english"},
    "price_cents": {"type": "integer"},
}
WITHIN = 20.0  # seconds for the refresh that somebody waits for


class Market:
    """An index of products, `each` of every seller, and whoever waits for a refresh."""

    def __init__(self, search: Search, sellers: int, each: int) -> None:
        self.search = search
        self.sellers = range(1, sellers + 1)
        self.each = each
        self.in_a_hurry = False
        self.hurried = 0  # looks of sellers who did not rest before them
        self._came = threading.Event()
        self._resting = 0
        self._lock = threading.Lock()
        self._until_now = 0

    @property
    def client(self) -> Any:
        return self.search.client

    def open(self) -> None:
        """A new index with everybody's products, which can be found."""
        self.search.drop_index(INDEX)
        self.search.create_index(INDEX, FIELDS, refresh_interval="-1")
        lines: list[dict[str, Any]] = []
        for seller in self.sellers:
            for number in range(1, self.each + 1):
                lines += [
                    {"index": {"_index": INDEX, "_id": f"{seller}-{number}"}},
                    product(seller, number),
                ]
        self.client.bulk(body=lines, refresh="true")
        self._came.clear()
        self.hurried = 0
        self._until_now = self.refreshes()

    def add(self, seller: int, number: int, refresh: str = "false") -> str:
        """Write one product and return its id. refresh: "false" returns at once,
        "wait_for" with the next refresh, "true" makes one."""
        key = f"{seller}-{number}"
        self.client.index(
            index=INDEX, id=key, body=product(seller, number), refresh=refresh
        )
        return key

    def reprice(self, seller: int, cents: int, refresh: str = "false") -> None:
        """Write another price for the seller's first product."""
        self.client.update(
            index=INDEX,
            id=f"{seller}-1",
            body={"doc": {"price_cents": cents}},
            refresh=refresh,
        )

    def list_of(self, seller: int) -> list[str]:
        """Her list, by a search."""
        found = self.client.search(
            index=INDEX, body={"query": {"term": {"store": seller}}, "size": 100}
        )
        return sorted(hit["_id"] for hit in found["hits"]["hits"])

    def there(self, key: str) -> bool:
        """Whether a product is there, by its id: no search."""
        return bool(self.client.exists(index=INDEX, id=key))

    def moment(self) -> None:
        """What a seller does between her save and her look: she rests until a refresh
        has come, or is in a hurry."""
        if self.in_a_hurry:
            with self._lock:
                self.hurried += 1
            return
        with self._lock:
            self._resting += 1
        self._came.wait(WITHIN)
        with self._lock:
            self._resting -= 1

    def waiting(self) -> int:
        """How many rest, or are held in the engine until its next refresh."""
        told = self.client.indices.stats(index=INDEX, metric="refresh")
        return self._resting + told["_all"]["primaries"]["refresh"]["listeners"]

    def refreshes(self) -> int:
        """How many the engine has made of this index since it was made."""
        told = self.client.indices.stats(index=INDEX, metric="refresh")
        return told["_all"]["primaries"]["refresh"]["external_total"]

    def refresh(self, run: Recorder) -> None:
        """The engine's own refresh, recorded; and how many were asked for before. From
        now on one comes every 50 ms, for whoever has not written yet."""
        asked = self.refreshes() - self._until_now
        figure(run, "search", "refreshes asked for", asked)
        with run.call("search", "refresh", INDEX, inner=True):
            self.client.indices.refresh(index=INDEX)
        self._came.set()
        body = {"index": {"refresh_interval": "50ms"}}
        self.client.indices.put_settings(index=INDEX, body=body)

    def audit(self, run: Recorder) -> None:
        """Read back what every seller had when the market opened."""
        for seller in self.sellers:
            had = [f"{seller}-{number}" for number in range(1, self.each + 1)]
            read_back(run, f"store:{seller}", had)


def product(seller: int, number: int) -> dict[str, Any]:
    return {
        "store": seller,
        "name": f"Running shoes {number}",
        "price_cents": 1000 * number,
    }


@faults.fault("sellers look at once")
def at_once(market: Market) -> faults.Body:
    """Nobody rests between her save and her look. Meter: how many did not."""
    market.in_a_hurry = True
    yield lambda: market.hurried
    market.in_a_hurry = False


def saved_before(look: Op, saves: list[Op]) -> list[Any]:
    return [
        op.value
        for op in saves
        if op.outcome == "ok" and op.t_ret is not None and op.t_ret <= look.t_call
    ]


@check(
    "a seller finds what she has added",
    "looks",
    "A list shows every product that its seller was told is saved.",
    "nobody looked at a list",
)
def finds_her_own(history: History) -> Findings:
    """Does a seller's list show her own last save?

    A *look* is a client's acknowledged "list", and shows ids. A seller's *saves* are
    her acknowledged "write"s of the same key that returned before her look.

    Violation: a look without the id of one of them.

    Cost: O(n) for each look.
    """
    findings = Findings()
    for look in history.ops("list", outcome="ok"):
        saves = history.ops("write", client=look.client, key=look.key)
        saved = saved_before(look, saves)
        if not saved:
            continue
        findings.checked += 1
        missing = [key for key in saved if key not in look.value]
        if missing:
            findings.broke(
                f"{look.client} has saved {missing[0]} and does not find it",
                look.client,
                ops=[look],
            )
    return findings


@check(
    "a list is whole and hers",
    "looks",
    "A list shows every product that was in it before, and none of another seller's.",
    "nobody looked at a list",
)
def whole(history: History) -> Findings:
    """Does a list show what its seller had before, and nothing that is not hers?

    Violation: an acknowledged "list" without an id that was read back for its key, or
    with one that was neither read back nor written for it; or nothing was read back.

    Cost: O(n) for each look.
    """
    findings = Findings()
    had: dict[str | None, list[str]] = defaultdict(list)
    for op in history.ops("read back"):
        had[op.key] = op.value
    for look in history.ops("list", outcome="ok"):
        findings.checked += 1
        before, shown = had[look.key], set(look.value)
        hers = {*before, *(op.value for op in history.ops("write", key=look.key))}
        if not before or not shown >= set(before):
            shows = checks.counted(len(shown), "products")
            told = f"list shows {shows}, and she had {len(before)} before"
        elif others := shown - hers:
            told = f"list shows {checks.counted(len(others), 'products')} of others"
        else:
            continue
        findings.broke(f"{look.client}'s {told}", look.client, ops=[look])
    return findings


@check(
    "the price feed is not held up",
    "price changes",
    "No price change waits for the refresh.",
    "no price was changed",
)
def feed_flows(history: History) -> Findings:
    """Is the price feed answered at once?

    A *price change* is a "reprice". It is *held up* when it returned after the first
    "refresh" had come.

    Violation: a price change that was held up, or was not acknowledged.

    Cost: O(n).
    """
    findings = Findings()
    refreshes = history.ops("refresh")
    for op in history.ops("reprice"):
        findings.checked += 1
        late = op.t_ret is None or any(op.t_ret > one.t_call for one in refreshes[:1])
        if late or op.outcome != "ok":
            findings.broke("a price change waited for the refresh", ops=[op])
    return findings


@check(
    "few refreshes are asked for",
    "counts",
    "At most {most} refreshes are asked for beside the engine's own.",
    "nobody counted refreshes",
)
def few_refreshes(history: History, *, most: int = 2) -> Findings:
    """Is the index left to its own refresh?

    Violation: a "figure" of the refreshes asked for that is above `most`.

    Cost: O(n).
    """
    findings = Findings()
    for op in history.ops("figure", key="refreshes asked for"):
        findings.checked += 1
        if op.value > most:
            findings.broke(
                f"{op.value} refreshes were asked for, and at most {most} are allowed",
                ops=[op],
            )
    return findings
