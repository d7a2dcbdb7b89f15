"""The incident as one drawing: who did what when, and what came of it.

A lane is a client, a bar an operation from its call to its return. Shape and colour
both tell the outcome; a wedge above a bar says that it broke the promise. Names and
numbers are words of the page and not of the drawing, so that they keep their size on a
phone and can still be read where a page shows no drawings.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from ..checks import counted
from ..history import READS, Op
from .shown import Shown, asset, number, styled

LOW = READS | {"figure"}  # operations that change nothing
LANES = 12  # more clients than that are drawn in groups
CELLS = 150  # of all lanes with too many operations to draw each; 40 a lane at most
HEAVIEST = 25_000  # characters of a drawing: what is heavier is drawn as counts
LONGEST = 80  # characters of what is told of one operation
WIDE = 1000  # units across; the drawing is stretched to its column
LANE = 46  # units, and pixels, from one lane to the next
TOP, BASE = 24, 42  # of the bars of a lane; the wedges stand above, names above those
STATES = {  # by class: how the legend calls it
    "ok": "done",
    "old": "done, but with a version older than one already saved",
    "fail": "failed",
    "open": "in doubt",
    "bad": "broke the promise",
}


def timeline(
    run: Any,
    *,
    lanes: Sequence[str] | Callable[[Op], str] | None = None,
    first: Sequence[str] = (),
    most: int = 200,
    label: str = "",
) -> Shown:
    """The history of `run`, drawn: a lane a client, a bar an operation.

    run    has a history; its fault is drawn as a band where `fault_at` is known, and
           the operations of `verdict.where` are marked
    lanes  the clients to draw, in this order, or a function of an operation that names
           its lane (`lambda op: op.node`). Else every client, and groups of those of
           one name where there are more than twelve; a single client has a lane for
           each server that answered, and for what no server did
    first  names of lanes that stand above the others, in this order; who did nothing
           has no lane
    most   operations that are drawn one by one; where there are more, busy lanes are
           drawn as counts in equal parts of the time
    label  the heading, which also names the drawing to a screen reader

    Raises ValueError for a client in `lanes` that did nothing. Times differ from run to
    run, and so does the drawing; its text form does not.
    """
    scene = _Scene.of(run, lanes, first)
    title = label or f"What each client saw: {getattr(run, 'title', '') or run.name}"
    told = f"{title}\ntimeline: {scene.summary}"
    if not scene.lanes:
        note = f"{title}: nothing happened"
        return Shown(note, f'<div class="lk">{styled()}<p>{escape(note)}</p></div>')
    drawing = _drawing(scene, most, title)
    while len(drawing) > HEAVIEST and most > 1:
        most //= 2
        drawing = _drawing(scene, most, title)
    html = (
        f'<figure class="lk lk-timeline">{styled("timeline")}'
        f"<figcaption>{escape(title)}</figcaption>\n"
        f"<p>{escape(scene.spoken)}</p>\n"
        f'<div class="lk-lanes">{drawing}{_names(scene)}</div>\n'
        f"{_axis(scene)}\n{_legend(scene, most)}"
        f"<script>{asset('timeline.js')}</script></figure>"
    )
    return Shown(told, html)


@dataclass
class _Scene:
    """What is drawn: operations by lane, and where they lie in time."""

    lanes: dict[str, list[Op]]
    began: float
    ended: float
    fault: tuple[float, float] | None = None
    broken: frozenset[int] = frozenset()
    saved: dict[int, int] = field(default_factory=dict)  # newest version, by op_id

    @classmethod
    def of(cls, run: Any, lanes: Any, first: Sequence[str]) -> "_Scene":
        ops = run.history.ops()
        broken = frozenset(getattr(run.verdict, "where", None) or ())
        times = [o.t_call for o in ops] + [o.t_ret for o in ops if o.t_ret is not None]
        began, ended = (min(times), max(times)) if times else (0.0, 0.0)
        ended = max(ended, began + 1e-6)
        fault = _within(getattr(run, "fault_at", None), began, ended)
        drawn = _by_lane(ops, lanes)
        drawn = {name: drawn[name] for name in first if name in drawn} | drawn
        return cls(drawn, began, ended, fault, broken, _saved(ops))

    @property
    def marked(self) -> int:
        return sum(op.op_id in self.broken for ops in self.lanes.values() for op in ops)

    @property
    def summary(self) -> str:
        """In words, without what differs from run to run."""
        clients = len({op.client for ops in self.lanes.values() for op in ops})
        marked = f", {number(self.marked)} marked" if self.broken else ""
        return f"{counted(clients, 'clients')}{marked}"

    @property
    def spoken(self) -> str:
        """In words, for those who see no drawing."""
        count = sum(map(len, self.lanes.values()))
        told = f"{counted(count, 'operations')} in {self.at(WIDE)}"
        if self.fault:
            since, until = (self.at(self.x(t)) for t in self.fault)
            told += f"; the fault was there from {since} to {until}"
        marked = number(self.marked)
        return told + (f"; {marked} broke the promise." if self.broken else ".")

    def bundles(self, ops: list[Op], most: int) -> bool:
        """Whether this lane is too busy to draw each of its operations."""
        every = sum(map(len, self.lanes.values()))
        return every > most and len(ops) > most / len(self.lanes)

    def x(self, t: float) -> float:
        return WIDE * (t - self.began) / (self.ended - self.began)

    def at(self, x: float) -> str:
        """The time at `x`, from the first call: "120 ms" or "2.4 s"."""
        took = self.ended - self.began
        if took < 2:
            return f"{round(1000 * took * x / WIDE)} ms"
        return f"{number(round(took * x / WIDE, 2))} s"

    def state(self, op: Op) -> str:
        if op.outcome != "ok":
            return "fail" if op.outcome == "fail" else "open"
        old = op.op in READS and (op.version or 0) < self.saved.get(op.op_id, 0)
        return "old" if old and op.version is not None else "ok"


def _within(span: Any, began: float, ended: float) -> tuple[float, float] | None:
    if span is None:
        return None
    since, until = max(span[0], began), min(span[1], ended)
    return (since, until) if since < until else None


def _saved(ops: list[Op]) -> dict[int, int]:
    """By op_id of a read: the newest version of its key that a client had been told to
    be saved when the read was called."""
    writes = [
        o
        for o in ops
        if o.op == "write" and o.outcome == "ok" and o.version is not None
    ]
    writes.sort(key=lambda o: o.t_ret or 0.0)
    reads = [o for o in ops if o.op in READS]  # in order of call
    newest: dict[str | None, int] = {}
    found, n = {}, 0
    for read in reads:
        while n < len(writes) and (writes[n].t_ret or 0.0) <= read.t_call:
            key, version = writes[n].key, writes[n].version or 0
            newest[key] = max(version, newest.get(key, version))
            n += 1
        found[read.op_id] = newest.get(read.key, 0)
    return found


# --- lanes ---


def _by_lane(ops: list[Op], lanes: Any) -> dict[str, list[Op]]:
    if lanes is None and len({op.client for op in ops}) == 1:
        lanes = _apart(ops)
    if callable(lanes):
        named = [(str(lanes(op)), op) for op in ops]
    else:
        names = _lane_names([op.client for op in ops], lanes)
        named = [(names[op.client], op) for op in ops if op.client in names]
    order = (
        lanes
        if isinstance(lanes, Sequence)
        else sorted({n for n, _ in named}, key=_natural)
    )
    drawn: dict[str, list[Op]] = {name: [] for name in order}
    for name, op in named:
        drawn[name].append(op)
    return drawn


def _apart(ops: list[Op]) -> Callable[[Op], str] | None:
    """One client's lanes: by the server that answered, where there was none, by what
    was done. None where that makes a single lane."""

    def lane(op: Op) -> str:
        return f"{op.client} at {op.node}" if op.node else f"{op.client}, {op.op}"

    return lane if 1 < len({lane(op) for op in ops}) <= LANES else None


def _lane_names(clients: list[str], lanes: Sequence[str] | None) -> dict[str, str]:
    """The lane of each client that is drawn."""
    every = set(clients)
    if lanes is not None:
        if idle := [name for name in lanes if name not in every]:
            raise ValueError(f"no operation of {', '.join(idle)} in this history")
        return {name: name for name in lanes}
    if len(every) <= LANES:
        return {name: name for name in every}
    groups: dict[str, list[str]] = {}
    for name in every:
        groups.setdefault(re.sub(r"[\W_]*\d+$", "", name) or "client", []).append(name)
    kept = sorted(groups, key=lambda g: (-len(groups[g]), g))
    if len(kept) > LANES:
        rest = [name for group in kept[LANES - 1 :] for name in groups.pop(group)]
        groups["other client"] = rest
    return {
        name: names[0] if len(names) == 1 else counted(len(names), _plural(group))
        for group, names in groups.items()
        for name in names
    }


def _plural(group: str) -> str:
    """ "customer of store" as "customers of store"."""
    who, of, where = group.partition(" of ")
    return f"{who}s{of}{where}"


def _natural(name: str) -> list[Any]:
    """ "client 10" after "client 9"; words before numbers never meet."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", name)]


