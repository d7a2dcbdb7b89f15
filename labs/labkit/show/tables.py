"""Rows as a table: aligned text, and HTML that scrolls on a narrow screen."""

import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .shown import Shown, is_number, number, styled, text

WIDEST = 88  # columns of a terminal that a table may take


def table(rows: Sequence[Mapping[str, Any]], caption: str = "") -> Shown:
    """Rows of equal keys as a table; the first row's keys are the columns.

    A key that a later row lacks is shown as "–". No rows give "nothing to show".
    """
    rows = list(rows)
    if not rows:
        note = f"{caption}: nothing to show" if caption else "nothing to show"
        return Shown(note, f'<div class="lk">{styled()}<p>{escape(note)}</p></div>')
    inner = grid(rows, caption)
    html = f'<div class="lk">{styled("table")}{inner}</div>'
    return Shown(_as_text(rows, caption), html)


def grid(rows: Sequence[Mapping[str, Any]], caption: str = "") -> str:
    """The bare HTML table of `rows`, without a style sheet.

    It takes the keyboard's focus, so that it can be scrolled without a mouse. An empty
    cell is no head of anything.
    """
    columns = list(rows[0])
    numeric = {c for c in columns if all(_countable(row.get(c)) for row in rows)}
    head = "".join(_cell("th", c, c in numeric, ' scope="col"') for c in columns)
    body = "\n".join(_row(row, columns, numeric) for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    label = escape(caption or "table of " + ", ".join(columns), quote=True)
    return (
        f'<div class="lk-scroll" tabindex="0" role="group" aria-label="{label}">'
        f'<table class="lk-table">{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _countable(value: Any) -> bool:
    return value is None or is_number(value)


def _row(row: Mapping[str, Any], columns: list[str], numeric: set[str]) -> str:
    first, *rest = columns
    cells = _cell("th", row.get(first), first in numeric, ' scope="row"')
    cells += "".join(_cell("td", row.get(c), c in numeric) for c in rest)
    return f"<tr>{cells}</tr>"


def _cell(tag: str, value: Any, right: bool, more: str = "") -> str:
    if value == "":
        tag, more = "td", ""
    # Jupyter sets all cells to the right, and keeps this where it strips style sheets
    align = ' class="lk-n"' if right else ' style="text-align:left"'
    return f"<{tag}{more}{align}>{text(value)}</{tag}>"


def _as_text(rows: Sequence[Mapping[str, Any]], caption: str) -> str:
    columns = list(rows[0])
    lines = [columns] + [[number(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    right = [all(_countable(row.get(c)) for row in rows) for c in columns]
    laid = [
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]
    laid.insert(1, "  ".join("-" * width for width in widths))
    if max(map(len, laid)) > WIDEST:
        laid = _as_records(columns, lines[1:])
    return "\n".join([caption, *laid] if caption else laid)


def _as_records(columns: list[str], lines: list[list[str]]) -> list[str]:
    """A row too wide for a terminal as one line a column, long values wrapped."""
    indent = max(map(len, columns)) + 2
    laid = []
    for line in lines:
        for column, cell in zip(columns, line, strict=True):
            rest = textwrap.wrap(cell, WIDEST - indent) or [""]
            laid.append(f"{column:{indent}}{rest[0]}")
            laid += [" " * indent + more for more in rest[1:]]
        laid.append("")
    return laid[:-1]
