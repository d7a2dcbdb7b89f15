"""A broker that is used as the labs use it, so that the JVM notes its classes."""

from __future__ import annotations

from pathlib import Path

from kafka import KafkaConsumer

from ...runtimes import java
from ...wait import wait_until
from . import Kafka


def record(path: Path) -> None:
    java.record(path, Kafka(), use)


def use(server: Kafka) -> None:
    server.create_topic("training", partitions=2)
    producer = server.producer()
    for n in range(20):
        producer.send("training", key=b"%d" % n, value=b"order")
    producer.flush()
    consumer = server.consumer("training", group_id="training")
    read_all(consumer, 20)
    consumer.commit()


def read_all(consumer: KafkaConsumer, count: int) -> None:
    seen = 0

    def all_seen() -> bool:
        nonlocal seen
        seen += sum(len(batch) for batch in consumer.poll(500).values())
        return seen >= count

    wait_until(all_seen, 60, lambda: f"{seen} of {count} records came back")
