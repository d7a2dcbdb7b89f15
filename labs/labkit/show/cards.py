"""Cards: the HTML of a verdict, of a run and of a grade.

Each says its state by a word, a symbol and the shape of its edge; colour only repeats
it. Nothing that changes from run to run (times, bytes, costs) is on a card, because
stored outputs are compared with those of the next run.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from ..checks import MOST_EXAMPLES, counted
from .shown import Shown, number, styled

SYMBOLS = {"holds": "✓", "violated": "✗", "unknown": "?"}
USEFUL = {"holds": "useful", "violated": "not useful", "unknown": "useful or not"}


def verdict(verdict: Any) -> Shown:
    """A card of one verdict: its state, counts, three examples and the definition."""
    return _card(str(verdict), verdict.state, _verdict(verdict))


def run(run: Any) -> Shown:
    """A card of one run of a proof: which switches were on, its verdict, whether what
    must still work did, and what a half measure shows.

    The fault's meter is told as seen or not seen: its number differs every time.
    """
    answer = getattr(run, "answer", "")
    body = _switches(run) + _verdict(run.verdict, answer)
    useful = getattr(run, "useful", None)
    if useful is not None:
        body += _verdict(useful, answer, USEFUL)
    if answer:
        asked, mark, told = answer.partition("?")
        body += f'<p class="lk-half"><b>{escape(asked + mark)}</b>{escape(told)}</p>'
    return _card(str(run), _state(run.verdict, useful), body)


def _state(verdict: Any, useful: Any) -> str:
    """The worse of the two: what keeps the promise and is of no use is red, too."""
    holds = verdict.state == "holds" and useful is not None
    return useful.state if holds else verdict.state


def grade(grade: Any) -> Shown:
    """A card of a graded answer: right or not yet, and why."""
    state = "holds" if grade.correct else "unknown"
    word = f"{'✓' if grade.correct else '→'} {grade.word}:"
    told = "<br>".join(escape(line) for line in str(grade.text).splitlines())
    body = f'<p><b class="lk-word">{word}</b> {told}</p>'
    if not grade.folded:
        return _card(str(grade), state, body)
    summary = "<summary>The grade of this solution</summary>"
    body = f'<details class="lk-solved">{summary}{body}</details>'
    return _card(str(grade), state, body, "card", "solved")


def _card(plain: str, state: str, body: str, *sheets: str) -> Shown:
    style = styled(*(sheets or ("card",)))
    return Shown(
        plain, f'<div class="lk lk-card lk-{escape(state)}">{style}{body}</div>'
    )


def _verdict(
    verdict: Any, told: str = "", words: Mapping[str, str] | None = None
) -> str:
    """The lines of one verdict, without the examples that the sentence `told` has."""
    state = verdict.state
    word = f"{SYMBOLS[state]} {(words or {}).get(state, state)}"
    head = (
        f'<p class="lk-{escape(state)}"><b class="lk-word">{word}</b>: '
        f"<b>{escape(verdict.check)}</b>, "
        f'<span class="lk-counts">{escape(_counts(verdict))}</span></p>\n'
    )
    examples = [e for e in verdict.examples[:MOST_EXAMPLES] if str(e) not in told]
    seen = "".join(f"<li>{escape(str(e))}</li>" for e in examples)
    listed = f'<ul class="lk-seen">{seen}</ul>' if seen else ""
    # the example of a bound says it all: how much there is, and how much is needed
    bound = set(verdict.counts or ()) == {"counted"}
    told_all = words is USEFUL and bound and verdict.examples
    return head + listed + ("" if told_all else _small(verdict))


def _counts(verdict: Any) -> str:
    if verdict.unknown:
        return verdict.reason or "nothing was checked"
    _, _, unit = counted(verdict.checked, verdict.unit).partition(" ")
    checked = f"{number(verdict.checked)} {unit}"
    if verdict.violated:
        return f"{number(verdict.violations)} of {checked}"
    return f"{checked} checked"


def _small(verdict: Any) -> str:
    counts = (verdict.counts or {}).items()
    further = ", ".join(f"{number(v)} {k.replace('_', ' ')}" for k, v in counts)
    parts = [escape(part) for part in (verdict.definition, further) if part]
    return f'<p class="lk-small">{"<br>".join(parts)}</p>' if parts else ""


def _switches(run: Any) -> str:
    """The name of a run, "fault on, seen by its meter; guardrail off."."""
    title = getattr(run, "title", "") or run.name
    fault, _, guardrail = run.switches.partition(", ")
    seen = ", seen by its meter" if run.fault_on and run.meter else ""
    return (
        f'<p class="lk-run"><b>{escape(title)}:</b> '
        f'<span class="lk-switch">{_switch(fault)}{seen};</span> '
        f'<span class="lk-switch">{_switch(guardrail)}.</span></p>\n'
    )


def _switch(words: str) -> str:
    """ "fault on", its setting made bold."""
    what, _, setting = words.partition(" ")
    return f"{escape(what)} <b>{escape(setting)}</b>"
