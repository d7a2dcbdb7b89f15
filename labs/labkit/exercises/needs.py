"""The cell magic of class copies: a cell that waits for what a student is to write."""

from __future__ import annotations

from typing import Any

from ..show.notebook import current_shell

WAITS = "This cell runs once you have given {names} a value of your own, above."


def install(shell: Any = None) -> None:
    """Register %%needs, where there is a shell to register it with.

    `%%needs furthest` runs the rest of its cell only when `furthest` exists and is not
    None; else it says what it waits for.
    """
    shell = shell or current_shell()
    if shell is None:
        return

    def needs(line: str, cell: str) -> None:
        given = shell.user_ns
        lacking = [name for name in line.split() if given.get(name) in (None, ...)]
        if lacking:
            print(WAITS.format(names=", ".join(lacking)))
        else:
            shell.run_cell(cell).raise_error()

    shell.register_magic_function(needs, magic_kind="cell")
