"""PgBouncer, where the program is installed on this computer."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

from ...runtimes import Runtime, RuntimeUnavailable
from ...runtimes.processes import ProcessMachine
from ...runtimes.users import ordinary_user

# as in PgBouncer's manual: one login that may read the others' secrets
SECRETS = "select usename, passwd from pg_shadow where usename = $1"


class Process(ProcessMachine):
    """database: the machine of a PostgreSQL primary, whose password it shares."""

    stop_signal = signal.SIGINT  # wait for who is being served, then end

    def __init__(
        self, runtime: Runtime, name: str, database: Any, settings: dict[str, str]
    ) -> None:
        self.binary = installed()
        super().__init__(runtime, name, database.password)
        self.database = database
        self.settings = settings
        self.identity = ordinary_user(self.binary, "PgBouncer")

    def prepare(self) -> None:
        host, port = self.address()
        above, at = self.database.address()
        conf = {
            "listen_addr": host,
            "listen_port": str(port),
            "unix_socket_dir": "",
            "pool_mode": "transaction",
            "auth_type": "scram-sha-256",
            "auth_file": str(self.directory / "users"),
            "auth_user": "postgres",
            "auth_query": SECRETS,
            "admin_users": "postgres",
            "max_client_conn": "500",
            **self.settings,
        }
        lines = [f"shop = host={above} port={at} dbname=shop", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in conf.items()]
        self.write("pgbouncer.ini", "\n".join(["[databases]", *lines, ""]))
        self.write("users", f'"postgres" "{self.password}"\n')
        self.identity.own(self.directory)
        if self.identity.uid is not None:
            self.directory.parent.chmod(0o711)  # let that account pass through

    def command(self) -> list[str]:
        ini = str(self.directory / "pgbouncer.ini")
        return self.identity.command([str(self.binary), ini])


def binary() -> Path | None:
    """Where the program is, if it is anywhere."""
    usual = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which("pgbouncer", path=usual)
    return Path(found) if found else None


def installed() -> Path:
    """Where the program is. Raises RuntimeUnavailable when it is nowhere."""
    if found := binary():
        return found
    raise RuntimeUnavailable(
        "PgBouncer is not installed on this computer, and no package of the labs "
        "brings it: `apt-get install pgbouncer` or `brew install pgbouncer`"
    )
