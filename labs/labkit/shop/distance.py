"""Customers far from the shop, and the trips that a page costs them.

A page comes in four parts, each named by the one before it, all asked for on one
connection. With the opening of the connection that makes five trips.
"""

from __future__ import annotations

from contextlib import closing, suppress
from http.client import HTTPConnection
from json import loads
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .. import checks
from ..checks import Findings, Verdict, check
from ..checks.common import doubt
from ..faults import Body, fault
from ..history import History, Op
from ..servers.edge import HOST
from ..servers.http import Answer, Refused
from .crowd import at_once, names
from .records import Recorder, refusable

if TYPE_CHECKING:
    from ..servers.link import Link
    from ..servers.origin import Origin

PRICE = "price:7"
HTML, STYLE, PICTURE = "/", "/static/shop.9c1e.css", "/static/shoes.4b2f.jpg"
PRICE_PATH = "/price/7"
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
PARTS: dict[str, dict[str, Any]] = {
    HTML: {"headers": {"Cache-Control": "public, max-age=60"}, "size": 6_000},
    STYLE: {"headers": FOR_EVER, "size": 9_000},
    PICTURE: {"headers": FOR_EVER, "size": 30_000},
    PRICE_PATH: {"headers": {"Cache-Control": "private, no-store"}, "shows": ["user"]},
}
KM_PER_MS = 204.19  # that light goes in glass, in one direction, in a millisecond


def session_of(who: str) -> str:
    """What her browser shows: a cookie's value has no blanks."""
    return who.replace(" ", "-")


def visit(run: Recorder, who: str, server: Any) -> Op:
    """A customer opens the shop: "read" of the price, until the last part is there. A
    page of which a part is missing, or is not the one asked for, has not come.

    server: an `Edge` or a `Link`, whatever her browser connects to. version: of the
    price. extra: {ms: milliseconds of each part, the first with the connection's}.
    """
    said: dict[str, Any] = {}
    place = server if hasattr(server, "address") else server.node.machine
    with refusable(run, who, "read", PRICE, node=server.name, ms=[]) as op:
        before = perf_counter()
        host, port = place.address()
        connection = HTTPConnection(host, port, timeout=20)
        with closing(connection):
            for path in PARTS:
                headers = {"Host": HOST, "Cookie": f"session={session_of(who)}"}
                connection.request("GET", path, headers=headers)
                got = connection.getresponse()
                text = got.read().decode()
                said = part(path, got.status, text)
                if not said:
                    raise Refused(Answer(got.status, {}, text))
                now = perf_counter()
                op.extra["ms"].append(round(1000 * (now - before), 1))
                before = now
        op.version, op.extra["shown_to"] = said["version"], said["user"]
    return op


def part(path: str, status: int, text: str) -> dict[str, Any]:
    """What this part of the page says; nothing if it is not the whole of it: an error's
    page, another part, one without what it shows."""
    said, wanted = {}, PARTS[path]
    with suppress(ValueError):
        said = loads(text)
    told = isinstance(said, dict) and said.get("path") == path and "version" in said
    whole = told and len(text) >= wanted.get("size", 0)
    shown = whole and all(what in said for what in wanted.get("shows", []))
    return said if status == 200 and shown else {}


def visits(run: Recorder, server: Any, customers: int, over: Link) -> list[Op]:
    """So many customers open the shop at the same time.

    extra: {least_s: seconds that the distance alone takes for a page's trips over the
    link, all pages alike}.
    """
    before = over.carried()["trips"]
    pages = at_once(names("customer", customers), lambda who: visit(run, who, server))
    trips = (over.carried()["trips"] - before) / customers
    for op in pages:
        op.extra["least_s"] = round(trips * over.round_trip, 3)
    return pages


def set_price(run: Recorder, origin: Origin, version: int) -> Op:
    """The shop changes the price: "write" by "shop"."""
    with run.call("shop", "write", PRICE, version=version) as op:
        origin.put(PRICE_PATH, version=version)
    return op


@fault("customers are far away")
def far_away(link: Link, seconds: float) -> Body:
    """Each packet takes so many seconds, there or back. Meter: trips on the link."""
    link.set(delay=seconds)
    before = link.carried()["trips"]
    yield lambda: link.carried()["trips"] - before
    link.set(delay=0.0)


@check(
    "complete in time",
    "pages",
    "At least {share:.0%} of the pages are complete within {within:g} s.",
    "nobody opened a page",
)
def complete_in_time(history: History, *, within: float, share: float) -> Findings:
    """Do customers wait too long for their pages?

    A page is a "read". It is *late* when it did not come, or when more than `within`
    seconds lie between its call and its return. extra {least_s} is how many of them
    its distance alone takes, where that is known.

    Violation: every late page, where fewer than `share` of all pages (0 to 1) are in
    time. Unknown, where that is so and would not be, had the pages come as soon as
    their distance allows: this computer had no time for them.

    Cost: O(n).
    """
    findings = Findings()
    pages = history.ops("read")
    findings.checked = len(pages)
    enough = share * len(pages)
    late = [op for op in pages if op.outcome != "ok" or took(op) > within]
    far = [op for op in late if op.outcome != "ok" or least(op) > within]
    if len(pages) - len(far) < enough:
        for op in late:
            came = op.outcome == "ok"
            why = f"waited longer than {within:g} s" if came else "got no page"
            findings.broke(f"{op.client} {why}", op.client, ops=[op])
    elif len(pages) - len(late) < enough:
        slow = f"{len(late) - len(far)} pages took longer than {within:g} s"
        doubt(findings, f"{slow}, and not for their distance: this computer was busy")
    return findings


def least(op: Op) -> float:
    """Seconds of a page that are its distance; without end where nothing tells."""
    return op.extra.get("least_s", inf)


def took(op: Op) -> float:
    """Seconds from call to return; without end for what has not returned."""
    return op.t_ret - op.t_call if op.t_ret is not None else inf


def right(history: History) -> Verdict:
    """What must still work: every page comes, with the newest price, and made for who
    asked."""
    lost = checks.at_most(
        0, "pages that did not come", of="read", where=lambda op: op.outcome != "ok"
    )
    others = checks.at_most(
        0,
        "pages with somebody else's prices",
        of="read",
        where=lambda op: (
            op.outcome == "ok" and op.extra["shown_to"] != session_of(op.client)
        ),
    )
    fresh = checks.staleness_bound(history, bound=0)
    return checks.combine(lost(history), others(history), fresh)


def least_ms(km: float, trips: int = 1) -> float:
    """The milliseconds that light alone needs in glass for so many trips, there and
    back."""
    return 2 * km / KM_PER_MS * trips
