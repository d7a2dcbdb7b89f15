"""How fast servers and labs start, beside the plain ways: `make bench`.

Every way is measured in every round, one after another, so that a busy machine weighs
on all of them alike; medians are printed. The clock runs from nothing (no directory, no
process) to the first useful answer. Clean-up is outside it. A lab's clock includes its
kernel's start and end. Eight minutes on an idle machine, most of it for the labs.

    python tools/bench.py [--rounds N] [--only WORD] [--no-labs | --all-labs]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import book_model
import psutil
import runner
import store

sys.path.insert(0, str(runner.LABS))

import psycopg
import redis

from labkit import Kafka, Postgres, Redis
from labkit.runtimes import Runtime, Session
from labkit.runtimes.containers import ContainerRuntime, engine_problem
from labkit.runtimes.ports import Port
from labkit.runtimes.processes import ProcessRuntime
from labkit.servers.base import Server
from labkit.servers.kafka import process as kafka_process
from labkit.servers.postgres import process as postgres_process
from labkit.servers.redis import process as redis_process
from labkit.wait import wait_until

ROUNDS = 5  # of the servers; of the labs, unless told otherwise
CHAPTERS = ("read_replicas", "cache_promise", "bad_partition")  # whose labs are timed
Marks = dict[str, float]  # what was reached -> seconds from the start
MakeRuntime = Callable[[Session], Runtime]

# seconds to reach on an idle machine with two cores
TARGETS = {
    "PostgreSQL pair, row on the replica": 0.2,
    "Redis, PONG": 0.06,
    "Kafka, metadata": 1.0,
    "Kafka, first record consumed": 1.4,
    "these chapters' labs, together": 60.0,
}
# what Kafka's own start script passes to Java
KAFKA_DEFAULTS = (
    "-Xms1G",
    "-Xmx1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)


class Clock:
    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.marks: Marks = {}

    def mark(self, what: str) -> None:
        self.marks[what] = time.perf_counter() - self.began


@contextlib.contextmanager
def started(make: MakeRuntime, server: Server) -> Iterator[Clock]:
    """The server, started as a lab does; the clock includes the session's set-up."""
    clock = Clock()
    session = Session()
    try:
        server.attach(make(session))
        server.start()
        yield clock
    finally:
        with contextlib.suppress(Exception):
            server.stop()
        session.close()


# --- PostgreSQL: a row written on the primary is read on the replica ---


def postgres_by_labkit(make: MakeRuntime) -> Marks:
    db = Postgres(replicas=1)
    with started(make, db) as clock:
        db.primary.sql("create table seen as select 1 as row")
        db.replica.wait_for(db.primary.lsn())
        assert db.replica.sql("select row from seen") == [(1,)]
        clock.mark("PostgreSQL pair, row on the replica")
    return clock.marks


