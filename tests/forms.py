"""Verdicts, runs and forms to try what readers see, and how to read its HTML."""

from dataclasses import replace
from html.parser import HTMLParser
from random import Random
from types import SimpleNamespace

from labkit import show
from labkit.checks import Verdict
from labkit.history import History, Op
from labkit.proof import Run

NASTY = "<script>alert(\"x\")</script> & 'quotes'"
ROWS = [
    {"bound": bound, "stale": 100 - bound, "p99": bound / 7, "note": "n"}
    for bound in (0, 10, 40, 100)
]
BRANCHES = [
    show.Branch(0, "customer read page:1", "ok", began=0, took=40),
    show.Branch(1, "customer look page:1", "ok", began=1, took=2),
    show.Branch(1, "customer rebuild page:1", "TimeoutError", began=4, took=None),
]
DARK_PAGES = ("#121212", "#111111")  # the book's, JupyterLab's


def verdict(state="violated", **changes):
    given = Verdict(
        check="read your writes",
        state=state,
        checked=100,
        violations=100 if state == "violated" else 0,
        examples=tuple(f"read number {n} was old" for n in range(1, 4)),
        definition="Clients read what they wrote.",
        counts={"acknowledged": 100},
        reason="nothing to check" if state == "unknown" else "",
        unit="reads",
    )
    return replace(given, **changes)


def run(**changes):
    """An incident as a proof makes it."""
    made = Run("incident", True, False, "violated", History(), Random(7))
    given = {"verdict": verdict(), "meter": 4096, "cost": {"ms": 1.0}}
    return replace(made, **{**given, **changes})


def panel(rows=ROWS, **changes):
    given = {"knob": "bound", "measures": ["stale", "p99"], "units": {"p99": "ms"}}
    return show.explore(rows, **{**given, **changes})


def guess_box(question="How many reads are old?", *answer, **changes):
    return show.guess(question, *(answer or (verdict(), "A sentence.")), **changes)


def an_incident(clients=3, operations=30, **changes):
    """A run in which every client writes and reads; while the fault is there, every
    read of the first client is old, breaks the promise and is marked."""
    history, where = History(), []
    for n in range(operations):
        client, read = f"client {n % clients}", n // clients % 2
        op = Op(0, client, "read" if read else "write", "k", t_call=n, t_ret=n + 0.5)
        op.node = "replica1" if read else None
        op.version, op.outcome = n // clients // 2, "ok"
        if read and client == "client 0" and n > operations // 2:
            op.version = 0
            where.append(n + 1)
        history.add(op)
    given = {"history": history, "fault_at": (operations / 2, operations - 1.0)}
    return run(**{**given, "verdict": verdict(where=tuple(where)), **changes})


class Nasty:
    __str__ = __repr__ = lambda self: NASTY


def nasty_run():
    history = History()
    history.add(Op(0, NASTY, NASTY, NASTY, node=NASTY, error=NASTY))
    return run(history=history, name=NASTY)


class Elements(HTMLParser):
    """The elements of some HTML, each as its tag, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        element = SimpleNamespace(tag=tag, text="", **{"attrs": dict(attrs)})
        self.found.append(element)
        if tag not in ("input", "br", "img"):
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def named(self, tag):
        return [element for element in self.found if element.tag == tag]


def contrast(one, other):
    """The contrast of two colours as WCAG 2 defines it, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