# --- the drawing ---


def _drawing(scene: _Scene, most: int, title: str) -> str:
    height = LANE * len(scene.lanes)
    said = escape(f"{title}. {scene.spoken}", quote=True)
    drawn = "".join(
        f'<g transform="translate(0 {LANE * n})">{lane}</g>'
        for n, lane in enumerate(_lanes(scene, most))
    )
    # Jupyter's own style has every height "auto", which an attribute does not outweigh
    return (
        f'<svg viewBox="0 0 {WIDE} {height}" width="100%" style="height:{height}px" '
        f'preserveAspectRatio="none" role="img" aria-label="{said}">'
        f"{_band(scene, height)}{drawn}</svg>"
    )


def _band(scene: _Scene, height: int) -> str:
    lanes = range(0, height, LANE)
    lines = "".join(f"M0 {top + LANE - 2}h{WIDE}" for top in lanes)
    # the names of lanes stand above their bars: no line goes through them
    lines += "".join(
        f"M{WIDE * n // 4} {top + 17}V{top + BASE}" for n in (1, 2, 3) for top in lanes
    )
    base = f'<path class="lk-base" d="{lines}"/>'
    if not scene.fault:
        return base
    since, until = (_r(scene.x(t)) for t in scene.fault)
    edges = "".join(
        f"M{x} {top + 17}V{top + BASE}" for x in (since, until) for top in lanes
    )
    return (
        f'<path class="lk-band" d="M{since} 0V{height}H{until}V0z"/>'
        f'<path class="lk-edge" d="{edges}"/>{base}'
    )


