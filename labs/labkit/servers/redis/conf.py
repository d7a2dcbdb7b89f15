"""What Redis is told, the same in both runtimes."""

from __future__ import annotations

from collections.abc import Mapping


def redis_conf(
    place: Mapping[str, str],
    settings: Mapping[str, str],
    password: str,
    primary: tuple[str, int] | None = None,
) -> str:
    """redis.conf. `place`: address and directory; primary: host and port to follow."""
    conf = {
        **place,
        "requirepass": password,
        "save": '""',
        "appendonly": "no",
        # without it, a first replica waits 5 s for others to join
        "repl-diskless-sync-delay": "0",
        # Valkey's default frees memory some time after FLUSHALL has returned, and till
        # then it counts as used
        "lazyfree-lazy-user-flush": "no",
        **settings,
    }
    if primary:
        host, port = primary
        conf |= {"replicaof": f"{host} {port}", "masterauth": password}
    return "".join(f"{key} {value}\n" for key, value in conf.items())
