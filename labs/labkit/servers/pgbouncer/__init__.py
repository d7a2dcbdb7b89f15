"""PgBouncer: one pool of connections in front of PostgreSQL, for all its clients."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg

from ...runtimes import Machine, Runtime
from ..base import Node, Server
from ..postgres import Postgres


class PgBouncerNode(Node):
    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._console: psycopg.Connection[Any] | None = None

    @property
    def place(self) -> dict[str, Any]:
        """For psycopg.connect, in place of the database's host and port. In transaction
        mode a prepared statement does not stay with its client: nothing is prepared."""
        host, port = self.machine.address()
        return {"host": host, "port": port, "prepare_threshold": None}

    def connect(self, autocommit: bool = True, **login: Any) -> psycopg.Connection[Any]:
        """A new connection through the pooler; the caller closes it.

        login: for psycopg.connect; user and password are those of the database.
        """
        own = {"dbname": "shop", "user": "postgres", "password": self.machine.password}
        more = {"connect_timeout": 5, "application_name": "lab"}
        return psycopg.connect(
            autocommit=autocommit, **{**self.place, **own, **more, **login}
        )

    def show(self, what: str) -> list[dict[str, Any]]:
        """The rows of a command of its console: show("pools")."""
        if self._console is None or self._console.closed or self._console.broken:
            self._console = self.connect(dbname="pgbouncer")
        # the console knows the simple protocol alone
        cursor = psycopg.ClientCursor(self._console)
        cursor.execute(f"show {what}".encode())
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def waiting(self) -> int:
        """How many clients wait for a connection to the database."""
        return sum(int(pool["cl_waiting"]) for pool in self.show("pools"))

    def answers(self) -> bool:
        try:
            with self.connect(connect_timeout=2) as session:
                return bool(session.execute("select 1"))
        except psycopg.OperationalError:
            return False

    def forget(self) -> None:
        if self._console is not None:
            with contextlib.suppress(psycopg.Error):
                self._console.close()
            self._console = None


class PgBouncer(Server[PgBouncerNode]):
    """A pooler in front of a PostgreSQL primary, in transaction mode.

    size: connections to the database for each of its roles. settings: more lines of
    pgbouncer.ini. It asks the database for the passwords of those who log in.

    It runs where the program `pgbouncer` is installed; no package brings it.
    """

    package = __name__
    product = "PgBouncer"

    def __init__(
        self, database: Postgres, size: int, settings: dict[str, str] | None = None
    ) -> None:
        super().__init__(database)
        self.database = database
        self.settings = {"default_pool_size": str(size), **(settings or {})}

    @staticmethod
    def installed() -> bool:
        """Whether the program is there. A lab that lacks it would be closed by
        `lab.start`, as by any server that cannot start."""
        from .process import binary

        return binary() is not None

    def attach(self, runtime: Runtime) -> None:
        made = runtime.machine(
            self.package,
            "pgbouncer",
            database=self.database.primary.machine,
            settings=self.settings,
        )
        self.node = PgBouncerNode(made)
        self.nodes = [self.node]

    def version(self) -> str:
        [row] = self.node.show("version")
        return str(row["version"]).split()[1]
