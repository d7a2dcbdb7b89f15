"""Metrics: the history, counted.

operation   one entry of the history, the clients' own and the inner ones alike
ended       its answer has come, or its client has given up: `t_ret` is set
series      the operations that agree in op, node and (where counted) outcome

A metric forgets who asked and for what. It stays small however many operations there
are, and can say no more than how many, how slow, and how many errors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ..history import History, Op

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the histogram's buckets, in seconds; the last one has no bound."""


def registry(history: History) -> CollectorRegistry:
    """The history as a registry of prometheus_client, read anew at each scrape.

    shop_operations_total{op, node, outcome}     counter of ended operations
    shop_operation_seconds{op, node}             histogram of call to return, in seconds
    shop_operations_in_flight{op, node}          gauge of those that have not ended

    A node that is not known is the empty label, which Prometheus takes for no label.
    """
    from prometheus_client import CollectorRegistry

    made = CollectorRegistry()
    made.register(_Collector(history))
    return made


def exposition(history: History) -> str:
    """What a scrape of the history answers, in Prometheus' text format.

    The same history gives the same text: no creation times, series in order.
    """
    from prometheus_client import generate_latest

    return generate_latest(registry(history)).decode()


class _Collector:
    def __init__(self, history: History) -> None:
        self.history = history

    def collect(self) -> Iterator[Any]:
        ops = self.history.ops()
        ended = [op for op in ops if op.t_ret is not None]
        yield _counter(ended)
        yield _histogram(ended)
        yield _gauge([op for op in ops if op.t_ret is None])


def _counter(ops: list[Op]) -> Any:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(
        "shop_operations",
        "Operations that have ended.",
        labels=("op", "node", "outcome"),
    )
    for labels, group in _series(ops, "op", "node", "outcome"):
        family.add_metric(labels, len(group))
    return family


def _histogram(ops: list[Op]) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(
        "shop_operation_seconds",
        "Seconds from call to return of operations that have ended.",
        labels=("op", "node"),
    )
    for labels, group in _series(ops, "op", "node"):
        took = [op.seconds for op in group if op.t_ret is not None]
        family.add_metric(labels, _cumulative(took), sum_value=sum(took))
    return family


def _gauge(ops: list[Op]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(
        "shop_operations_in_flight",
        "Operations without an answer so far.",
        labels=("op", "node"),
    )
    for labels, group in _series(ops, "op", "node"):
        family.add_metric(labels, len(group))
    return family


def _series(ops: list[Op], *names: str) -> list[tuple[list[str], list[Op]]]:
    """The operations by the values of the named fields, in order of these."""
    groups = defaultdict(list)
    for op in ops:
        groups[tuple(getattr(op, name) or "" for name in names)].append(op)
    return [(list(labels), groups[labels]) for labels in sorted(groups)]


def _cumulative(seconds: list[float]) -> list[tuple[str, float]]:
    """Upper bound and how many took no longer, as a histogram has them."""
    within = [0] * (len(BUCKETS) + 1)
    for value in seconds:
        fits = (n for n, bound in enumerate(BUCKETS) if value <= bound)
        within[next(fits, len(BUCKETS))] += 1
    bounds = [str(float(bound)) for bound in BUCKETS] + ["+Inf"]
    return list(zip(bounds, map(float, accumulate(within)), strict=True))
