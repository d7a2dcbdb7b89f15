"""How soon Kafka answers, and how soon a record has gone through it."""

from __future__ import annotations

from unittest import mock

from ...wait import wait_until
from ..bench import Bench
from . import Kafka, process

METADATA = "metadata"
CONSUMED = "first record consumed"
TARGETS = {METADATA: 1.0, CONSUMED: 1.4}

# what Kafka's own start script passes to Java
DEFAULTS = (
    "-Xms1G",
    "-Xmx1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)


def ours(bench: Bench) -> None:
    server = bench.start(Kafka())
    bench.mark(METADATA)
    server.create_topic("seen")
    server.producer().send("seen", b"1").get(timeout=30)
    consumer = server.consumer("seen", group_id="bench")
    wait_until(lambda: consumer.poll(100), 30, "no record")
    bench.mark(CONSUMED)


def with_plain_flags(bench: Bench) -> None:
    """The same node with the flags of Kafka's own start script and no class cache."""
    with (
        mock.patch.object(process, "JVM", DEFAULTS),
        mock.patch.object(process.Process, "class_cache", "-XX:AOTMode=off"),
    ):
        ours(bench)


PLAIN = {"Kafka's own flags": with_plain_flags}
