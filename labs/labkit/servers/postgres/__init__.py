"""PostgreSQL: a primary and any number of streaming replicas."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from ...runtimes import Machine, Runtime
from ..base import Node, Server
from .conf import SETTINGS


class PostgresNode(Node):
    """One PostgreSQL server; user `postgres`, database `shop`."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._own: psycopg.Connection[Any] | None = None

    @property
    def conninfo(self) -> str:
        """A connection string for any client on this machine."""
        host, port = self.machine.address()
        return psycopg.conninfo.make_conninfo(
            host=host,
            port=port,
            user="postgres",
            password=self.machine.password,
            dbname="shop",
            # tells nobody the password, and believes only who knows it, too
            require_auth="scram-sha-256",
        )

    def connect(self, autocommit: bool = True, **more: Any) -> psycopg.Connection[Any]:
        """A new connection; `more` goes to psycopg.connect. The caller closes it."""
        more = {"connect_timeout": 5, "application_name": "lab", **more}
        return psycopg.connect(self.conninfo, autocommit=autocommit, **more)

    def sql(self, query: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Run one statement on a kept connection; its rows, or [] where it has none.

        Not for use from two threads at once: take `connect` there.
        """
        if self._own is None or self._own.closed or self._own.broken:
            self._own = self.connect(application_name="labkit")
        cursor = self._own.execute(query, params)
        # its columns do not tell: `select from ... where` has rows without any
        result = cursor.pgresult
        has_rows = result and result.status == ExecStatus.TUPLES_OK
        return cursor.fetchall() if has_rows else []

    def whole_log(self) -> str:
        """All that it has logged until now: an engine hands on a line a little later,
        which `logs` then lacks."""
        mark = secrets.token_hex(8)
        self.sql(f"do $$ begin raise log 'mark {mark}'; end $$")
        self.until(lambda: mark in self.logs(), 60, "have its log come")
        return self.logs()

    def value(self, query: str, params: Any = None) -> Any:
        """The first column of the first row."""
        return self.sql(query, params)[0][0]

    def ask(self, query: str, params: Any = None) -> Any:
        """`value`, for what labkit itself asks: positions, states, settings."""
        return self.value(query, params)

    def set(self, **settings: str | None) -> None:
        """Change settings of the running server (ALTER SYSTEM and reload), and wait
        until it has taken them over. None resets one."""
        for name, value in settings.items():
            change = sql.SQL("alter system set {} = {}").format(
                sql.Identifier(name), sql.Literal(value)
            )
            if value is None:
                change = sql.SQL("alter system reset {}").format(sql.Identifier(name))
            self.sql(change)  # type: ignore[arg-type]
        before = self.ask("select pg_conf_load_time()")
        self.ask("select pg_reload_conf()")
        self.until(
            lambda: self.ask("select pg_conf_load_time()") > before, 10, "reload"
        )

    def version(self) -> str:
        return self.value("show server_version").split()[0]

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            return bool(self.ask("select 1"))
        return False

    def forget(self) -> None:
        if self._own is not None:
            with contextlib.suppress(psycopg.Error):
                self._own.close()
            self._own = None


def give_up(session: psycopg.Connection[Any]) -> None:
    """Roll back and close a session, which may have been ended by the server.

    Closing alone only says goodbye: the server may hold locks and the snapshot a moment
    longer. When a rollback is answered they are gone.
    """
    with contextlib.suppress(psycopg.Error):
        session.rollback()
    session.close()


# At the beginning of a page the insert position stands behind the page's header (24
# bytes, 40 in a segment's first page), where no record ends: a replica that has
# replayed everything never reaches it. The page's border is then the end of the WAL.
END_OF_WAL = """
select case
    when at % current_setting('wal_block_size')::int = 24 then here - 24
    when at % pg_size_bytes(current_setting('wal_segment_size')) = 40 then here - 40
    else here end
from pg_current_wal_insert_lsn() here, pg_wal_lsn_diff(here, '0/0') at
"""


# Replay goes no further for now: it was paused, it is delayed on purpose, or it waits
# for a reader or a lock and may do so for ever.
SETTLED = """
select pg_last_wal_receive_lsn() >= %(lsn)s::pg_lsn and (
    pg_last_wal_replay_lsn() >= %(lsn)s::pg_lsn or exists (
        select from pg_stat_activity where backend_type = 'startup' and (
            wait_event in ('RecoveryPause', 'RecoveryApplyDelay')
            or (wait_event = 'RecoveryConflictSnapshot' or wait_event_type = 'Lock')
            and current_setting('max_standby_streaming_delay') = '-1')))
"""


class Primary(PostgresNode):
    def lsn(self) -> str:
        """The end of the WAL written so far. Taken after a COMMIT it covers it."""
        return self.value(END_OF_WAL)

    def synchronous(self, names: str | None) -> None:
        """Set synchronous_standby_names, in force for every commit that follows.

        A reload is not enough: commits wait when the checkpointer has read the setting,
        which may be later than the sessions did (SyncRepUpdateSyncStandbysDefined).
        """
        self.set(synchronous_standby_names=names)
        # a new session: the postmaster has by now told everybody, the checkpointer too,
        # which looks at its settings before it looks at requests
        with self.connect() as session:
            session.execute("checkpoint")


ASKED_AT_MOST = 10  # times that labkit asks, when replay cancels its question


class Replica(PostgresNode):
    def __init__(self, machine: Machine, primary: Primary) -> None:
        super().__init__(machine)
        self.primary = primary

    def ask(self, query: str, params: Any = None) -> Any:
        """As on the primary; when replay cancels the question (40001) it is put again,
        since it is labkit's own. `sql` and `value` are a client's, and raise."""
        for _ in range(1, ASKED_AT_MOST):
            with contextlib.suppress(psycopg.errors.SerializationFailure):
                return super().ask(query, params)
        return super().ask(query, params)

    def answers(self) -> bool:
        """Answers, and the stream from its primary runs."""
        streams = "select count(*) from pg_stat_wal_receiver where status = 'streaming'"
        return super().answers() and bool(self.ask(streams))

    def received(self) -> str:
        """How far WAL has been received (and flushed), as an LSN."""
        return self.ask("select pg_last_wal_receive_lsn()")

    def replayed(self) -> str:
        """How far WAL has been replayed: what readers see."""
        return self.ask("select pg_last_wal_replay_lsn()")

    def has_replayed(self, lsn: str) -> bool:
        """Compares as LSNs; as texts, 0/9000000 would be later than 0/10000000."""
        return self.ask("select pg_last_wal_replay_lsn() >= %s::pg_lsn", [lsn])

    def bytes_unreplayed(self) -> int:
        """Bytes of WAL received and not replayed."""
        return int(
            self.ask(
                "select pg_wal_lsn_diff(pg_last_wal_receive_lsn(),"
                " pg_last_wal_replay_lsn())"
            )
        )

    def wait_for(self, lsn: str, within: float = 10) -> None:
        """Wait until readers of this replica see everything up to `lsn`."""
        self.until(lambda: self.has_replayed(lsn), within, f"replay {lsn}")

    def has_settled(self, lsn: str) -> bool:
        """Whether `lsn` has arrived, and was replayed or is waiting for something that
        may last: then readers see now what they will see until that ends."""
        return self.ask(SETTLED, {"lsn": lsn})

    def told(self) -> bool:
        """Whether the primary knows that this replica has received all there is."""
        query = """select count(*) from pg_stat_replication
            where application_name = %s and flush_lsn >= pg_current_wal_lsn()"""
        return bool(self.primary.ask(query, [self.name]))

    def settle(self, lsn: str, within: float = 10) -> None:
        """Wait until `has_settled(lsn)`: the moment after a write, however the replica
        fares, with no luck in it."""
        self.until(
            lambda: self.has_settled(lsn), within, f"replay {lsn} or stand still"
        )


class Postgres(Server[PostgresNode]):
    """A primary and `replicas` streaming replicas ("replica1", "replica2", ...).

    settings: for all of them, known before the start. The servers run without fsync
    and autovacuum: a lab about what a crash of the machine loses, or about vacuuming
    in good time, must set them, and say so. name: the primary's, where a lab has
    several.
    """

    package = __name__
    product = "PostgreSQL"

    def __init__(
        self,
        replicas: int = 0,
        settings: dict[str, str] | None = None,
        name: str = "primary",
    ) -> None:
        super().__init__()
        self.settings = {**SETTINGS, **(settings or {})}
        self.how_many = replicas
        self.name = name

    def attach(self, runtime: Runtime) -> None:
        def make(name: str, primary: Machine | None = None) -> Machine:
            return runtime.machine(
                self.package, name, settings=self.settings, primary=primary
            )

        self.primary = Primary(make(self.name))
        self.replicas = [
            Replica(make(f"replica{n}", self.primary.machine), self.primary)
            for n in range(1, self.how_many + 1)
        ]
        self.nodes = [self.primary, *self.replicas]

    @property
    def replica(self) -> Replica:
        """The first replica."""
        return self.replicas[0]

    def version(self) -> str:
        return self.primary.version()
