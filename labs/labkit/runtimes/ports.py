"""Ports chosen by the kernel of the operating system and kept until they are used."""

from __future__ import annotations

import socket
import sys


class Port:
    """A free port of the loopback interface (or of `host`), kept for one server.

    On Linux the port stays bound, without listening, for as long as this object lives:
    a server that sets SO_REUSEADDR (PostgreSQL, Redis, the JVM and Docker all do) can
    listen on it, nobody else is given it, and it survives the server's restarts.
    Elsewhere two sockets may not share a port, so it is let go at `release`.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._socket: socket.socket | None = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Call right before the server starts."""
        if not sys.platform.startswith("linux"):
            self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
