"""What this account may use, and what this computer has, before a server dies of it."""

from __future__ import annotations

import contextlib
import errno
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

PORTS = 300  # the crowd of `no_connection_left` passes with 200


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


def require_ports() -> None:
    """Raises RuntimeUnavailable where fewer ports are free than a lab's crowd needs."""
    with contextlib.ExitStack() as held:
        for free in range(PORTS):
            try:
                held.enter_context(socket.socket()).bind(("127.0.0.1", 0))
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    return  # another limit, which servers name
                raise RuntimeUnavailable(
                    f"Servers and their clients need {PORTS} free ports, and this "
                    f"computer gives out {free} ({error.strerror}). End programs that "
                    "hold many connections, or have root widen the range: "
                    'sysctl -w net.ipv4.ip_local_port_range="32768 60999"'
                ) from None
