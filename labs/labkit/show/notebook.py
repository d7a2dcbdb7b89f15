"""Tell IPython how to show what the labs return: a text, and a card in HTML.

The kinds are registered by name, so that nothing here imports the modules above it.
"""

from typing import Any

from . import cards

KINDS = (
    ("labkit.checks", "Verdict", cards.verdict),
    ("labkit.proof", "Run", cards.run),
    ("labkit.exercises", "Grade", cards.grade),
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