def _lanes(scene: _Scene, most: int) -> Iterator[str]:
    """The marks of each lane; where all are too many, those of busy lanes as counts."""
    for name, ops in scene.lanes.items():
        bundled = scene.bundles(ops, most)
        marks = _cells(scene, ops) if bundled else _bars(scene, ops, name)
        yield "".join(marks)


def _bars(scene: _Scene, ops: list[Op], lane: str) -> Iterator[str]:
    wedges = []
    for op in ops:
        since = scene.x(op.t_call)
        until = scene.x(scene.ended if op.t_ret is None else op.t_ret)
        width = max(until - since, 1.5)
        top = TOP + 6 if op.op in LOW else TOP
        state = scene.state(op)
        shape = _bar(state, since, width, top, BASE - top)
        yield _path(state, shape, _told(op, lane))
        if op.op_id in scene.broken:
            wedges.append(since + width / 2)
    yield _wedges(wedges)


def _told(op: Op, lane: str) -> str:
    """One operation of this lane in words, for who points at its bar."""
    client = "" if lane.startswith(op.client) else op.client
    version = "" if op.version is None else f"version {op.version}"
    took = "no answer" if op.t_ret is None else f"{number(1000 * op.seconds)} ms"
    what = " ".join(filter(None, (client, op.op, op.key)))
    error = (op.error or "").partition(":")[0]
    outcome = {"ok": "", "fail": "failed", "unknown": "in doubt"}[op.outcome]
    parts = (what, version, op.node, took, outcome, error)
    return ", ".join(filter(None, parts))[:LONGEST]


