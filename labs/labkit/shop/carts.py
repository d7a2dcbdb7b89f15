"""What the shop keeps in Redis: carts, cached pages, and the server's own figures.

All functions take a client, `redis.client()`. `clear` before each run leaves nothing
of the one before.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..wait import TimedOut, wait_until
from .records import Recorder, figure, refusable

if TYPE_CHECKING:
    from ..proof import Run

# Deletes a lease only while it is one's own: after its end it may be another's.
RELEASE = """return redis.call('get', KEYS[1]) == ARGV[1]
 and redis.call('del', KEYS[1]) or 0"""


def clear(*clients: Any) -> None:
    """Empty the servers, set their counters to zero, and lift a limit of memory."""
    for client in clients:
        client.config_set("maxmemory", 0)
        client.flushall()
        client.config_resetstat()


def release(client: Any, lease: str, token: str) -> bool:
    """Give a lease back, unless it has become another's; whether it was given back."""
    return bool(client.eval(RELEASE, 1, lease, token))


def page(client: Any, key: str) -> Any:
    """A page as it was cached by `keep_page`, or None."""
    found = client.get(key)
    return json.loads(found) if found else None


def keep_page(
    client: Any,
    key: str,
    made: Any,
    ttl_ms: int | None = None,
    until_ms: int | None = None,
) -> Any:
    """Cache a page as JSON for so many milliseconds from its arrival, or until a moment
    as of `now_ms` (neither: for ever); the page."""
    client.set(key, json.dumps(made), px=ttl_ms, pxat=until_ms)
    return made


def look(run: Recorder, client: Any, who: str, key: str) -> Any:
    """The page or None, recorded as an inner "look" whose value is "hit" or "miss"."""
    with run.call(who, "look", key, inner=True) as op:
        found = page(client, key)
        op.value = "hit" if found else "miss"
    return found


def note_expiry(run: Run, key: str) -> None:
    """Enter an "expire" of the cache if somebody has looked for the page in vain."""
    looks = run.history.ops("look", key=key, outcome="ok")
    if any(op.value == "miss" for op in looks):
        with run.call("cache", "expire", key, inner=True):
            pass


def read_often(client: Any, key: str, times: int) -> None:
    """Read a key so many times: the traffic of a quiet morning, unrecorded."""
    with client.pipeline(transaction=False) as views:
        for _ in range(times):
            views.get(key)
        views.execute()


def fill_pages(
    client: Any, pages: int, kb: int = 1, ttl_s: int | None = None, singles: int = 200
) -> int:
    """Cache page:0, page:1, ... of `kb` KB each; how many the server refused.

    They go in bundles of 50, the last `singles` one by one: a server looks at its
    memory between commands of different clients, not inside a bundle.
    """
    from redis.exceptions import OutOfMemoryError

    refused, number, text = 0, 0, "x" * kb * 1024
    while number < pages:
        bundle = min(50, max(1, pages - singles - number))
        pipe = client.pipeline(transaction=False)
        for of_bundle in range(number, number + bundle):
            pipe.set(f"page:{of_bundle}", text, ex=ttl_s)
        answers = pipe.execute(raise_on_error=False)
        refused += sum(isinstance(a, OutOfMemoryError) for a in answers)
        number += bundle
    return refused


def shopper(number: int) -> tuple[str, str]:
    """The name and the cart of a shopper: ("shopper07", "cart:07")."""
    return f"shopper{number:02}", f"cart:{number:02}"


def fill_carts(
    run: Recorder, client: Any, carts: int, ttl_s: int | None = None
) -> None:
    """Each of so many shoppers fills a cart, recorded as "write" and refusable.

    client: anything with set(key, text, ex=...).
    """
    for number in range(1, carts + 1):
        (who, key), cart = shopper(number), f"{1 + number % 3} x product {number}"
        with refusable(run, who, "write", key, cart):
            client.set(key, cart, ex=ttl_s)


def read_carts(run: Recorder, client: Any, carts: int) -> None:
    """Each shopper reads the cart at the checkout, recorded as "read"; None: gone."""
    for number in range(1, carts + 1):
        who, key = shopper(number)
        with run.call(who, "read", key) as op:
            op.value = client.get(key)


def one_more_cart(run: Recorder, client: Any, ttl_s: int | None = None) -> None:
    """The last shopper fills a large cart in three steps of 64 KB, recorded as "fill"
    and refusable, and looks at it: an inner "see" whose value is its size in KB."""
    key, steps = "cart:last", 3
    with refusable(run, "last shopper", "fill", key):
        for step in range(steps):
            client.set(f"{key}:{step}", "x" * 64 * 1024, ex=ttl_s)
    with run.call("last shopper", "see", key, inner=True) as op:
        parts = [client.get(f"{key}:{step}") or "" for step in range(steps)]
        op.value = sum(map(len, parts)) // 1024


