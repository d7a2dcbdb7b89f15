"""Things inside things, such as the spans of a trace: a nested list, with bars of time
where times are wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .shown import Shown, number, styled

BAR = 24  # characters of a bar in a terminal


@dataclass(frozen=True)
class Branch:
    """One line of a tree.

    depth: 0 for a root, one more than the line that it belongs to. note: what came of
    it, set apart. began and took: milliseconds, None for a tree without times; took
    alone is None for what has not ended.
    """

    depth: int
    text: str
    note: str = ""
    began: float | None = None
    took: float | None = None


def tree(lines: Sequence[Branch], caption: str = "") -> Shown:
    """Lines in the order of reading. No lines give "nothing to show"."""
    lines = list(lines)
    head = f"<p><b>{escape(caption)}</b></p>" if caption else ""
    if not lines:
        text, body = "nothing to show", "<p>nothing to show</p>"
    else:
        text, body = "\n".join(_as_text(lines)), _nested(lines)
    html = f'<div class="lk">{styled("tree")}{head}{body}</div>'
    return Shown(f"{caption}\n{text}" if caption else text, html)


def _as_text(lines: list[Branch]) -> list[str]:
    told = [_indent(lines, n) + _told(line) for n, line in enumerate(lines)]
    if all(line.began is None for line in lines):
        return told
    width = max(map(len, told))
    return [
        f"{one:{width}}  {_bar(line, lines)}  {_took(line)}".rstrip()
        for one, line in zip(told, lines, strict=True)
    ]


def _told(line: Branch) -> str:
    return f"{line.text}: {line.note}" if line.note else line.text


def _indent(lines: list[Branch], n: int) -> str:
    """The strokes that lead from a line to what it belongs to."""
    strokes = ""
    for depth in range(1, lines[n].depth + 1):
        more = _goes_on(lines, n, depth)
        last = depth == lines[n].depth
        strokes += ("├─ " if more else "└─ ") if last else ("│  " if more else "   ")
    return strokes


def _goes_on(lines: list[Branch], n: int, depth: int) -> bool:
    """Whether another line of this depth follows under the same one above."""
    for line in lines[n + 1 :]:
        if line.depth <= depth:
            return line.depth == depth
    return False


def _place(line: Branch, lines: list[Branch]) -> tuple[float, float]:
    """Where a line's bar begins and how long it is, as shares of the whole tree."""
    began = [one.began or 0.0 for one in lines]
    ends = [b + (one.took or 0.0) for b, one in zip(began, lines, strict=True)]
    first, whole = min(began), max(ends) - min(began)
    start = ((line.began or 0.0) - first) / whole if whole else 0.0
    length = 1 - start if line.took is None else line.took / whole if whole else 1.0
    return start, length


def _bar(line: Branch, lines: list[Branch]) -> str:
    start, length = _place(line, lines)
    skip = min(round(start * BAR), BAR - 1)
    drawn = min(max(1, round(length * BAR)), BAR - skip)
    return (" " * skip + "█" * drawn).ljust(BAR)


def _took(line: Branch) -> str:
    return "no answer" if line.took is None else f"{number(line.took)} ms"


def _nested(lines: list[Branch]) -> str:
    html, depth = "", -1
    for line in lines:
        if line.depth > depth:
            html += '<ul class="lk-tree">'
        else:
            html += "</li>" + "</ul></li>" * (depth - line.depth)
        html += f"<li>{_line(line, lines)}"
        depth = line.depth
    return html + "</li></ul>" * (depth + 1)


def _line(line: Branch, lines: list[Branch]) -> str:
    note = f": <b>{escape(line.note)}</b>" if line.note else ""
    what = f"<span>{escape(line.text)}{note}</span>"
    if line.began is None:
        return what
    start, length = _place(line, lines)
    where = f"margin-left:{start:.1%};width:{length:.1%}"
    bar = f'<span class="lk-span" aria-hidden="true"><i style="{where}"></i></span>'
    return f'<div class="lk-timed">{what}{bar}<span>{_took(line)}</span></div>'
