"""A copy nearer than Redis: pages in the application's own memory.

Redis remembers what a connection has read, and names each of those keys when it changes
(CLIENT TRACKING). Two connections: one reads, the other hears of changes.
"""

from __future__ import annotations

import json
import time
from math import inf
from typing import TYPE_CHECKING, Any

from .. import faults

if TYPE_CHECKING:
    from ..servers.redis import RedisNode

CHANGED = "__redis__:invalidate"


class Near:
    """Pages by key, as they were read from Redis.

    own_end: forget a page when its time to live, as Redis told it, is over, whether a
    change was heard of or not. asked: how often Redis was asked for a page.
    """

    def __init__(self, redis: RedisNode, own_end: bool = True) -> None:
        self.own_end = own_end
        self.hears = True
        self.asked = 0
        self._kept: dict[str, tuple[Any, float]] = {}
        # Both by the older protocol, in which changes arrive as messages of a channel.
        # A flush is told in the reader's protocol, whatever the listener's is.
        listener = redis.client(client_name=f"near-{id(self)}", protocol=2)
        self._changes = listener.pubsub(ignore_subscribe_messages=True)
        self._changes.subscribe(CHANGED)
        self._changes.get_message(timeout=5)
        ids = {c["name"]: c["id"] for c in listener.client_list() if c["sub"] != "0"}
        self._reader = redis.client(single_connection_client=True, protocol=2)
        self._reader.execute_command(
            *("CLIENT", "TRACKING", "ON", "REDIRECT", ids[f"near-{id(self)}"])
        )

    def page(self, key: str) -> Any:
        """The page, from memory or else from Redis, or None."""
        self.hear()
        kept, end = self._kept.get(key, (None, 0.0))
        if kept and (not self.own_end or time.monotonic() < end):
            return kept
        self.asked += 1
        asked = time.monotonic()  # before, so that the end is never too late
        # in this order: of a page that is replaced in between, the end comes too soon
        ttl_ms = self._reader.pttl(key)
        found = self._reader.get(key)
        if found is None:
            self._kept.pop(key, None)
            return None
        end = inf if ttl_ms == -1 else asked + ttl_ms / 1000
        self._kept[key] = json.loads(found), end
        return self._kept[key][0]

    def hear(self) -> None:
        """Forget what Redis says has changed; everything when it was flushed."""
        while self.hears and (change := self._changes.get_message(timeout=0)):
            for key in change["data"] or list(self._kept):
                self._kept.pop(key, None)

    def forget(self) -> None:
        """Forget everything."""
        self._kept.clear()


@faults.fault("nobody hears of changes")
def deaf(near: Near) -> faults.Body:
    """The application starts with nothing kept, and its thread that listens hangs.

    Meter: 1 while it does.
    """
    near.forget()
    near.hears = False
    yield lambda: int(not near.hears)
    near.hears = True
