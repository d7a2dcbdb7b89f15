"""Tell IPython how to show what the labs return: a text, and a card in HTML.

The kinds are registered by name, so that nothing here imports the modules above it.
"""

import functools
from types import SimpleNamespace
from typing import Any

from . import cards

KINDS = (
    ("labkit.checks.verdict", "Verdict", cards.verdict),
    ("labkit.proof", "Run", cards.run),
    ("labkit.exercises.grade", "Grade", cards.grade),
)


def install(shell: Any = None) -> bool:
    """Register the cards with IPython; True when there was a shell to register with."""
    shell = shell or current_shell()
    if shell is None:
        return False
    formatters = shell.display_formatter.formatters
    for module, name, card in KINDS:
        formatters["text/plain"].for_type_by_name(module, name, _plain)
        formatters["text/html"].for_type_by_name(module, name, _html(card))
    return True


def html_of(thing: Any) -> str | None:
    """The HTML that a cell would show of it; None for what has a text alone."""
    return _own_shell().display_formatter.format(thing)[0].get("text/html")


@functools.cache
def _own_shell() -> Any:
    """As much of a shell as it takes to show a thing, in a notebook or outside."""
    from IPython.core.formatters import DisplayFormatter

    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    install(shell)
    return shell


def _plain(thing: Any, printer: Any, cycle: bool) -> None:
    printer.text(str(thing))


def _html(card: Any) -> Any:
    return lambda thing: card(thing).html


def current_shell() -> Any:
    """The running IPython shell, None outside a notebook."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()
