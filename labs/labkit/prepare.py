"""Fetch and make once what every lab then starts from: `python -m labkit.prepare`.

PostgreSQL's template cluster, Kafka's jars, its formatted storage, and the JVM's cache
of loaded classes, which is a help only: without it brokers start slower. All of it lies
in the cache folder; a second run does nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from .runtimes import RuntimeUnavailable, Session, StartFailed, cache, jars
from .runtimes.processes import ProcessRuntime, kafka, postgres
from .servers.kafka import Kafka
from .servers.postgres import SETTINGS
from .wait import TimedOut, wait_until


def record_classes(path: Path) -> None:
    """Start a broker, use it as the labs do, and stop it: the JVM notes its classes."""
    session = Session()
    try:
        with kafka.recording(path):
            server = Kafka()
            server.attach(ProcessRuntime(session))
            server.start()
            server.create_topic("training", partitions=2)
            producer = server.producer()
            for n in range(20):
                producer.send("training", key=b"%d" % n, value=b"order")
            producer.flush()
            consumer = server.consumer("training", group_id="training")
            read_all(consumer, 20)
            consumer.commit()
            server.stop()
    finally:
        session.close()
    if not path.exists():
        raise StartFailed("the JVM left no cache of its classes")


def read_all(consumer: KafkaConsumer, count: int) -> None:
    seen = 0

    def all_seen() -> bool:
        nonlocal seen
        seen += sum(len(batch) for batch in consumer.poll(500).values())
        return seen >= count

    wait_until(all_seen, 60, lambda: f"{seen} of {count} records came back")


STEPS: dict[str, Callable[[], object]] = {
    "PostgreSQL's template cluster": lambda: postgres.template(SETTINGS),
    "Kafka's jars (45 MB)": lambda: jars.class_path(kafka.LOCK),
    "Kafka's formatted storage": lambda: cache.made(
        f"kafka-{kafka.version()}-storage", kafka.format_storage
    ),
    "Kafka's class cache (once, about 20 s)": lambda: optional(
        lambda: cache.made(kafka.class_cache().name, record_classes)
    ),
}


def optional(work: Callable[[], object]) -> None:
    """Go on without what cannot be made here, and say why."""
    try:
        work()
    except (RuntimeUnavailable, StartFailed, TimedOut, KafkaError, OSError) as error:
        reason = str(error) or type(error).__name__
        print(f" left out: {reason.splitlines()[0]};", end="")


@contextmanager
def told(step: str) -> Iterator[None]:
    print(f"  {step} ...", end="", flush=True)
    began = time.monotonic()
    yield
    print(f" {time.monotonic() - began:.1f} s", flush=True)


def main() -> int:
    if os.environ.get("LABS_RUNTIME") == "containers":
        print("  servers run in containers: nothing to prepare")
        return 0
    try:
        print(f"  cache folder: {cache.folder()}")
        for step, work in STEPS.items():
            with told(step):
                work()
    except (RuntimeUnavailable, StartFailed, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
