"""What the servers are told, the same in both runtimes: all but their addresses."""

from __future__ import annotations

from collections.abc import Mapping

from .kafka_listeners import closed

# Speed that changes what a crash of the machine would do: nothing here outlives it.
POSTGRES_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "5s",
    "shared_buffers": "32MB",
    "max_connections": "60",
    # with posix or sysv, a killed server would leave segments outside its directory
    "dynamic_shared_memory_type": "mmap",
    "logging_collector": "off",
}
INITDB = (
    *("-E", "UTF8", "--no-locale", "--no-instructions"),
    *("--no-sync", "--wal-segsize=1"),
)
# For a session in template1. Half the files, and so half the time of every copy: no
# second and third database beside `shop`, which is `postgres` under another name.
SHOP_ALONE = """alter database postgres rename to shop;
alter database template0 is_template false;
drop database template0;
"""
KAFKA_HEAP = ("-Xms256m", "-Xmx256m")
KAFKA_JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a broker that lives for a minute never repays more
)


def postgres_conf(settings: Mapping[str, str]) -> str:
    """postgresql.conf: the labs' own settings, overridden by `settings`."""
    conf = {**POSTGRES_FAST, **settings}
    return "".join(f"{key} = '{value}'\n" for key, value in sorted(conf.items()))


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
        **settings,
    }
    if primary:
        host, port = primary
        conf |= {"replicaof": f"{host} {port}", "masterauth": password}
    return "".join(f"{key} {value}\n" for key, value in conf.items())


def kafka_properties(
    *,
    node_id: int,
    roles: str,
    settings: Mapping[str, str],
    voters: Mapping[int, str],
    listeners: Mapping[str, Mapping[str, str]],
    advertised: Mapping[str, str],
    between_brokers: str,
    password: str,
    data: str,
) -> str:
    """server.properties of one node.

    roles: "broker,controller" or one of them. voters: host:port of each controller by
    its node id. listeners: for each role, host:port to listen on by listener name;
    names of the other roles are known too, since a node also calls them. advertised:
    host:port that clients are told, by listener name; empty for a controller.
    between_brokers: the listener for traffic among brokers. data: directory.
    """
    mine = {k: v for role in roles.split(",") for k, v in listeners[role].items()}
    conf = {
        **settings,
        **closed(
            [k for of in listeners.values() for k in of], between_brokers, password
        ),
        "process.roles": roles,
        "node.id": str(node_id),
        "controller.quorum.voters": ",".join(f"{k}@{v}" for k, v in voters.items()),
        "listeners": urls(mine),
        "log.dirs": data,
    }
    if advertised:
        conf["advertised.listeners"] = urls(advertised)
    return "".join(f"{key}={value}\n" for key, value in conf.items())


def urls(places: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{place}" for name, place in places.items())
