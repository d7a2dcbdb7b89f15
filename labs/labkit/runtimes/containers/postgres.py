"""PostgreSQL from its official image."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ..settings import INITDB, postgres_conf
from .node import ContainerNode

if TYPE_CHECKING:
    from . import ContainerRuntime

HBA = """local all all trust
host all all all scram-sha-256
host replication all all scram-sha-256
"""
SERVER = "postgres -c config_file=/labs/postgresql.conf"
# The replica's container comes up while its primary is still making its cluster.
FOLLOW = """set -e
trap 'exit 1' INT TERM
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    until pg_isready -q -h {host}; do sleep 0.05; done
    PGPASSWORD=$(cat /labs/password) pg_basebackup -D "$PGDATA" -R \
        -d 'host={host} user=postgres application_name={name}' \
        -X stream --checkpoint=fast --no-sync
fi
exec {server}
"""


def node(runtime: ContainerRuntime, name: str, **options: Any) -> PostgresContainer:
    return PostgresContainer(runtime, name, **options)


class PostgresContainer(ContainerNode):
    """A primary, or with `primary` a streaming replica of it.

    The cluster lies in the anonymous volume that the image asks for: it survives a
    stop, which a tmpfs does not, and goes with the container. Settings stand in a
    file: on the command line they would win over ALTER SYSTEM.
    """

    kind = "postgres"
    port_inside = 5432
    user = "postgres"

    def __init__(
        self,
        runtime: ContainerRuntime,
        name: str,
        settings: dict[str, str],
        primary: PostgresContainer | None = None,
    ) -> None:
        super().__init__(runtime, name, primary.password if primary else "")
        self.settings = settings
        self.primary = primary
        if primary:
            self.in_network = primary.in_network = True

    def files(self) -> dict[str, str]:
        place = {"listen_addresses": "*", "hba_file": "/labs/pg_hba.conf"}
        return {
            "postgresql.conf": postgres_conf({**self.settings, **place}),
            "pg_hba.conf": HBA,
            "password": self.password,
        }

    def command(self) -> list[str]:
        if not self.primary:
            return SERVER.split()
        host = self.primary.host
        return ["sh", "-c", FOLLOW.format(host=host, name=self.name, server=SERVER)]

    def environment(self) -> dict[str, str]:
        return {
            "POSTGRES_PASSWORD_FILE": "/labs/password",
            "POSTGRES_DB": "shop",
            "POSTGRES_INITDB_ARGS": shlex.join(INITDB),
            "TZ": "UTC",
        }
