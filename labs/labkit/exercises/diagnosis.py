"""Reports of incidents: shown as an operator saw them, and the cause graded."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

from ..show.shown import Shown, styled
from .grade import Exercise, exercise
from .graders import choice

VIEW = "overflow-x: auto; margin: .2em 0 .8em"


def diagnosis(name: str) -> Exercise:
    """The exercise to name the cause of the report `name`."""
    case = _case(name)
    return exercise(choice(case.right, case.ruled_out, case.why), case.hint)


def report(name: str) -> Shown:
    """The report `name`, one of those in labkit/answers/diagnoses.py: what was told,
    what the views showed, and the causes to choose from.

    Raises LookupError for a name that there is not.
    """
    case = _case(name)
    choices = ", ".join(f'"{cause}"' for cause in case.causes)
    asked = f"{case.question} One of: {choices}."
    views = {title: text.strip("\n") for title, text in case.views.items()}
    shown = [f"{title}\n{textwrap.indent(text, '  ')}" for title, text in views.items()]
    plain = "\n\n".join(
        [textwrap.fill(case.story, 75), *shown, textwrap.fill(asked, 75)]
    )
    blocks = "".join(
        f"<p><b>{escape(title)}</b></p>"
        f'<pre tabindex="0" style="{VIEW}">{escape(text)}</pre>'
        for title, text in views.items()
    )
    body = f"<p>{escape(case.story)}</p>{blocks}<p><b>{escape(asked)}</b></p>"
    return Shown(plain, f'<div class="lk lk-card">{styled("card")}{body}</div>')


def _case(name: str) -> Any:
    from ..answers.diagnoses import CASES  # spoilers: loaded when they are wanted

    if name not in CASES:
        known = ", ".join(map(repr, CASES))
        raise LookupError(f"no report is named {name!r}; there are: {known}")
    return CASES[name]
