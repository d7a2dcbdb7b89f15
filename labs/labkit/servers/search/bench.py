"""How soon the search engine answers, and how soon it has found a document."""

from __future__ import annotations

from unittest import mock

from ..bench import Bench
from . import Search, process

ANSWERS = "answers"
FOUND = "first search"
TARGETS = {FOUND: 3.0}

# what OpenSearch's own start script passes to Java
DEFAULTS = (
    "-Xms1g",
    "-Xmx1g",
    "-Xss1m",
    "-XX:+UseG1GC",
    "-XX:G1ReservePercent=25",
    "-XX:InitiatingHeapOccupancyPercent=30",
    "-XX:+AlwaysPreTouch",
    "-Djava.awt.headless=true",
)


def ours(bench: Bench) -> None:
    server = bench.start(Search())
    bench.mark(ANSWERS)
    server.create_index("seen", {"name": {"type": "text", "analyzer": "english"}})
    shoes = {"name": "Running shoes"}
    server.client.index(index="seen", id="1", body=shoes, refresh="true")
    query = {"query": {"match": {"name": "shoe"}}}
    found = server.client.search(index="seen", body=query)
    assert found["hits"]["total"]["value"] == 1
    bench.mark(FOUND)


def with_plain_flags(bench: Bench) -> None:
    """The same node with the flags of its own start script and no class cache."""
    with (
        mock.patch.object(process, "JVM", (*DEFAULTS, *process.NEEDED)),
        mock.patch.object(process.Process, "class_cache", "-XX:AOTMode=off"),
    ):
        ours(bench)


PLAIN = {"its own flags": with_plain_flags}
