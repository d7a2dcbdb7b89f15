"""What this account may use, and what this computer has, before a server dies of it."""

from __future__ import annotations

import os
import resource
import socket

from .base import RuntimeUnavailable

# by the name that a server's needs have: the limit, what it is of, and how to lift it
LIMITS = {
    "files": (resource.RLIMIT_NOFILE, "open files", "ulimit -n"),
    "processes": (resource.RLIMIT_NPROC, "processes and threads", "ulimit -u"),
    "memory": (resource.RLIMIT_AS, "bytes of address space", "ulimit -v"),
}


def require(name: str, needs: dict[str, int]) -> None:
    """Lift the limits that a server needs to be higher, for all that is started here.

    needs: {"files": 256}. Raises RuntimeUnavailable where that is not allowed.
    """
    for what, need in needs.items():
        number, of, lift = LIMITS[what]
        soft, hard = resource.getrlimit(number)
        if soft == resource.RLIM_INFINITY or soft >= need:
            continue
        if what == "processes" and os.geteuid() == 0:  # is not held to it
            continue
        if hard == resource.RLIM_INFINITY or hard >= need:
            resource.setrlimit(number, (need, hard))
            continue
        raise RuntimeUnavailable(
            f"{name} needs {need:,} {of}, and this account may use {hard:,}. Whoever "
            f"set the limit can lift it ({lift})"
        )


def require_loopback() -> None:
    """Raises RuntimeUnavailable where 127.0.0.1 cannot be used."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=2).close()
    except OSError as error:
        raise RuntimeUnavailable(
            "Servers and their clients meet at 127.0.0.1, which cannot be used here: "
            f"{error.strerror or error}. Without a network it is there, too: "
            "ip link set lo up"
        ) from error
