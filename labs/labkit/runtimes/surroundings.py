"""The reader's environment variables, none of which may reach a server or a client.

A PGOPTIONS or JAVA_TOOL_OPTIONS that is right for a reader's own work makes a lab fail
in odd places, or prove something else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

CLIENTS = ("PG",)  # read by client libraries, in the process that uses them
SERVERS = (*CLIENTS, "JAVA_", "JDK_JAVA_", "KAFKA_", "PYTHON", "LC_")
ALSO = frozenset({"CLASSPATH", "LANG", "LANGUAGE"})


def for_servers(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a server sees of the environment: no settings, locale or proxy of its
    reader's."""
    seen = os.environ if environment is None else environment
    kept = {
        name: value
        for name, value in seen.items()
        if not name.startswith(SERVERS)
        and name not in ALSO
        and not name.lower().endswith("_proxy")
    }
    return {**kept, "LC_ALL": "C.UTF-8"}


def forget_clients_settings() -> None:
    """Take the variables of client libraries out of this process: libpq, for one, reads
    them at every connection, and a connection string cannot forbid it."""
    for name in [name for name in os.environ if name.startswith(CLIENTS)]:
        del os.environ[name]
