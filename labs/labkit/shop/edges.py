"""Customers of the shop's pages, which reach them by way of an edge.

    edges.visit(run, edge, edges.PEOPLE[0], "/account")
    edges.nobody_elses(run.history)

What an answer is, is what its reader was shown: for whom the page was made, which
version of it, and the cookie that came with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, Literal

from .. import faults
from ..checks import Findings, Verdict, at_least, at_most, check, combine
from ..history import History, Op
from ..servers.base import side_by_side
from ..servers.edge import key_of
from ..wait import TimedOut
from .crowd import Crowd
from .records import Recorder, figure, refusable

if TYPE_CHECKING:
    from ..servers.edge import Edge
    from ..servers.origin import Origin


FETCHES = "fetches of "  # and the page: the name of a figure
WEEK_S = 7 * 24 * 3600  # seconds


@dataclass(frozen=True)
class Person:
    """Somebody who asks. by: "cookie", as browsers show who they are; "token", as the
    shop's own app does; "" for who is not signed in."""

    name: str
    by: Literal["cookie", "token", ""] = ""

    @property
    def headers(self) -> dict[str, str]:
        shown = {
            "cookie": {"Cookie": f"session={self.name}"},
            "token": {"Authorization": f"Bearer {self.name}"},
        }
        return shown.get(self.by, {})


PEOPLE = (
    Person("ann", "cookie"),
    Person("bob", "cookie"),
    Person("cleo", "token"),
    Person("dan", "token"),
    Person("guest 1"),
    Person("guest 2"),
)


# Two things for everybody, one of them under the hash of its content; a front page
# that gives each visitor a cart; three addresses that show a person's own. The newest
# of them says nothing about copies, as its author forgot; the last came in a mail: all
# under /account is the account.
SHARED = ("/products/7", "/static/app.3f2a91c0.css")
FRONT = "/"
OWN = ("/account", "/account/orders", "/account/photo.css")
FOR_ALL = {"Cache-Control": "public, max-age=60"}
FOR_ONE = {"Cache-Control": "private, no-store"}
FOR_EVER = {"Cache-Control": "max-age=31536000, immutable"}
PAGES: dict[str, dict[str, Any]] = {
    SHARED[0]: {"headers": FOR_ALL},
    SHARED[1]: {"headers": FOR_EVER},
    FRONT: {"headers": FOR_ALL | {"Set-Cookie": "cart={request}"}},
    "/account*": {"headers": FOR_ONE, "shows": ["user"]},
    OWN[1]: {"headers": {}, "shows": ["user"]},
}


