"""A broker that is used as the labs use it, so that the JVM notes its classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kafka import KafkaConsumer

from ...runtimes import Session, StartFailed
from ...runtimes.processes import ProcessRuntime
from ...wait import wait_until
from . import Kafka


def record(path: Path) -> None:
    """Start a broker, use it, and stop it; the JVM leaves its cache in `path`."""
    session = Session()
    try:
        server = Kafka()
        server.attach(ProcessRuntime(session))
        machine: Any = server.brokers[0].machine
        machine.class_cache = f"-XX:AOTCacheOutput={path}"
        machine.stop_within = 120.0  # the JVM writes the cache at its exit
        server.start()
        use(server)
        server.stop()
    finally:
        session.close()
    if not path.exists():
        raise StartFailed("the JVM left no cache of its classes")


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
