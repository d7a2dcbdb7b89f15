"""Whether a function can see more than its arguments: a check must not.

A verdict is a function of the history and nothing else. A check that reads a list which
the lab fills, or asks a server, could agree with whatever happens; so a proof refuses
one before it runs.
"""

from __future__ import annotations

import contextlib
import datetime
import dis
import enum
import functools
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

CONSTANTS = (
    *(bool, int, float, complex, str, bytes, type(None), type(Ellipsis), range),
    *(Decimal, Fraction, datetime.date, datetime.time, datetime.timedelta),
    *(enum.Enum, re.Pattern, type, ModuleType, BuiltinFunctionType),
)


def refuse_impure(function: Callable[..., Any], what: str) -> None:
    """Raise TypeError when `function` reaches anything that a run could change.

    what: how to call it in the sentence, "the check of 'one rebuild'". Constants,
    functions, classes and modules are fine, and so are tuples of them and partials.
    """
    for path, value in reached(function):
        if not harmless(value):
            raise TypeError(
                f"{what} reads {path}, a {type(value).__name__}: a verdict depends on "
                "the history alone. Record what it needs as an operation of the run"
            )


def reached(function: Any) -> Iterator[tuple[str, Any]]:
    """Everything that a function can see by name, with the name; a
    lab's functions are looked through, however deep."""
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = [("", function)]
    while todo:
        name, value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, functools.partial):
            parts = [value.func, *value.args, *value.keywords.values()]
            todo += [(f"{name or 'an argument'}", part) for part in parts]
        elif isinstance(value, tuple | frozenset):
            todo += [(name, part) for part in value]
        elif isinstance(value, FunctionType):
            todo += seen_by(value)
        elif hasattr(value, "__func__"):  # a method: its object counts
            todo += [(name or "its object", value.__self__), (name, value.__func__)]
        else:
            yield name or "an object", value


def seen_by(function: FunctionType) -> list[tuple[str, Any]]:
    """The globals, enclosing names and defaults of a function, by name.

    labkit's own functions keep nothing of a run: of theirs, only the functions that a
    lab has handed them are looked at.
    """
    # by where its code stands: a wrapper of labkit's bears the name of what it wraps
    own = str(function.__globals__.get("__name__", "")).startswith("labkit.")
    found: list[tuple[str, Any]] = []
    for name in () if own else sorted(set(global_names(function.__code__))):
        if name in function.__globals__:
            found.append((f"`{name}`", function.__globals__[name]))
    enclosed = zip(
        function.__code__.co_freevars, function.__closure__ or (), strict=True
    )
    for name, cell in enclosed:
        with contextlib.suppress(ValueError):  # not bound yet
            found.append((f"`{name}`", cell.cell_contents))
    defaults = (function.__defaults__ or ()) + tuple(
        (function.__kwdefaults__ or {}).values()
    )
    found += [("a default", value) for value in defaults]
    if own:
        lent = FunctionType, functools.partial
        return [(name, value) for name, value in found if isinstance(value, lent)]
    return found


def global_names(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from global_names(constant)


def harmless(value: Any) -> bool:
    if isinstance(value, CONSTANTS):
        return True
    made_as = getattr(type(value), "__dataclass_params__", None)
    return made_as is not None and made_as.frozen