def site(own: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The shop's pages; those of a person's own say this too, in their headers."""
    made = {}
    for path, page in PAGES.items():
        more = own if "shows" in page else {}
        made[path] = {**page, "headers": {**page["headers"], **more}}
    return made


def everybody_opens_everything(run: Recorder, edge: Edge) -> None:
    """Page by page, one person after another."""
    for path in (*SHARED, FRONT, *OWN):
        for person in PEOPLE:
            visit(run, edge, person, path)


def visit(run: Recorder, edge: Edge, person: Person, path: str, **more: Any) -> Op:
    """Somebody opens a page: "read" on its path, at the edge. more: see
    `labkit.servers.http.request`.

    version: of the page. extra: page (the path of what is shown), made_for (whose it
    is, "" for nobody's), handed (the cookie that came with it, "cart=17", or ""), cache
    (what the edge says of its copy). An answer of status 400 or higher is a failed
    read.
    """
    call = (run, person.name, "read", path)
    with refusable(*call, node=edge.name) as op:
        answer = edge.get(path, headers=person.headers, **more).ok()
        page = answer.json() or {}
        cookies = SimpleCookie(answer.headers.get("set-cookie", ""))
        op.version = page.get("version")
        op.extra["page"] = page.get("path", "")
        op.extra["made_for"] = page.get("user", "")
        op.extra["handed"] = "; ".join(f"{c.key}={c.value}" for c in cookies.values())
        op.extra["cache"] = answer.headers.get("x-cache", "")
    return op


def owner(client: str) -> str:
    """Whose page this person should be shown, "" for who is not signed in."""
    return next((p.name for p in PEOPLE if p.name == client and p.by), "")


@contextmanager
def counted(run: Recorder, origin: Origin, paths: Iterable[str]) -> Iterator[None]:
    """Enter how often the origin was asked for each page meanwhile: figures "fetches of
    /products/7"."""
    asked = {path: len(origin.requests(path)) for path in paths}
    yield
    for path, before in asked.items():
        now = len(origin.requests(path))
        figure(run, origin.name, f"{FETCHES}{path}", now - before)


class Campaign:
    """A shop whose pages are kept by several edges and, behind them, by a shield.

    edges: those that customers ask. Made by a lab of servers that run.
    """

    def __init__(self, origin: Origin, shield: Edge, edges: Sequence[Edge]) -> None:
        self.origin = origin
        self.shield = shield
        self.edges = edges
        self.layers = (*edges, shield)
        self._days: list[dict[str, Any]] = []  # what is about to happen at noon

    def reload(self, shield: str, edges: str, **more: Any) -> None:
        """Give the shield and the edges these lines; more: see `Nginx.reload`, for the
        edges."""
        changes: list[Callable[[], object]] = [
            partial(edge.reload, location=edges, **more) for edge in self.edges
        ]
        side_by_side([partial(self.shield.reload, location=shield), *changes])

    def morning(self, paths: Iterable[str], says: str) -> None:
        """Every layer that may keep one has a copy of version 1 of each page, and no
        other copies. says: the origin's Cache-Control."""
        for layer in self.layers:
            layer.empty()
        for path in paths:
            headers = {"Cache-Control": says}
            self.origin.put(path, headers=headers, version=1, status=200, seconds=0.0)
            for layer in reversed(self.layers):
                layer.get(path)

    @faults.fault("noon")
    def noon(self, ago: int = 1, origin_down: bool = False) -> faults.Body:
        """Something happens when the schedule strikes: see `strike`. ago: for how many
        seconds the copies' life has ended then. Meter: how many copies those are."""
        self._days.append({"ago": ago, "down": origin_down, "ended": 0})
        yield lambda: self._days[-1]["ended"]
        if self._days.pop()["down"]:
            self.origin.node.start()

    def strike(self, old: str, new: str, quiet: str) -> None:
        """If it is noon: the life of every copy of one page has ended, that of a quiet
        one, which nobody opened, a week ago, and of another, that goes up now, there is
        none; or the origin is down, and there is."""
        for day in self._days:
            for layer in self.layers:
                layer.end_life(quiet, WEEK_S)
            day["ended"] = sum(layer.end_life(old, day["ago"]) for layer in self.layers)
            if day["down"]:
                self.origin.node.kill()
            else:
                self.take_away(new)

    def take_away(self, path: str) -> int:
        """No layer has a copy of the page; how many had one."""
        return sum(layer.purge(path) for layer in self.layers)

    def note_ends(self, run: Recorder, path: str) -> None:
        """Enter for each edge how many seconds ago its copy's life has ended: figures
        "ended /campaign", below zero where it has not."""
        for edge in self.edges:
            ends = [copy.ends for copy in edge.copies() if copy.key == key_of(path)]
            for end in ends:
                figure(run, edge.name, f"ended {path}", round(time.time()) - end)

    def rush(self, run: Recorder, path: str, each: int) -> None:
        """So many customers at each edge open a page at once. The origin, if it is
        there, holds its answers until all have asked, and then takes as long as the
        page takes."""
        asked = threading.Semaphore(0)
        places = [(edge, n) for edge in self.edges for n in range(1, each + 1)]
        there = self.origin.running()
        if there:
            self.origin.put(path, held=True)
        with counted(run, self.origin, [path]), Crowd() as crowd:
            for edge, n in places:
                who = Person(f"{edge.name} customer {n}")
                crowd.send(visit, run, edge, who, path, sent=asked.release)
            for _ in places:
                if not asked.acquire(timeout=crowd.within):
                    raise TimedOut("a customer could not ask")
            for layer in self.layers:
                taken_up(layer)
            if there:
                self.origin.put(path, held=False)


def fetches(history: History, path: str = "") -> int:
    """How often the origin was asked for a page, or for all, where it was counted."""
    asked = history.ops("figure", outcome="ok")
    return sum(op.value for op in asked if (op.key or "").startswith(FETCHES + path))


def taken_up(edge: Edge) -> None:
    """Return when it has passed on what it was sent before, or keeps it waiting. It has
    one worker, which takes up its clients in their order and then passes on: the first
    answer says that it has begun with all of them, the second that it has done."""
    for _ in range(2):
        edge.node.generation()


@check(
    "fetched once",
    "pages",
    "The origin is asked for a page at most once each time that its copies end.",
    "no fetches were counted",
)
def fetched_once(history: History) -> Findings:
    """Is the origin asked once?

    What is checked is each figure "fetches of ..." of a page: how often the origin was
    asked for it while everybody wanted it.

    Violation: a page that was fetched more than once.

    Cost: O(n).
    """
    findings = Findings()
    for op in history.ops("figure", outcome="ok"):
        if (op.key or "").startswith(FETCHES):
            findings.checked += 1
            if op.value > 1:
                told = f"the origin was asked {op.value} times"
                findings.broke(f"{told}: {op.key}", op.key, ops=[op])
    return findings


@check(
    "old within bounds",
    "answers",
    "Nobody is shown an old version from a copy whose life ended over {bound} s ago.",
    "nobody was answered",
)
def not_too_old(history: History, *, bound: float) -> Findings:
    """Is what is old not too old?

    An answer is an acknowledged "read" with a version. It is old when an acknowledged
    "write" of that page, before the read was called, had a later one. The figure
    "ended ..." of its node tells how long ago its copy's life had ended.

    Violation: an answer that is old, from a node whose copy had ended over `bound`
    seconds ago.

    Counts: old.

    Cost: O(n log n).
    """
    findings = Findings()
    ended = {(op.node, op.key): op.value for op in history.ops("figure", outcome="ok")}
    written: dict[str | None, list[Op]] = {}
    for op in history.ops("write", outcome="ok"):
        written.setdefault(op.key, []).append(op)
    old = 0
    for op in history.ops("read", outcome="ok"):
        findings.checked += 1
        newest = max(
            (
                write.version or 0
                for write in written.get(op.key, [])
                if write.t_ret is not None and write.t_ret <= op.t_call
            ),
            default=0,
        )
        if (op.version or 0) < newest:
            old += 1
            if ended.get((op.node, f"ended {op.key}"), 0) > bound:
                told = f"version {op.version} of {op.key}, ended over {bound:g} s ago"
                findings.broke(f"{op.client} was shown {told}", op.client, ops=[op])
    findings.counts = {"old": old}
    return findings


@check(
    "nobody else's page",
    "answers",
    "Nobody is shown a page, or handed a cookie, that was made for another.",
    "nobody was answered",
)
def nobody_elses(history: History) -> Findings:
    """Is everybody shown their own?

    An answer is an acknowledged "read" whose extra tells for whom the page was made and
    which cookie came with it. A page for nobody, and no cookie, are for everybody.

    Violation: an answer that was made for another person, or that hands out a cookie
    which another person was handed before.

    Counts: made for another, handed to another.

    Cost: O(n).
    """
    findings = Findings()
    holders: dict[str, str] = {}
    shown = handed = 0
    for op in history.ops("read", outcome="ok"):
        findings.checked += 1
        page, cookie = op.extra["made_for"], op.extra["handed"]
        first = holders.setdefault(cookie, op.client) if cookie else op.client
        if page not in ("", op.client):
            shown += 1
            told = f"{op.client} was shown {page}'s {op.key}"
            findings.broke(told, "a page", op.key, op.client, ops=[op])
        elif first != op.client:
            handed += 1
            told = f"{op.client} was handed {first}'s {cookie.partition('=')[0]}"
            findings.broke(f"{told} at {op.key}", "cookie", op.client, ops=[op])
    findings.counts = {"made for another": shown, "handed to another": handed}
    return findings


def sees_it(op: Op) -> bool:
    """Whether somebody was shown the page that they asked for."""
    return op.outcome == "ok" and op.extra["page"] == op.key


def works(history: History, *, fetches: int = 1) -> Verdict:
    """What must still work: each shared page is fetched from the origin so often at
    most, everybody sees it, and their own account, and each visit to the front page
    gives a cart."""
    reads = history.ops("read")
    of = {
        "shared": [op for op in reads if op.key in SHARED],
        "own": [op for op in reads if op.key in OWN],
        "front": [op for op in reads if op.key == FRONT],
    }
    return combine(
        at_most(
            0,
            "shared pages fetched again and again",
            of="figure",
            where=lambda op: op.value > fetches,
        )(history),
        at_least(
            len(of["shared"]),
            "visitors who see a shared page",
            of="read",
            where=lambda op: op.key in SHARED and sees_it(op),
        )(history),
        at_least(
            len(of["own"]),
            "visitors who see their own account",
            of="read",
            where=lambda op: (
                op.key in OWN
                and sees_it(op)
                and op.extra["made_for"] == owner(op.client)
            ),
        )(history),
        at_least(
            len(of["front"]),
            "visitors who get a cart",
            of="read",
            where=lambda op: (
                op.key == FRONT and sees_it(op) and bool(op.extra["handed"])
            ),
        )(history),
    )
