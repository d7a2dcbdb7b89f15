"""Entering into a history what is not a client's plain answer.

A check sees the history and nothing else, so whatever it judges has to be in there:
what a server's counters show (`figure`), what is left at the end (`read_back`), and
operations that were refused (`refusable`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any, Protocol

from ..history import History, Op
from ..servers.http import Refused

DRIVERS = frozenset(
    {"elasticsearch", "kafka", "opensearchpy", "psycopg", "psycopg_pool", "redis"}
)


class Recorder(Protocol):
    """What records operations: a `Run` or a `History`."""

    def call(self, *args: Any, **kwargs: Any) -> AbstractContextManager[Op]: ...


@contextmanager
def refusable(run: Recorder, *call: Any, **more: Any) -> Iterator[Op]:
    """Record one operation, `run.call(*call, **more)`, that may go without an answer.

    An error of a server, its driver or the network ends the block and is not raised:
    the history has it, as failed or as unknown. Errors of the lab's code are raised.
    """
    try:
        with run.call(*call, **more) as op:
            yield op
    except Exception as error:
        if not of_a_server(error):
            raise


def of_a_server(error: BaseException) -> bool:
    """Whether an error comes from a server, its driver or the network."""
    # By name: a lab without Redis or Kafka need not import their clients.
    families = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError | Refused) or bool(families & DRIVERS)


def figure(run: Recorder, node: str, name: str, value: Any, **extra: Any) -> Any:
    """Enter a server's own figure as an operation "figure" on the key `name`.

    value: the figure, or a callable that asks for it, which then is timed as well.
    Returns the figure; a Decimal becomes an int or a float, so that it can be saved.
    """
    with run.call("monitor", "figure", name, node=node, inner=True, **extra) as op:
        op.value = plain(value() if callable(value) else value)
    return op.value


def figures(history: History, name: str) -> list[Any]:
    """The values of all figures of one name, in order of time."""
    return [op.value for op in history.ops("figure", key=name, outcome="ok")]


def read_back(run: Recorder, key: str, values: Any, node: str | None = None) -> Op:
    """Enter what is left at the end: an operation "read back" whose value is a list.

    values: what was found, or a callable that looks. The operation is an inner one,
    since what is left is no part of what the clients set out to do.
    """
    with run.call("auditor", "read back", key, node=node, inner=True) as op:
        found: Iterable[Any] = values() if callable(values) else values
        op.value = [plain(value) for value in found]
    return op


def plain(value: Any) -> Any:
    """The value as JSON knows it: PostgreSQL's numeric arrives as a Decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
