"""What every form that a notebook shows has in common: one text, one HTML."""

import json
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Shown:
    """A thing with a plain text for terminals and an HTML form for pages.

    Both are made once, from data alone, so that showing twice gives the same bytes.
    """

    text: str
    html: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.html}


def asset(name: str) -> str:
    """The file `name` of this folder, its indentation and line ends taken out."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return "".join(line.strip() for line in lines)


def styled(*names: str) -> str:
    """A style element with the base look and the sheets of the given names.

    It travels inside the output: a notebook opened in JupyterLab has no access to the
    style sheets of the book's site.
    """
    sheets = "".join(asset(f"{name}.css") for name in ("base", *names))
    return f"<style>{sheets}</style>"


def once(html: str) -> str:
    """`html` of several forms with each style sheet where it first stands alone."""
    seen: set[str] = set()

    def first(sheet: re.Match[str]) -> str:
        repeated = sheet[0] in seen
        seen.add(sheet[0])
        return "" if repeated else sheet[0]

    return re.sub(r"<style>[^<]*</style>", first, html)


def as_json(data: Any) -> str:
    """JSON for a script element: "<" is escaped, so that no value can end it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c")


def number(value: Any) -> str:
    """A value as a reader wants it: 12,345 and 0.0213, "yes" for True, "–" for None."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return _real(value)
    return str(value)


def _real(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return number(int(value))
    if abs(value) >= 1000:
        return number(round(value))
    digits = f"{value:.3g}"
    return f"{value:.6f}".rstrip("0").rstrip(".") if "e" in digits else digits


def is_number(value: Any) -> bool:
    """Whether `value` can be drawn as a length: a number that is not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def text(value: Any) -> str:
    """`value` formatted by `number` and made safe inside HTML."""
    return escape(number(value), quote=True)
