"""What is looked at: the board of a run, and the trace of one operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from statistics import quantiles
from typing import Any, Protocol

from .. import show
from ..history import History, Op
from .traces import Placed, placed

PERCENTILES = (50, 95, 99)


class HasHistory(Protocol):
    """What a board needs of a run."""

    name: str
    history: History


def dashboard(
    run: HasHistory | History, *, timing: bool = False, caption: str = ""
) -> show.Shown:
    """One row an operation and node: how many, how many errors, how many in doubt.

    With `timing` also milliseconds from call to return: half, 95 and 99 of 100 took no
    longer. Those differ from run to run; the rest does so only if the history does.
    """
    history = run if isinstance(run, History) else run.history
    groups: dict[tuple[str, str], list[Op]] = defaultdict(list)
    for op in history:
        groups[op.op, op.node or ""].append(op)
    rows = [_row(*names, groups[names], timing) for names in sorted(groups)]
    name = history.run if isinstance(run, History) else run.name
    return show.table(rows, caption or f"the board of the run: {name}")


def _row(op: str, node: str, ops: list[Op], timing: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"operation": op, "node": node or None, "count": len(ops)}
    row["errors"] = sum(one.outcome == "fail" for one in ops)
    row["in doubt"] = sum(one.outcome == "unknown" for one in ops)
    if timing:
        took = [o.seconds * 1000 for o in ops if o.t_ret is not None]
        row |= {f"p{n} ms": _percentile(took, n) for n in PERCENTILES}
    return row


def _percentile(values: list[float], n: int) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[n - 1]


def trace(history: History, op: Op | int, *, timing: bool = False) -> show.Shown:
    """The trace of one operation, given itself or its id, as a tree of its spans.

    An inner operation is shown with the whole trace that it belongs to. Without
    `timing` there are no times and no id in it, so it can be compared from run to run;
    with it, the trace has its id, and each span a bar and its milliseconds.
    Raises ValueError when the history has no such operation.
    """
    wanted = op if isinstance(op, int) else op.op_id
    everything = placed(history)
    root = next((p.root for p in everything if p.op.op_id == wanted), None)
    if root is None:
        raise ValueError(f"there is no operation {wanted} in the history")
    family = [place for place in everything if place.root is root]
    origin = root.t_call if timing else None
    branches = list(_branches(family, root, 0, origin))
    return show.tree(branches, f"trace {root.op_id:x}" if timing else "one trace")


def _branches(
    family: list[Placed], op: Op, depth: int, origin: float | None
) -> Iterator[show.Branch]:
    """A span and below it what it caused, in order of call; origin: of the times."""
    began = took = None
    if origin is not None:
        began = (op.t_call - origin) * 1000
        took = None if op.t_ret is None else op.seconds * 1000
    yield show.Branch(depth, _what(op), op.error or op.outcome, began, took)
    for place in family:
        if place.parent is op:
            yield from _branches(family, place.op, depth + 1, origin)


def _what(op: Op) -> str:
    """ "customer1 read page:7 at redis, version 3" """
    words = [op.client, op.op, op.key, f"at {op.node}" if op.node else None]
    version = "" if op.version is None else f", version {op.version}"
    return " ".join(filter(None, words)) + version
