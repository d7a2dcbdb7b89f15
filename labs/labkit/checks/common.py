"""What the checks share: which operations count, their order, and their words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from math import inf
from typing import Any

from ..history import History, Op


def reads(history: History) -> list[Op]:
    ops = history.ops("read", outcome="ok") + history.ops("get", outcome="ok")
    # a value alone is kept, so that `version_of` tells that its version is missing
    return [
        op for op in ops if op.op == "read" or (op.version, op.value) != (None, None)
    ]


def writes(history: History) -> list[Op]:
    return [o for o in history.ops("write", outcome="ok") if o.version is not None]


def in_time(ops: Iterable[Op]) -> Iterator[tuple[Op, bool]]:
    """Calls (False) and returns (True) in order of time.

    At one instant, returns come before calls, save that an operation of no length does
    not return before its own call.
    """
    moments = []
    for op in ops:
        end = returned_at(op)
        moments.append((op.t_call, 1, op.op_id, op))
        moments.append((end, 0 if end > op.t_call else 2, op.op_id, op))
    for _, rank, _, op in sorted(moments, key=lambda moment: moment[:3]):
        yield op, rank != 1


def version_of(op: Op) -> float:
    """The version written or seen; below every version when a read found nothing."""
    if op.version is None and op.value is not None:
        raise ValueError(f"operation {op.op_id} has a value but carries no version")
    return -inf if op.version is None else op.version


def returned_at(op: Op) -> float:
    if op.t_ret is None:
        raise ValueError(f"operation {op.op_id} is {op.outcome} but never returned")
    return op.t_ret


def same(value: Any) -> str:
    """A value's JSON: hashable, and the same for a saved and a loaded history."""
    return json.dumps(value, sort_keys=True, default=str)


def identity(op: Op) -> str:
    return same(op.extra.get("id", [op.key, op.value]))


def message_of(op: Op) -> str:
    kind, name = "message", op.extra.get("id")
    if name is None:
        kind, name = "value", op.value
    name = name if isinstance(name, str) else f"{kind} {name}"
    return name if op.key is None else f"{name} of {op.key}"


def read_of(op: Op, of: str = "") -> str:
    saw = "nothing" if op.version is None else f"version {op.version}"
    return f"read {saw}{of}" + (f" from {op.node}" if op.node else "")


def several_keys(history: History) -> bool:
    return len({op.key for op in reads(history) + writes(history)}) > 1


def of_key(op: Op, needed: bool) -> str:
    """The key, where leaving it out would leave the reader guessing."""
    return f" of {op.key}" if needed else ""


def times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
