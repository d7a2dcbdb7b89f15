"""Cards: the HTML of a verdict, of a run and of a grade.

Each says its state by a word, a symbol and the shape of its edge; colour only repeats
it. Nothing that changes from run to run (times, bytes, costs) is on a card, because
stored outputs are compared with those of the next run.
"""

from html import escape
from typing import Any

from ..checks import MOST_EXAMPLES
from .shown import Shown, number, styled

SYMBOLS = {"holds": "✓", "violated": "✗", "unknown": "?"}


def verdict(verdict: Any) -> Shown:
    """A card of one verdict: its state, counts, three examples and the definition."""
    return _card(str(verdict), verdict.state, _verdict(verdict))


def run(run: Any) -> Shown:
    """A card of one of the four runs: which switches were on, and its verdict.

    The fault's meter is told as seen or not seen: its number differs every time.
    """
    body = _switches(run) + _verdict(run.verdict)
    return _card(str(run), run.verdict.state, body)


def grade(grade: Any) -> Shown:
    """A card of a graded answer: right or not yet, and why."""
    state = "holds" if grade.correct else "unknown"
    word = f"{'✓' if grade.correct else '→'} {grade.word}:"
    text = "<br>".join(escape(line) for line in str(grade.text).splitlines())
    body = f'<p><b class="lk-word">{word}</b>{text}</p>'
    return _card(str(grade), state, body)


def _card(plain: str, state: str, body: str) -> Shown:
    html = f'<div class="lk lk-card lk-{escape(state)}">{styled("card")}{body}</div>'
    return Shown(plain, html)


def _verdict(verdict: Any) -> str:
    word = f"{SYMBOLS[verdict.state]} {verdict.state}"
    head = (
        f'<p><b class="lk-word">{word}</b><b>{escape(verdict.check)}</b>: '
        f'<span class="lk-counts">{escape(_counts(verdict))}</span></p>'
    )
    examples = verdict.examples[:MOST_EXAMPLES]
    seen = "".join(f"<li>{escape(str(e))}</li>" for e in examples)
    listed = f'<ul class="lk-seen">{seen}</ul>' if seen else ""
    return head + listed + _small(verdict)


def _counts(verdict: Any) -> str:
    if verdict.unknown:
        return verdict.reason or "nothing was checked"
    checked = f"{number(verdict.checked)} {verdict.unit}"
    if verdict.violated:
        return f"{number(verdict.violations)} of {checked}"
    return f"{checked} checked"


def _small(verdict: Any) -> str:
    further = ", ".join(f"{number(v)} {k}" for k, v in (verdict.counts or {}).items())
    parts = [escape(part) for part in (verdict.definition, further) if part]
    return f'<p class="lk-small">{"<br>".join(parts)}</p>' if parts else ""


def _switches(run: Any) -> str:
    seen = ", seen by its meter" if run.fault_on and run.meter else ""
    return (
        f'<p class="lk-run"><b>{escape(run.name)}</b>'
        f'<span class="lk-switch">fault <b>{_on(run.fault_on)}</b>{seen}</span>'
        f'<span class="lk-switch">guardrail <b>{_on(run.guardrail_on)}</b></span></p>'
    )


def _on(switch: bool) -> str:
    return "on" if switch else "off"
