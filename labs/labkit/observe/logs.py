"""Logs: the history, line by line.

A log keeps what a metric forgets: who asked, for what, and which version the answer
had. It says it once an operation, so it grows with the traffic, and a question over all
of them means reading all of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..history import History, Op, Outcome
from .traces import placed, trace_id

LEVELS = {"ok": "info", "fail": "error", "unknown": "warning"}


def lines(
    history: History,
    op: str | None = None,
    *,
    client: str | None = None,
    key: str | None = None,
    outcome: Outcome | None = None,
    inner: bool | None = None,
    fields: Sequence[str] = (),
    timing: bool = False,
) -> list[str]:
    """One JSON object an operation, in order of call; the filters are those of `ops`.

    Each has: level (info, error, warning for an outcome in doubt), op_id, client, op,
    outcome, the extras, and key, value, version, node, token and error where there is
    one; and trace, which joins a line with its trace. With `timing` also at (seconds
    since the history began) and ms (milliseconds to the answer, null without one).
    Times differ from run to run, as tokens do. `fields` keeps those that it names, in
    its order.
    """
    wanted = history.ops(op, client=client, key=key, outcome=outcome, inner=inner)
    roots = {place.op.op_id: place.root for place in placed(history)}
    entries = (_entry(one, roots[one.op_id], timing) for one in wanted)
    return [json.dumps(_chosen(entry, fields)) for entry in entries]


def _chosen(entry: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {name: entry[name] for name in fields or entry if name in entry}


def _entry(op: Op, root: Op, timing: bool) -> dict[str, Any]:
    known = {"key": op.key, "value": op.value, "version": op.version}
    known |= {"node": op.node, "token": op.token, "error": op.error}
    entry = {"level": LEVELS[op.outcome], "op_id": op.op_id}
    entry |= {"client": op.client, "op": op.op}
    entry |= {name: value for name, value in known.items() if value is not None}
    entry |= {"outcome": op.outcome, **op.extra, "trace": trace_id(root)}
    if timing:
        took = None if op.t_ret is None else round(op.seconds * 1000, 3)
        entry |= {"at": round(op.t_call, 6), "ms": took}
    return entry
