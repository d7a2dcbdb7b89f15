"""Which errors of Kafka settle an operation. Imports nothing: see `servers`."""

from __future__ import annotations

# Unknown server error, request timed out, network exception, too few replicas after the
# append, duplicate sequence number (appended by an earlier attempt). Three more mostly
# mean a refusal, but are also the answer to a produce that its leader has appended, if
# the leader loses its topic, its role or its disk while it waits for the other
# replicas: unknown topic or partition (3), not leader (6), disk error (56).
DOUBTFUL = frozenset({-1, 3, 6, 7, 13, 20, 46, 56})


def settled(error: BaseException, classes: set[str]) -> bool | None:
    """True for a broker's error code, but for those that leave the matter open."""
    if "kafka.BrokerResponseError" not in classes:
        return None
    return getattr(error, "errno", -1) not in DOUBTFUL
