"""Metrics, logs and traces: three views of the same history.

A metric counts and forgets who asked; a log line remembers one operation; a trace shows
what one operation caused. `op_id` joins them: it is the trace's id, and it stands in
the log line. None of the three knows the promise; an indicator is where it is written
down, and only an alert on an indicator is an alert on the promise.

    observe.dashboard(run)              what the board shows
    observe.lines(history, key="...")   log lines
    observe.trace(history, op)          one operation and what it caused
    observe.sli.sli(history, good=...)  the share that kept the promise

`metrics` and `traces` give the same to Prometheus and OpenTelemetry.
"""

from . import logs, metrics, sli, traces
from .boards import dashboard, trace
from .logs import lines
from .metrics import exposition, registry
from .traces import spans, traceparent

__all__ = [
    "dashboard",
    "exposition",
    "lines",
    "logs",
    "metrics",
    "registry",
    "sli",
    "spans",
    "trace",
    "traceparent",
    "traces",
]
