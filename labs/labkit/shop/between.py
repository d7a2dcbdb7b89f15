"""What somebody else does between two commands of a client of Redis.

For judges: steps that must be one, and are two, have a place between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

COMMANDS = 4  # more than a step of a lab needs


@contextmanager
def after_command(
    client: Any, number: int, act: Callable[[], object]
) -> Iterator[list[bool]]:
    """In the block, act() as soon as the server has answered the client's command of
    this number, counted from 1 (0: never). Yields what has happened: [] or [True].
    """
    from redis import ConnectionPool

    pool, left, happened = client.connection_pool, 0, list[bool]()

    class Watched(pool.connection_class):  # type: ignore[name-defined]
        def read_response(self, *args: Any, **more: Any) -> Any:
            nonlocal left
            try:
                return super().read_response(*args, **more)
            finally:
                left -= 1
                if left == 0:
                    happened.append(True)
                    act()

    client.connection_pool = ConnectionPool(
        connection_class=Watched, **pool.connection_kwargs
    )
    try:
        client.ping()  # the answers of the handshake do not count
        left = number
        yield happened
    finally:
        client.connection_pool.disconnect()
        client.connection_pool = pool
