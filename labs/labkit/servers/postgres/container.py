"""PostgreSQL from its official image."""

from __future__ import annotations

import shlex

from psycopg.pq import PGconn, Ping

from ...runtimes import StartFailed
from ...runtimes.containers.machine import FollowingContainer
from ...wait import wait_until
from .conf import INITDB, SHOP_ALONE, postgres_conf

HBA = """local all all trust
host all all all scram-sha-256
host replication all all scram-sha-256
"""
SERVER = "postgres -c config_file=/labs/postgresql.conf"
FOLLOW = """set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    PGPASSWORD=$(cat /labs/password) pg_basebackup -D "$PGDATA" -R \
        -d 'host={host} user=postgres application_name={name}' \
        -X stream --checkpoint=fast --no-sync
fi
exec {server}
"""

# with the server's own password: local connections may not replicate
COPY = """PGPASSWORD=$(cat /labs/password) pg_basebackup -D "$1" \\
    -d 'host=127.0.0.1 user=postgres' -X stream --checkpoint=fast --no-sync"""


class Container(FollowingContainer):
    """A primary, or with `primary` a streaming replica of it.

    The cluster lies in the anonymous volume that the image asks for: it survives a
    stop, which a tmpfs does not, and goes with the container. Settings stand in a
    file: on the command line they would win over ALTER SYSTEM.
    """

    image = "postgres:18"
    port_inside = 5432
    user = "postgres"

    def wait_for_others(self) -> None:
        super().wait_for_others()
        if self.primary:
            self.primary.until_it_answers()  # nothing can be copied before

    def until_it_answers(self) -> None:
        """Wait until a copy can be made. Raises StartFailed with the log's end."""
        place = f"host=127.0.0.1 port={self.port.number}".encode()

        def answers() -> bool:
            if not self.alive():
                raise StartFailed(
                    f"{self.name} died before it could be copied: "
                    f"{self.exit_reason()}. Its log ends:\n{self.log_tail()}"
                )
            return PGconn.ping(place) == Ping.OK

        wait_until(
            answers, 60, lambda: f"{self.name} does not answer:\n{self.log_tail()}"
        )

    def files(self) -> dict[str, str]:
        place = {"listen_addresses": "*", "hba_file": "/labs/pg_hba.conf"}
        return {
            "/labs/postgresql.conf": postgres_conf({**self.settings, **place}),
            "/labs/pg_hba.conf": HBA,
            "/labs/password": self.password,
            "/docker-entrypoint-initdb.d/shop.sql": "\\connect template1\n"
            + SHOP_ALONE,
        }

    def command(self) -> list[str]:
        if not self.primary:
            return SERVER.split()
        host = self.primary.host
        return ["sh", "-c", FOLLOW.format(host=host, name=self.name, server=SERVER)]

    def base_backup(self, path: str) -> None:
        """Copy the running server's files into the folder `path`, which it makes."""
        self.run("sh", "-c", COPY, "sh", path)

    def environment(self) -> dict[str, str]:
        return {
            "POSTGRES_PASSWORD_FILE": "/labs/password",
            "POSTGRES_INITDB_ARGS": shlex.join(INITDB),
            "TZ": "UTC",
        }
