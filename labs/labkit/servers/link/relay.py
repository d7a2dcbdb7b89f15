"""A network between two servers: passes bytes on, late, slowly, or not at all.

Run as a program with the path of its settings, which `labkit.servers.link` writes; it
reads them again at SIGHUP, and says so in a line of JSON with what it has carried. It
imports nothing of labkit, and is a process of its own, so that a busy notebook does not
slow what it carries.

What it imitates: the time that a packet travels, in each direction; the round trip that
opens a connection, although the kernel here accepts at once (what the client sends
first arrives that much later); a line of so many bytes a second, which all connections
share; packets that are lost, and sent again once the line is whole. What it does not:
TCP's slow start, and loss without an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import struct
import sys
from functools import partial
from pathlib import Path
from typing import Any

WINDOW = 256 << 10  # bytes of a connection under way at once, in each direction
A_LITTLE = 1e-6  # seconds between two deliveries, which keeps them in order


class Direction:
    """One way along the line. delay: seconds. bandwidth: bytes a second, None: no
    limit. cut: whether what arrives now is kept back until it is not."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.bandwidth: float | None = None
        self.cut = False
        self.bytes = 0  # delivered
        self.busy_until = 0.0
        self.kept: list[Any] = []  # deliveries, in their order

    def carry(self, size: int, deliver: Any, not_before: float = 0.0) -> None:
        """Call `deliver` when so many bytes have come to the other end."""
        loop = asyncio.get_running_loop()
        begin = max(loop.time(), self.busy_until, not_before)
        self.busy_until = begin + size / self.bandwidth if self.bandwidth else begin
        self.busy_until += A_LITTLE
        loop.call_at(self.busy_until + self.delay, self._arrive, size, deliver)

    def _arrive(self, size: int, deliver: Any) -> None:
        if self.cut:
            self.kept.append((size, deliver))
        else:
            self.bytes += size
            deliver()

    def set(self, delay: float, bandwidth: float | None, cut: bool) -> None:
        self.delay, self.bandwidth, self.cut = delay, bandwidth, cut
        while self.kept and not self.cut:
            self._arrive(*self.kept.pop(0))


class Line:
    """Both directions, and what has been carried. trips: round trips that a client
    waited for: one to open each connection, and one for each time that an answer began
    after something had been asked."""

    def __init__(self) -> None:
        self.there, self.back = Direction(), Direction()
        self.connections = self.trips = 0


class End(asyncio.Protocol):
    """One end of a connection; `other` is the end that what it reads is written to."""

    transport: asyncio.Transport
    other: End

    def __init__(self, direction: Direction) -> None:
        self.direction = direction  # of what is read here
        self.not_before = 0.0
        self.under_way = 0  # bytes

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.under_way += len(data)
        if self.under_way > WINDOW:
            self.transport.pause_reading()
        self._carry(len(data), partial(self._deliver, data))

    def _deliver(self, data: bytes) -> None:
        self.under_way -= len(data)
        if self.under_way <= WINDOW:
            self.transport.resume_reading()
        self.other.transport.write(data)

    def eof_received(self) -> bool:
        self._carry(0, self._end)
        return True  # what comes the other way still passes

    def _end(self) -> None:
        if not self.other.transport.is_closing():
            with contextlib.suppress(OSError):  # the other end has gone meanwhile
                self.other.transport.write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        gone = getattr(self, "other", None)
        if gone:
            leave = partial(reset, gone.transport) if error else gone.transport.close
            self._carry(0, leave)

    def _carry(self, size: int, deliver: Any) -> None:
        self.direction.carry(size, deliver, self.not_before)


class ClientEnd(End):
    """The end at which a client has come in."""

    def __init__(self, line: Line, target: tuple[str, int]) -> None:
        super().__init__(line.there)
        self.line = line
        self.target = target
        self.asked = False  # and not yet answered

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.pause_reading()  # until there is somebody to pass it on to
        line = self.line
        line.connections += 1
        line.trips += 1
        now = asyncio.get_running_loop().time()
        self.far = FarEnd(self, not_before=now + line.there.delay)
        self.not_before = now + line.there.delay + line.back.delay
        self.opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.far, *self.target)
        except OSError:  # a client learns of it after the round trip
            loop.call_at(self.not_before, reset, self.transport)
            return
        self.other = self.far
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self.asked = True
        super().data_received(data)


class FarEnd(End):
    """The end at the server."""

    def __init__(self, client: ClientEnd, not_before: float) -> None:
        super().__init__(client.line.back)
        self.other: ClientEnd = client
        self.not_before = not_before

    def data_received(self, data: bytes) -> None:
        if self.other.asked:
            self.other.line.trips += 1
            self.other.asked = False
        super().data_received(data)


def reset(transport: Any) -> None:
    """End a connection as a refusal or a crash does, not as a farewell."""
    at_once = struct.pack("ii", 1, 0)
    with contextlib.suppress(OSError):  # it has ended meanwhile
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, at_once
        )
    transport.abort()


def apply(line: Line, path: Path) -> None:
    settings = json.loads(path.read_text())
    for name in ("there", "back"):
        getattr(line, name).set(**settings[name])
    told = {
        "in_force": settings["number"],
        "connections": line.connections,
        "trips": line.trips,
        "bytes_there": line.there.bytes,
        "bytes_back": line.back.bytes,
        "cut": [line.there.cut, line.back.cut],
    }
    print(json.dumps(told), flush=True)


async def main(path: Path) -> None:
    settings = json.loads(path.read_text())
    line, loop, done = Line(), asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, apply, line, path)
    loop.add_signal_handler(signal.SIGTERM, done.set)
    target = (settings["to"][0], settings["to"][1])
    for host, port in settings["listen"]:
        await loop.create_server(lambda: ClientEnd(line, target), host, port)
    apply(line, path)
    await done.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
