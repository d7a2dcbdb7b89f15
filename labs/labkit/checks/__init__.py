"""Promises, checked against what the clients saw.

A check is a pure function from a `History` to a `Verdict`. Its docstring defines every
term, then says what counts as a violation, then what the check costs for n operations.

Terms that all checks share:

acknowledged   the outcome is "ok": the client was told that it was done
in doubt       the outcome is "unknown": it may or may not have been done, so it is
               neither owed nor forbidden
before         A is before B when A returned no later than B was called; operations that
               overlap in time have no order, and no check pretends that they do, nor do
               two of no length at one instant
read           an acknowledged "read" or "get". Without value and version, a "read"
               found nothing, which is older than every version; a "get" was a miss of
               a cache, which shows its client nothing and is not checked. A value
               without its version cannot be judged: the verdict is unknown
write          a "write" that carries a version; versions of a key only grow
message        what "produce" sends and "process" handles: known by extra["id"] if
               there is one, else by key and value, so each needs its own

A violation is reported only where the history leaves no other reading. A check with
nothing to check, or one that crashes, is unknown: red, and never a pass.

One module a family; a check enters itself into the `table` of checks by `@check`.
"""

from .answers import at_least, at_most, everybody_is_answered
from .caches import rebuilds_per_expiry
from .messages import delivery_gaps, duplicates, key_order, phantoms
from .partitions import (
    partition_progress,
    partition_progress_in_time,
    partition_skew,
)
from .reads import (
    monotonic_reads,
    read_your_writes,
    recency,
    seen_in_time,
    staleness_bound,
    versions_written,
)
from .registry import Check, Entry, Findings, check, table
from .sessions import consistent_prefix, monotonic_writes, writes_follow_reads
from .state import counter, lost_acknowledged_writes, lost_updates
from .verdict import MOST_EXAMPLES, Verdict, combine, counted

__all__ = [
    "MOST_EXAMPLES",
    "Check",
    "Entry",
    "Findings",
    "Verdict",
    "at_least",
    "at_most",
    "check",
    "combine",
    "consistent_prefix",
    "counted",
    "counter",
    "delivery_gaps",
    "duplicates",
    "everybody_is_answered",
    "key_order",
    "lost_acknowledged_writes",
    "lost_updates",
    "monotonic_reads",
    "monotonic_writes",
    "partition_progress",
    "partition_progress_in_time",
    "partition_skew",
    "phantoms",
    "read_your_writes",
    "rebuilds_per_expiry",
    "recency",
    "seen_in_time",
    "staleness_bound",
    "table",
    "versions_written",
    "writes_follow_reads",
]
