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
# in single-user mode every line is a statement; rounds slow down who guesses, and this
# password is random
OWN = """set scram_iterations = 1
alter role postgres password '{password}'
"""
FIRST = "/var/lib/postgresql/first"
# /labs/times counts how often it was renewed: whenever that is new, so is the data
START = """set -e
done=${{PGDATA%/*}}/times
if ! cmp -s /labs/times "$done"; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    find "$PGDATA" -mindepth 1 -delete
    {fill}
    cp /labs/times "$done"
fi
exec postgres -c config_file=/labs/postgresql.conf
"""
# A cluster that is made once, stopped, and copied as often as it is wanted. It ran with
# the settings: a replica refuses a lower max_connections than that of the first start.
LEAD = f"""if [ ! -e {FIRST} ]; then
        initdb -D {FIRST}.new -U postgres -A trust {shlex.join(INITDB)}
        postgres --single -D {FIRST}.new \\
            -c config_file=/labs/postgresql.conf template1 < /labs/first.sql
        mv {FIRST}.new {FIRST}
    fi
    cp -a {FIRST}/. "$PGDATA\""""
FOLLOW = f"""if [ -e {FIRST} ]; then
        cp -a {FIRST}/. "$PGDATA"
        cat /labs/stream.conf >> "$PGDATA/postgresql.auto.conf"
        touch "$PGDATA/standby.signal"
    else
        PGPASSWORD=$(cat /labs/password) pg_basebackup -D "$PGDATA" -R \\
            -d '{{stream}}' -X stream --checkpoint=fast --no-sync
    fi"""

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
    reaches_host = True  # by a `Link`, when it subscribes to another server
    times = 0  # that it was renewed

    def wait_for_others(self) -> None:
        super().wait_for_others()
        if self.primary and not self.times:
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
        stream = f"{self.stream()} password={self.password}"
        return {
            "/labs/postgresql.conf": postgres_conf({**self.settings, **place}),
            "/labs/pg_hba.conf": HBA,
            "/labs/password": self.password,
            "/labs/first.sql": OWN.format(password=self.password) + SHOP_ALONE,
            "/labs/stream.conf": f"primary_conninfo = '{stream}'\n",
            "/labs/times": str(self.times),
        }

    def stream(self) -> str:
        host = self.primary.host if self.primary else ""
        return f"host={host} user=postgres application_name={self.name}"

    def command(self) -> list[str]:
        fill = FOLLOW.format(stream=self.stream()) if self.primary else LEAD
        return ["sh", "-c", START.format(fill=fill)]

    def renew(self) -> None:
        """In the same container, with the same first cluster for all: to make them
        anew takes longer than all else."""
        self.kill()
        if self.primary and not self.times:
            self.put_archive(FIRST, self.primary.archive(FIRST))
        self.times += 1
        self.put("/labs/times", str(self.times))
        self._launched.clear()

    def base_backup(self, path: str) -> None:
        """Copy the running server's files into the folder `path`, which it makes."""
        self.run("sh", "-c", COPY, "sh", path)

    def environment(self) -> dict[str, str]:
        return {"TZ": "UTC"}
