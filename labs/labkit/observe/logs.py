"""Logs: the history, line by line.

A log keeps what a metric forgets: who asked, for what, and which version the answer
had. It says it once an operation, so it grows with the traffic, and a question over all
of them means reading all of them.
"""

from __future__ import annotations

import json
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
    timing: bool = False,
) -> list[str]:
    """One JSON object an operation, in order of call; the filters are those of `ops`.

    Fields: level (info, error, warning for an outcome in doubt), op_id, client, op, and
    key, value, version, node, token and error where there is one, outcome, the extras,
    and trace, which joins a line with its trace. With `timing` also at (seconds since
    the history began) and ms (milliseconds to the answer, null without one): numbers
    that differ from run to run.
    """
    wanted = history.ops(op, client=client, key=key, outcome=outcome, inner=inner)
    roots = {place.op.op_id: place.root for place in placed(history)}
    return [json.dumps(_fields(one, roots[one.op_id], timing)) for one in wanted]


def _fields(op: Op, root: Op, timing: bool) -> dict[str, Any]:
    known = {"key": op.key, "value": op.value, "version": op.version}
    known |= {"node": op.node, "token": op.token, "error": op.error}
    fields = {"level": LEVELS[op.outcome], "op_id": op.op_id}
    fields |= {"client": op.client, "op": op.op}
    fields |= {name: value for name, value in known.items() if value is not None}
    fields |= {"outcome": op.outcome, **op.extra, "trace": trace_id(root)}
    if timing:
        took = None if op.t_ret is None else round((op.t_ret - op.t_call) * 1000, 3)
        fields |= {"at": round(op.t_call, 6), "ms": took}
    return fields
