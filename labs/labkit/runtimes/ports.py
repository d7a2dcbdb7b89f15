"""Ports chosen by the kernel of the operating system and kept for one server."""

from __future__ import annotations

import contextlib
import socket
import sys


class Port:
    """A port of the loopback interface (or of `host`) that one server alone gets;
    number: a certain one, which raises OSError where it is taken.

    On Linux it stays bound, without listening, for as long as this object lives, and
    whether SO_REUSEADDR is set on it opens and shuts it: between `release` and `hold` a
    server that sets it, too, can listen there (PostgreSQL, Redis, the JVM and Docker
    all do); at any other time nobody can, whatever the account. So a server that is
    killed leaves no port for a stranger, who would be sent passwords by its clients.

    Elsewhere two sockets may not share a port: it is let go at `release`, and bound
    again at the first `hold` after the server's end.
    """

    def __init__(self, host: str = "127.0.0.1", number: int = 0) -> None:
        self.host = host
        self._closed = False
        self._socket: socket.socket | None = socket.socket()
        self._socket.bind((host, number))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Call right before the server starts."""
        if shared():
            self._let_in(True)
        elif self._socket is not None:
            self._socket.close()
            self._socket = None

    def hold(self) -> None:
        """Call when the server listens, and when it has ended. May be called twice."""
        if self._closed:
            return
        if self._socket is not None:
            self._let_in(False)
            return
        again = socket.socket()
        with contextlib.suppress(OSError):  # the server still listens
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind((self.host, self.number))
            self._socket = again
            return
        again.close()

    def close(self) -> None:
        self._closed = True
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _let_in(self, yes: bool) -> None:
        if self._socket is not None and shared():
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(yes))


def shared() -> bool:
    """Whether a server may listen on a port that is bound here."""
    return sys.platform.startswith("linux")