def lie_idle(client: Any, pattern: str, seconds: int = 3600) -> None:
    """Make the server believe that nobody has used the keys for so long.

    DUMP and RESTORE with IDLETIME, or with a FREQ of 0 under an LFU policy. A time to
    live has gone on meanwhile: a key whose time is over is gone.
    """
    lfu = "lfu" in client.config_get("maxmemory-policy")["maxmemory-policy"]
    use = {"frequency": 0} if lfu else {"idletime": seconds}
    for key in client.keys(pattern):
        value, ttl = client.dump(key), client.pttl(key)
        left = max(0, ttl - 1000 * seconds)
        if ttl >= 0 and not left:
            client.delete(key)
        else:
            client.restore(key, left, value, replace=True, **use)


def figures(
    run: Recorder, client: Any, section: str, *names: str, node: str = "redis"
) -> dict[str, Any]:
    """Enter figures of INFO into the history; the figures by name.

    A name that INFO leaves out is 0: an error that never happened is not listed.
    """
    told = client.info(section)
    return {name: figure(run, node, name, told.get(name, 0)) for name in names}


def evicted(client: Any) -> int:
    """Keys that the server evicted, since `clear`."""
    return client.info("stats")["evicted_keys"]


def refused_writes(client: Any) -> int:
    """Commands that the server refused for want of memory, since `clear`."""
    errors = client.info("errorstats")
    return errors.get("errorstat_OOM", {"count": 0})["count"]


def hit_ratio(stats: dict[str, Any]) -> float:
    """The share of lookups that found their key, of INFO's section stats; 0 of none."""
    hits, misses = stats["keyspace_hits"], stats["keyspace_misses"]
    return hits / max(1, hits + misses)


def let_pass(client: Any, ms: int) -> None:
    """Wait until so many milliseconds have passed by the server's clock, which is the
    clock that its times to live run by."""
    client.set("hourglass", "sand", px=ms)
    late = "the hourglass still runs"
    wait_until(lambda: not client.exists("hourglass"), ms / 1000 + 10, late)


def due(client: Any, what: str, every_ms: int) -> bool:
    """True once every so often, by the server's clock."""
    return bool(client.set(f"due:{what}", "sand", nx=True, px=every_ms))


def now_ms(client: Any) -> int:
    """Milliseconds since 1970 by the server's clock, which its ends are judged by."""
    seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000


def until_ms(client: Any, moment: float) -> None:
    """Wait until it is `moment` (as of `now_ms`) by the server's clock. Writes nothing.

    Raises TimedOut 30 s after the moment should have come.
    """
    left = max(0.0, moment - now_ms(client)) / 1000
    late = "the server's clock does not get there"
    wait_until(lambda: now_ms(client) >= moment, left + 30, late)


@contextmanager
def steady_clock(client: Any, off_ms: int = 50) -> Iterator[None]:
    """Raise TimedOut if the server's clock was set during the block: then times to live
    were not what they said, and nothing can be concluded.

    off_ms: by how much it may certainly differ from this process' own clock, which is
    never set. That an answer is slow in coming is no difference.
    """
    before = _ahead(client)
    yield
    after = _ahead(client)
    step = max(after[0] - before[1], before[0] - after[1])
    if step > off_ms:
        raise TimedOut(f"the server's clock was set by {step / 1000:.1f} s meanwhile")


def _ahead(client: Any) -> tuple[float, float]:
    """By how many ms the server's clock is ahead of this process', at least and at
    most."""
    asked = 1000 * time.monotonic()
    told = now_ms(client)
    answered = 1000 * time.monotonic()
    return told - answered, told + 1 - asked  # its milliseconds are cut off


@contextmanager
def reads_nothing(server: Any, key: str, times: int) -> Iterator[bool]:
    """Ask for a value so many times on a connection of one's own, and read no answer.

    server: a `Redis` or a node of it, whose counters begin at zero. Yields, when the
    server has served all requests or closed the connection, whether it kept it.
    """
    from redis.exceptions import ConnectionError as Closed

    connection = server.client(decode_responses=False).connection_pool.get_connection()
    observer = server.client()
    # by its number: the address that a server sees may be a container's gateway
    connection.send_command("CLIENT", "ID")
    number = str(connection.read_response())

    def mine() -> bool:
        return any(one["id"] == number for one in observer.client_list())

    def served() -> int:
        # GETRANGE copies; a server may send a whole value without holding it twice
        return observer.info("commandstats").get("cmdstat_getrange", {}).get("calls", 0)

    try:
        with contextlib.suppress(Closed):
            for _ in range(times):
                connection.send_command("GETRANGE", key, 0, -1)
        late = "the server has not served all requests"
        wait_until(lambda: not mine() or served() >= times, 20, late)
        yield mine()
    finally:
        connection.disconnect()