def _cells(scene: _Scene, ops: list[Op]) -> Iterator[str]:
    """Counts in equal parts of the time, as columns of one scale in a lane."""
    parts = min(40, max(12, CELLS // len(scene.lanes)))
    cells: list[list[Op]] = [[] for _ in range(parts)]
    for op in ops:
        cells[min(parts - 1, int(parts * scene.x(op.t_call) / WIDE))].append(op)
    tallest = max(map(len, cells))
    width = WIDE / parts
    wedges = []
    for n, cell in enumerate(cells):
        bottom, drawn = float(BASE), []
        states = [scene.state(op) for op in cell]
        for state in (s for s in STATES if s in states):
            height = (BASE - TOP) * states.count(state) / tallest
            bottom -= height
            shape = _block(state, n * width + 1, width - 3, bottom, height)
            drawn.append(_path(state, shape))
        if broke := sum(op.op_id in scene.broken for op in cell):
            wedges.append((n + 0.5) * width)
        if drawn:
            span = [scene.at(k * width) for k in (n, n + 1)]
            told = escape(_told_cell(span, states, broke), quote=True)
            yield f'<g data-t="{told}">{"".join(drawn)}</g>'
    yield _wedges(wedges)


def _told_cell(span: list[str], states: list[str], broke: int) -> str:
    short = {"ok": "done", "old": "old", "fail": "failed", "open": "in doubt"}
    counts = [f"{states.count(s)} {short[s]}" for s in short if s in states]
    if broke:
        counts.append(f"{broke} broke the promise")
    return f"{' to '.join(span)}: {', '.join(counts)}"


def _bar(state: str, x: float, width: float, y: float, height: float) -> str:
    """The shape of one operation."""
    x0, y0, w, h = _r(x), _r(y), _r(width), _r(height)
    if state == "old":  # two stripes
        third, pitch = _r(height / 3), _r(2 * height / 3)
        return f"M{x0} {y0}h{w}v{third}h-{w}zm0 {pitch}h{w}v{third}h-{w}z"
    if state == "fail":  # a cross at the end of a line
        end = _r(x + width - 4)
        return f"M{x0} {_r(y + height / 2)}h{w}M{end} {y0}l8 {h}m0-{h}l-8 {h}"
    return f"M{x0} {y0}h{w}v{h}h-{w}z"


def _block(state: str, x: float, width: float, y: float, height: float) -> str:
    """The shape of a part of a column: its stripes stand, and its cross is boxed."""
    x0, y0, w, h = _r(x), _r(y), _r(width), _r(height)
    if state == "old":
        third, pitch = _r(width / 3), _r(2 * width / 3)
        return f"M{x0} {y0}v{h}h{third}v-{h}zm{pitch} 0v{h}h{third}v-{h}z"
    if state == "fail":
        return f"M{x0} {y0}h{w}v{h}h-{w}zl{w} {h}m0-{h}l-{w} {h}"
    return _bar(state, x, width, y, height)


def _path(state: str, shape: str, told: str = "") -> str:
    """A mark, with words for who points at it."""
    words = f' data-t="{escape(told, quote=True)}"' if told else ""
    return f'<path class="lk-{state}" d="{shape}"{words}/>'


def _wedges(places: list[float]) -> str:
    path = "".join(f"M{_r(x - 5)} 15h10l-5 7z" for x in places)
    return f'<path class="lk-bad" d="{path}"/>' if path else ""


def _r(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


# --- the words around it ---


def _names(scene: _Scene) -> str:
    rows = []
    for name, ops in scene.lanes.items():
        marked = sum(op.op_id in scene.broken for op in ops)
        told = counted(len(ops), "operations")
        told += f", {number(marked)} broke the promise" if marked else ""
        rows.append(f"<li><b>{escape(name)}</b>: {told}</li>")
    return f'<ul class="lk-names">{"".join(rows)}</ul>'


def _axis(scene: _Scene) -> str:
    ticks = [scene.at(n * WIDE / 4) for n in range(5)]
    spans = " ".join(f"<span>{tick}</span>" for tick in ticks)
    return f'<p class="lk-axis" aria-hidden="true">{spans}</p>'


def _legend(scene: _Scene, most: int) -> str:
    every = [op for ops in scene.lanes.values() for op in ops]
    seen = {scene.state(op) for op in every} | ({"bad"} if scene.marked else set())
    parts = [_key(state, words) for state, words in STATES.items() if state in seen]
    parts += [_key("band", "the fault")] * bool(scene.fault)
    bundled = [scene.bundles(ops, most) for ops in scene.lanes.values()]
    if any(bundled):
        parts.append("columns of equal width count operations")
    if not all(bundled) and len({op.op in LOW for op in every}) > 1:
        parts.append("low bars read, tall bars change something")
    return f'<p class="lk-key">{"; ".join(parts)}.</p>'


def _key(state: str, words: str) -> str:
    if state == "band":
        mark = '<path class="lk-band" d="M1 0V18H17V0z"/>'
        mark += '<path class="lk-edge" d="M1 0V18M17 0V18"/>'
    elif state == "bad":
        mark = '<path class="lk-bad" d="M4 5h10l-5 8z"/>'
    else:
        width = 11 if state == "fail" else 13
        mark = _path(state, _bar(state, 2, width, 4, 11))
    size = 'viewBox="0 0 18 18" width="18" height="18"'
    first, _, rest = words.partition(" ")
    picture = f'<svg {size} aria-hidden="true">{mark}</svg>'
    return f"<span>{picture} {first}</span> {rest}".rstrip()
