"""What the servers are told, the same in both runtimes: all but their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .kafka_listeners import closed

# Speed that changes what a crash of the machine would do: nothing here outlives it.
POSTGRES_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    # it locks, writes WAL and holds horizons back at times of its own
    "autovacuum": "off",
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

NGINX_CONF = """daemon off;
{user}
worker_processes 1;
worker_shutdown_timeout 2s;
pid "{scratch}/nginx.pid";
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
    map $http_traceparent $trace_id {{
        "~^[0-9a-f]{{2}}-(?<its_trace>[0-9a-f]{{32}})-[0-9a-f]{{16}}-" $its_trace;
        default "";
    }}
    log_format shop escape=json
        '{{"time": $msec, "method": "$request_method", "path": "$request_uri", '
        '"status": $status, "seconds": $request_time, '
        '"upstream": "$upstream_addr", "upstream_seconds": "$upstream_response_time", '
        '"traceparent": "$http_traceparent", "trace_id": "$trace_id", '
        '"user": "$http_x_user", "store": "$http_x_store"}}';
    access_log /dev/stdout shop;
    client_body_temp_path "{scratch}/client_body";
    proxy_temp_path "{scratch}/proxy";
    fastcgi_temp_path "{scratch}/fastcgi";
    uwsgi_temp_path "{scratch}/uwsgi";
    scgi_temp_path "{scratch}/scgi";
{upstreams}
    {http}
    server {{
        listen {listen};
        location = /-/generation {{ access_log off; return 200 "{generation}"; }}
        location /-/mark/ {{ return 204; }}
        location = /metrics {{ return 404; }}
        location / {{
            proxy_pass http://{to};
            proxy_http_version 1.0;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Authorization "Bearer {key}";
            proxy_connect_timeout {timeout}ms;
            proxy_read_timeout {timeout}ms;
            {location}
        }}
        {server}
    }}
}}
"""


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
        # Valkey's default frees memory some time after FLUSHALL has returned, and till
        # then it counts as used
        "lazyfree-lazy-user-flush": "no",
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


def nginx_conf(
    conf: Mapping[str, Any], *, listen: str, scratch: str, user: str, key: str
) -> str:
    """nginx.conf. conf: the options of `Nginx`, with upstreams as host:port by group.
    scratch: directory for what it writes. user: of its workers; "" for its own."""
    groups = "\n".join(
        f"    upstream {name} {{ "
        + " ".join(f"server {place};" for place in places)
        + " }"
        for name, places in conf["upstreams"].items()
    )
    made = {
        "listen": listen,
        "scratch": scratch.replace("\\", "\\\\").replace('"', '\\"'),  # in quotes there
        "key": key,
        "user": f"user {user};" if user else "",
        "timeout": round(1000 * conf["timeout"]),
        "upstreams": groups,
    }
    return NGINX_CONF.format(**{**conf, **made})
