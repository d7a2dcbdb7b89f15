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
    """Recorded rows behind a knob: one stop a row, in the order given.

    rows      one mapping a recorded setting, holding `knob` and each of `measures`
    knob      the key that the reader chooses by: a slider for numbers, else buttons
    measures  the keys shown as columns and numbers; measures of one unit share a scale
    units     unit by key, as "ms"; a key that is absent has no unit
    caption   the heading
    alt       one sentence that says what turning the knob shows

    Raises ValueError without rows or measures, and for a measure that is no number.
    The first row is drawn, the others as they are visited, and the sentence follows
    when all are. Everything that the panel needs is inside it, and it carries no ids,
    so that several can stand on one page. Without its script there is the heading, and
    a folded block with the sentence and all values in a table; on paper it is open.
    """
    _reject(rows, knob, measures)
    units = dict(units or {})
    keys = (knob, *measures)
    named = [{_heading(k, units): row[k] for k in keys} for row in rows]
    title = caption or f"{', '.join(measures)} by {knob}"
    about = f'<p class="lk-about">{escape(alt)}</p>' if alt else ""
    panel = {
        "names": keys,
        "stops": [[_with_unit(row[k], units.get(k)) for k in keys] for row in rows],
        "shares": [_shares(rows, measure, measures, units) for measure in measures],
        "slides": all(is_number(row[knob]) for row in rows),
    }
    html = (
        f'<figure class="lk lk-explore">{styled("table", "explore")}'
        f"<figcaption>{escape(title)}</figcaption>\n"
        f"<details><summary>All {len(rows)} recorded settings</summary>"
        f"{about}{grid(named)}</details>"
        f'<script type="application/json">{as_json(panel)}</script>'
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


def _shares(
    rows: Rows, measure: str, measures: Sequence[str], units: Mapping[str, str]
) -> list[float]:
    """The height of each row's column, in per cent of the tallest of its unit."""
    unit = units.get(measure)
    alike = [m for m in measures if units.get(m) == unit]
    top = max(row[m] for row in rows for m in alike)
    return [
        round(max(0.0, 100 * row[measure] / top if top > 0 else 0), 1) for row in rows
    ]
