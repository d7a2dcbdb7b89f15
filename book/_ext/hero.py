"""The directive {hero}: two switches over one recorded incident, drawn in time.

Reads book/_static/hero.json, which tools/hero.py records. All four combinations of the
switches stand in the page, and the style sheet shows the one that is switched on: it
needs no script and no kernel. What moves is for the eye; the words say all of it.
"""

import json
from collections.abc import Iterator
from datetime import date
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RECORD = Path(__file__).resolve().parents[1] / "_static" / "hero.json"
STEP, HIGH = 20, 26  # units of a drawing: from one operation to the next; its height
SECONDS = 4.5  # that the incident takes here; moving things end within five
LANES = {  # node that answered a look, None of a save: what its lane shows
    None: "saves at the primary",
    "replica1": "looks answered by replica 1",
    "replica2": "looks answered by replica 2",
    "primary": "looks answered by the primary",
}
BROKEN = "replica1"  # where the fault is
SWITCHES = (  # name, title, what it does
    ("fault", "Fault", "replica 1 stops replaying what it receives"),
    ("guardrail", "Guardrail", "ask a replica whether it has replayed her save"),
)


class Hero(SphinxDirective):
    """The drawing, as HTML; other builders show nothing."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(RECORD))
        record = json.loads(RECORD.read_text("utf-8"))
        return [nodes.raw("", html(record), format="html")]


def html(record: dict) -> str:
    """The whole hero for a record of tools/hero.py."""
    switches = "".join(switch(*one) for one in SWITCHES)
    scenes = "".join(scene(name, run) for name, run in record["runs"].items())
    return (
        '<div class="hero" role="group" aria-label="One incident, with two switches">'
        f'<div class="hero-switches">{switches}</div>'
        f'<div class="hero-scenes" aria-live="polite">{scenes}</div>'
        f'<p class="hero-source">{source(record)}</p></div>'
    )


def switch(name: str, title: str, does: str) -> str:
    """A switch; the fault's is on at first, so that the page opens on the incident."""
    on = " checked" if name == "fault" else ""
    return (
        f'<label class="hero-switch"><input type="checkbox" role="switch"{on} '
        f'id="hero-{name}" autocomplete="off" aria-describedby="hero-{name}-does">'
        f'<span><b>{title}</b> <small id="hero-{name}-does">{does}</small></span>'
        "</label>"
    )


def scene(name: str, run: dict) -> str:
    """One combination: what was seen, drawn lane by lane, and its verdict."""
    ops, state = run["ops"], run["verdict"]
    answered = [op["node"] for op in ops]
    nodes_ = [node for node in LANES if node in answered or node == BROKEN]
    lanes = "".join(lane(node, run) for node in nodes_)
    first = next((n for n, op in enumerate(ops) if op["broke"]), len(ops))
    beat = SECONDS / len(ops)
    return (
        f'<div class="hero-scene hero-{name}" style="--beat:{beat:.3f}s;'
        f'--all:{SECONDS}s;--first:{first}">'
        f'<p class="hero-verdict hero-{state}"><b>{state}</b> <span>{words(run)}</span>'
        f'</p><div class="hero-lanes">{lanes}<i class="hero-now"></i></div>'
        f'<div class="hero-page" aria-hidden="true">{"".join(prices(ops))}</div></div>'
    )


def words(run: dict) -> str:
    """The verdict as a sentence. How many looks were old is what the lab asks."""
    if run["violations"]:
        return "She saved a price, looked at her page, and saw an older one."
    return f"All {run['checked']} looks showed her the price she had saved."


def lane(node: str | None, run: dict) -> str:
    """What one server answered, from left to right in order of call."""
    ops, width = run["ops"], STEP * len(run["ops"])
    mine = [(n, op) for n, op in enumerate(ops) if op["node"] == node]
    old = any(op["broke"] for _, op in mine)
    stopped = run["fault"] and node == BROKEN
    told = LANES[node] + (", which has stopped" if stopped else "")
    told += ": old prices" if old else ""
    marks = "".join(mark(n, op) for n, op in mine)
    return (
        f'<p class="hero-lane">{escape(told)}</p>'
        f'<svg class="hero-drawing{" hero-stopped" if stopped else ""}" '
        f'viewBox="0 0 {width} {HIGH}" aria-hidden="true">{marks}</svg>'
    )


def mark(n: int, op: dict) -> str:
    """A save is a square, a look a disc, a look at an old price a ring with a cross."""
    x, y, style = STEP * n + STEP / 2, HIGH / 2, f'style="--n:{n}"'
    if op["op"] == "write":
        return f'<path class="hero-save" {style} d="M{x - 7} {y - 9}h14v18h-14z"/>'
    if op["broke"]:
        cross = f"M{x - 4} {y - 4}l8 8m0-8l-8 8"
        ring = f"M{x - 8.5} {y}a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0-17 0"
        return f'<path class="hero-old" {style} d="{ring}{cross}"/>'
    return f'<circle class="hero-fresh" {style} cx="{x}" cy="{y}" r="7"/>'


def prices(ops: list[dict]) -> Iterator[str]:
    """What she saved last beside what her page shows, operation by operation. One of
    them stays: the last old price, or else the last."""
    saved: dict[str, int] = {}
    broke = [n for n, op in enumerate(ops) if op["broke"]]
    stays = broke[-1] if broke else len(ops) - 1
    for n, op in enumerate(ops):
        if op["op"] == "write":
            saved[op["key"]] = op["price"]
            page = "<span>her page <b>…</b></span>"
        else:
            kind, sign = ("old", "✗ old") if op["broke"] else ("fresh", "✓")
            shown = f"her page <b>{euros(op)}</b> {sign}"
            page = f'<span class="hero-{kind}">{shown}</span>'
        last = " hero-stays" if n == stays else ""
        yield (
            f'<p class="hero-price{last}" style="--n:{n}"><span>saved '
            f"<b>{euros({'price': saved[op['key']]})}</b></span>{page}</p>"
        )


def euros(op: dict) -> str:
    return f"€{op['price'] / 100:.2f}"


def source(record: dict) -> str:
    """Where it comes from: the lab, its server, the day, and how long it took."""
    ops = record["runs"]["incident"]["ops"]
    when = date.fromisoformat(record["date"])
    saves = sum(op["op"] == "write" for op in ops)
    took = max(op["returned"] for op in ops) - min(op["called"] for op in ops)
    return (
        f"Recorded from {escape(record['server'])} on {when.day} {when:%B %Y}: a "
        f"shopkeeper saves {saves} prices and looks at her page after each. It took "
        f"{took:.0f} ms and is slowed down here, one column an operation. "
        f'<a href="../labs/{record["lab"]}.html">Run it yourself</a>.'
    )


def setup(app: Sphinx) -> dict:
    app.add_directive("hero", Hero)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
