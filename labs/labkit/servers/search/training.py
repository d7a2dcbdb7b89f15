"""A node that is used as the labs use it, so that the JVM notes its classes."""

from __future__ import annotations

from pathlib import Path

from ...runtimes import java
from . import Search


def record(path: Path) -> None:
    java.record(path, Search(), use)


def use(server: Search) -> None:
    client = server.client
    server.create_index(
        "training",
        {
            "name": {"type": "text", "analyzer": "english"},
            "price": {"type": "integer"},
            "tag": {"type": "keyword"},
        },
    )
    for n in range(20):
        shoe = {"name": f"running shoe {n}", "price": n, "tag": "shoes"}
        client.index(index="training", id=str(n), body=shoe)
    body = [{"delete": {"_index": "training", "_id": "0"}}]
    client.bulk(body=body, refresh="true")
    for query in (
        {"match": {"name": {"query": "runing shoes", "fuzziness": "AUTO"}}},
        {"bool": {"filter": [{"term": {"tag": "shoes"}}, {"range": {"price": {}}}]}},
        {"multi_match": {"query": "shoe", "fields": ["name^2", "tag"]}},
    ):
        client.search(index="training", body={"query": query, "sort": ["_score"]})
    client.get(index="training", id="1")
    client.indices.stats(index="training")