def postgres_by_hand() -> Marks:
    """initdb, pg_ctl, pg_basebackup -R, pg_ctl: as the manual tells it."""
    clock = Clock()
    session = Session()
    identity = postgres_process.identity()
    place = session.folder("plain")
    identity.own(session.directory)

    def run(*words: str) -> None:
        subprocess.run(
            identity.command([postgres_process.program(words[0]), *words[1:]]),
            cwd=place,
            env={**os.environ, **postgres_process.ENVIRONMENT},
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(name: str) -> int:
        port = Port().number
        options = f"-p {port} -k {place} -c listen_addresses=''"
        run("pg_ctl", "-D", name, "-l", f"{name}.log", "-o", options, "-w", "start")
        return port

    def ask(port: int, query: str) -> list:
        where = {"host": str(place), "port": port, "user": "postgres"}
        with psycopg.connect(**where, dbname="postgres", autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    try:
        run("initdb", "-D", "primary", "-U", "postgres", "-A", "trust")
        primary = start("primary")
        where = ["-h", str(place), "-p", str(primary), "-U", "postgres"]
        run("pg_basebackup", "-D", "replica", "-R", "-c", "fast", *where)
        replica = start("replica")
        ask(primary, "create table seen as select 1 as row")
        there = "select 1 from pg_class where relname = 'seen'"
        wait_until(lambda: ask(replica, there), 30, "the row did not arrive")
        clock.mark("PostgreSQL pair, row on the replica")
    finally:
        # with the manual's settings, a server that is killed leaves shared memory
        for name in ("replica", "primary"):
            with contextlib.suppress(subprocess.CalledProcessError):
                run("pg_ctl", "-D", name, "-m", "fast", "-w", "stop")
        session.close()
    return clock.marks


# --- Redis ---


def redis_by_labkit(make: MakeRuntime) -> Marks:
    server = Redis()
    with started(make, server) as clock:
        assert server.client().ping()
        clock.mark("Redis, PONG")
    return clock.marks


def redis_by_hand() -> Marks:
    clock = Clock()
    session = Session()
    place, port = session.folder("plain"), Port().number
    process = subprocess.Popen(
        [str(redis_process.binary()), "--port", str(port), "--bind", "127.0.0.1"],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def pong() -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return redis.Redis(port=port).ping()
        return False

    try:
        wait_until(pong, 30, "no PONG")
        clock.mark("Redis, PONG")
    finally:
        session.close()
        process.wait()
    return clock.marks


# --- Kafka ---


def kafka_by_labkit(make: MakeRuntime) -> Marks:
    server = Kafka()
    with started(make, server) as clock:
        clock.mark("Kafka, metadata")
        server.create_topic("seen")
        server.producer().send("seen", b"1").get(timeout=30)
        consumer = server.consumer("seen", group_id="bench")
        wait_until(lambda: consumer.poll(100), 30, "no record")
        clock.mark("Kafka, first record consumed")
    return clock.marks


def kafka_by_plain_flags() -> Marks:
    """The same node with the flags of Kafka's own start script and no class cache."""
    own = kafka_process.JVM
    kafka_process.JVM = KAFKA_DEFAULTS
    kafka_process.Process.class_cache = "-XX:AOTMode=off"
    try:
        return kafka_by_labkit(ProcessRuntime)
    finally:
        kafka_process.JVM = own
        kafka_process.Process.class_cache = ""


# --- labs ---


class Memory:
    """The highest sum of resident memory of this process's descendants, in MB."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            used = 0
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    used += process.memory_info().rss
            self.peak = max(self.peak, used / 1e6)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()


def lab(path: Path) -> tuple[float, float]:
    """Seconds and peak MB of one lab, from before its kernel starts to its end."""
    notebook = runner.read(path)
    with Memory() as memory, tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        store.run(notebook, Path(folder) / "report.json")
        return time.perf_counter() - began, memory.peak


# --- the table ---


def ways() -> dict[str, dict[str, Callable[[], Marks]]]:
    """What to start -> way -> how."""
    found: dict[str, dict[str, Callable[[], Marks]]] = {
        "PostgreSQL": {
            "labkit": lambda: postgres_by_labkit(ProcessRuntime),
            "initdb, pg_basebackup": postgres_by_hand,
        },
        "Redis": {
            "labkit": lambda: redis_by_labkit(ProcessRuntime),
            "plain": redis_by_hand,
        },
        "Kafka": {
            "labkit": lambda: kafka_by_labkit(ProcessRuntime),
            "plain flags": kafka_by_plain_flags,
        },
    }
    if problem := engine_problem():
        print(f"No containers in this table: {problem}.")
        return found
    found["PostgreSQL"]["containers"] = lambda: postgres_by_labkit(ContainerRuntime)
    found["Redis"]["containers"] = lambda: redis_by_labkit(ContainerRuntime)
    found["Kafka"]["containers"] = lambda: kafka_by_labkit(ContainerRuntime)
    return found


def row(what: str, way: str, seconds: list[float], note: str = "") -> None:
    middle = statistics.median(seconds)
    target = TARGETS.get(what) if way == "labkit" else None
    against = f"{target:7.2f}  {middle / target:5.2f}" if target else " " * 14
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
    text = f"{what:36}{way:22}{middle:8.3f}  {spread:16}{against}  {note}"
    print(text.rstrip(), flush=True)


def measure_servers(only: str) -> None:
    for server, how in ways().items():
        if only.lower() not in server.lower():
            continue
        results: dict[tuple[str, str], list[float]] = {}
        for turn in range(ROUNDS + 1):  # the first warms the file cache up
            for way, start in how.items():
                for what, seconds in start().items():
                    if turn:
                        results.setdefault((what, way), []).append(seconds)
        for (what, way), seconds in results.items():
            row(what, way, seconds)


def measured_labs() -> list[str]:
    chapters = {chapter.name: chapter for chapter in book_model.read().chapters}
    return [lab.name for name in CHAPTERS for lab in chapters[name].labs]


def measure_labs(names: list[str], rounds: int) -> None:
    """One line a round as it goes, then a row a lab and one for their sum."""
    paths = [lab.path for lab in book_model.labs_or_exit(names)]
    results: dict[str, list[tuple[float, float]]] = {path.stem: [] for path in paths}
    for turn in range(1, rounds + 1):
        print(f"labs, round {turn} of {rounds}:", end="", flush=True)
        for path in paths:
            results[path.stem].append(lab(path))
            print(f" {results[path.stem][-1][0]:.1f}", end="", flush=True)
        print(f", together {sum(found[-1][0] for found in results.values()):.1f} s")
    for name, found in results.items():
        note = f"{max(mb for _, mb in found):5.0f} MB at most"
        row(f"lab {name}", "labkit", [seconds for seconds, _ in found], note)
    sums = [sum(s for s, _ in turn) for turn in zip(*results.values(), strict=True)]
    ours = set(results) == set(measured_labs())
    row("these chapters' labs, together" if ours else "together", "labkit", sums)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wished = int(os.environ.get("ROUNDS") or ROUNDS)
    parser.add_argument("--rounds", type=int, default=wished, help="of the labs")
    parser.add_argument("--only", default="", help="servers with this in their name")
    parser.add_argument("--no-labs", action="store_true")
    parser.add_argument("--all-labs", action="store_true", help="every lab")
    options = parser.parse_args()
    os.environ["LABS_RUNTIME"] = "processes"  # of the labs; servers are told directly
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the start,"
    )
    print("medians in seconds; memory is the sum of all processes\n")
    head = f"{'what':36}{'way':22}{'median':>8}  {'from, to':16}{'target':>7}  ratio"
    print(head + "\n" + "-" * len(head), flush=True)
    measure_servers(options.only)
    if options.rounds > 0 and not (options.no_labs or options.only):
        named = os.environ.get("LABS", "").split() or measured_labs()
        measure_labs([] if options.all_labs else named, options.rounds)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
