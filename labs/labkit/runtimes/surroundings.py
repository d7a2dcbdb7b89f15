"""The reader's environment variables, none of which may reach a server or a client.

A PGOPTIONS or JAVA_TOOL_OPTIONS that is right for a reader's own work makes a lab fail
in odd places, or prove something else.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Mapping

CLIENTS = ("PG",)  # read by client libraries, in the process that uses them
SERVERS = (*CLIENTS, "JAVA_", "_JAVA_", "JDK_JAVA_", "KAFKA_", "PYTHON", "LC_")
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


def be_patient() -> None:
    """What a reader set for programs of their own ends no lab: PYTHONWARNINGS=error is
    met by deprecations in drivers, an output of ASCII alone by a dash in a table."""
    if os.environ.get("PYTHONWARNINGS"):
        warnings.resetwarnings()
        for kind in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def be_let_in() -> None:
    """No umask keeps this account out of what it makes itself."""
    os.umask(os.umask(0o077) & ~0o700)


def forget_clients_settings() -> None:
    """Take the variables of client libraries out of this process: libpq, for one, reads
    them at every connection, and a connection string cannot forbid it."""
    for name in [name for name in os.environ if name.startswith(CLIENTS)]:
        del os.environ[name]
