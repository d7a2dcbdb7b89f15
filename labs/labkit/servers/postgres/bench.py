"""How soon a row that was written on the primary is read on the replica."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import Any

import psycopg

from ...runtimes.ports import Port
from ...wait import wait_until
from ..bench import Bench
from . import Postgres, process

READ = "pair, row on the replica"
TARGETS = {READ: 0.2}


def ours(bench: Bench) -> None:
    db = bench.start(Postgres(replicas=1))
    db.primary.sql("create table seen as select 1 as row")
    db.replica.wait_for(db.primary.lsn())
    assert db.replica.sql("select row from seen") == [(1,)]
    bench.mark(READ)


def by_hand(bench: Bench) -> None:
    """initdb, pg_ctl, pg_basebackup -R, pg_ctl: as the manual tells it."""
    identity = process.identity()
    place = bench.session.folder("plain")
    identity.own(bench.session.directory)

    def run(*words: str) -> None:
        subprocess.run(
            identity.command([process.program(words[0]), *words[1:]]),
            cwd=place,
            env={**os.environ, **process.ENVIRONMENT},
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

    def ask(port: int, query: str) -> list[Any]:
        where = f"host={place} port={port} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
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
        bench.mark(READ)
    finally:
        # with the manual's settings, a server that is killed leaves shared memory
        for name in ("replica", "primary"):
            with contextlib.suppress(subprocess.CalledProcessError):
                run("pg_ctl", "-D", name, "-m", "fast", "-w", "stop")


PLAIN = {"initdb, pg_basebackup": by_hand}
