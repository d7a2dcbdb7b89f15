"""A panel over recorded rows: a knob that a reader turns without a kernel."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .shown import Shown, as_json, asset, is_number, number, styled
from .tables import grid, table

Rows = Sequence[Mapping[str, Any]]


def explore(
    rows: Rows,
    knob: str,
    measures: Sequence[str],
    units: Mapping[str, str] | None = None,
    caption: str = "",
    alt: str = "",
) -> Shown:
    """Recorded rows behind a slider: one stop a row, in the order given.

    rows      one mapping a recorded setting, holding `knob` and each of `measures`
    knob      the key that the slider chooses by; any value that has a text
    measures  the keys shown as columns and numbers; measures of one unit share a scale
    units     unit by key, as "ms"; a key that is absent has no unit
    caption   the heading, which also names the panel to a screen reader
    alt       one sentence that says what turning the knob shows

    Raises ValueError without rows or measures, and for a measure that is no number.
    Everything that the panel needs is inside it, and it carries no ids, so that several
    can stand on one page. Without its script the slider is disabled, the first row is
    shown and all values can be read in the folded table.
    """
    _reject(rows, knob, measures)
    units = dict(units or {})
    keys = (knob, *measures)
    stops = [[_with_unit(row[k], units.get(k)) for k in keys] for row in rows]
    named = [{_heading(k, units): row[k] for k in keys} for row in rows]
    title = caption or f"{', '.join(measures)} by {knob}"
    html = (
        f'<figure class="lk lk-explore" role="group" aria-label="{escape(title)}">'
        f"{styled('table', 'explore')}<figcaption>{escape(title)}</figcaption>"
        f"{_about(alt)}{_slider(knob, stops)}"
        f"{_columns(rows, measures, units, stops[0])}"
        f"<details><summary>All {len(rows)} recorded settings</summary>"
        f"{grid(named)}</details>"
        f'<script type="application/json">{as_json(stops)}</script>'
        f"<script>{asset('explore.js')}</script></figure>"
    )
    return Shown(table(named, title).text, html)


def _reject(rows: Rows, knob: str, measures: Sequence[str]) -> None:
    if not rows or not measures:
        raise ValueError("explore needs at least one row and one measure")
    for row in rows:
        for measure in measures:
            if not is_number(row[measure]):
                raise ValueError(f"{measure} at {knob} {row[knob]} is not a number")


def _with_unit(value: Any, unit: str | None) -> str:
    return f"{number(value)} {unit}" if unit else number(value)


def _heading(key: str, units: Mapping[str, str]) -> str:
    return f"{key} ({units[key]})" if key in units else key


def _columns(
    rows: Rows, measures: Sequence[str], units: Mapping[str, str], first: list[str]
) -> str:
    drawn = []
    for measure, shown in zip(measures, first[1:], strict=True):
        unit = units.get(measure)
        alike = [m for m in measures if units.get(m) == unit]
        top = max(row[m] for row in rows for m in alike)
        drawn.append(_measure(measure, [row[measure] for row in rows], top, shown))
    return "".join(drawn)


def _about(alt: str) -> str:
    return f'<p class="lk-about">{escape(alt)}</p>' if alt else ""


def _slider(knob: str, stops: list[list[str]]) -> str:
    first = escape(stops[0][0])
    return (
        f'<label class="lk-knob"><span class="lk-name">{escape(knob)}</span>'
        f'<input type="range" min="0" max="{len(stops) - 1}" step="1" value="0" '
        f'aria-label="{escape(knob)}" aria-valuetext="{first}" autocomplete="off" '
        f'disabled><output aria-live="off">{first}</output></label>'
    )


def _measure(name: str, values: list[float], top: float, first: str) -> str:
    columns = "".join(
        f'<i style="height:{_share(value, top)}%"{_on(n)}></i>'
        for n, value in enumerate(values)
    )
    return (
        f'<div class="lk-measure"><span class="lk-name">{escape(name)}</span>'
        f'<span class="lk-bars" aria-hidden="true">{columns}</span>'
        f'<output aria-label="{escape(name)}">{escape(first)}</output></div>'
    )


def _share(value: float, top: float) -> str:
    return f"{max(0.0, 100 * value / top if top > 0 else 0):.1f}"


def _on(n: int) -> str:
    return ' class="lk-on"' if n == 0 else ""
