"""The guess box: a question, and an answer that stays folded until a guess is made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .notebook import html_of
from .shown import Shown, as_json, asset, once, styled


@dataclass(frozen=True)
class Guess(Shown):
    """A guess box: `question`, and `answer`, the things that it uncovers."""

    question: str = ""
    answer: tuple[Any, ...] = field(default=(), compare=False)


def guess(
    question: str,
    *answer: Any,
    unit: str = "",
    of: float | None = None,
    choices: Sequence[Any] = (),
) -> Guess:
    """Ask the reader for a number, and show the answer when it is given.

    question  what to guess: "How many looks show an old version?"
    answer    what the guess uncovers: runs, verdicts, tables, timelines, sentences
    unit      what is counted, in the plural: "looks"
    of        the most that the number can be: "of 100" stands behind it
    choices   to pick one of, where the answer is no number

    Raises ValueError without an answer. On the page and in a trusted notebook a few
    lines of script ask, and keep the reader's number beside the answer; on the page
    they also hide what follows, up to the next heading of level 2. Where no script
    runs, the answer is a folded block. In a terminal it stands below the question.
    """
    if not answer:
        raise ValueError("a guess needs an answer to uncover")
    text = "\n".join([question, *(str(thing) for thing in answer)])
    asked = {"q": question, "unit": unit, "of": of, "choices": list(map(str, choices))}
    shown = once("\n".join(_html(thing) for thing in answer))
    html = (
        f'<div class="lk lk-guess">{styled("guess")}'
        f'<p class="lk-question"><b>Guess first.</b> {escape(question)}</p>'
        '<p class="lk-said" role="status"></p>'
        f"<details><summary>The answer</summary>\n{shown}</details>"
        f'<script type="application/json">{as_json(asked)}</script>'
        f"<script>{asset('guess.js')}</script></div>"
    )
    return Guess(text, html, question, answer)


def _html(thing: Any) -> str:
    if isinstance(thing, str):
        return f"<p>{escape(thing)}</p>"
    return html_of(thing) or f"<pre>{escape(str(thing))}</pre>"
