"""What nginx is told, the same in both runtimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CONF = """daemon off;
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
        '"status": $status, "seconds": $request_time, "bytes": $body_bytes_sent, '
        '"cache": "$upstream_cache_status", '
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
    {keeps}
    {http}
    server {{
        listen {listen};
        location = /-/generation {{ access_log off; return 200 "{generation}"; }}
        location /-/mark/ {{ return 204; }}
        location = /metrics {{ return 404; }}
        location / {{
            proxy_pass http://{to};
            {asks_with}
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_connect_timeout {timeout}ms;
            proxy_read_timeout {timeout}ms;
            {location}
        }}
        {server}
    }}
}}
"""

# What a kind of edge may have otherwise: how it asks, what each group of upstreams has
# beside its members, and where it keeps something of its own.
ASKS_WITH = """proxy_http_version 1.0;
            proxy_set_header Authorization "Bearer {key}";"""
OWN = {"asks_with": ASKS_WITH, "in_group": "", "keeps": ""}


def nginx_conf(
    conf: Mapping[str, Any],
    *,
    reach: Callable[[Any], str],
    listen: str,
    scratch: str,
    user: str,
    key: str,
) -> str:
    """nginx.conf. conf: the options of `Nginx`, with machines or "host:port" as
    upstreams by group, and what of `OWN` it has otherwise. reach: host:port of one of
    them. scratch: directory for what it writes. user: of its workers; "" for its
    own."""
    scratch = scratch.replace("\\", "\\\\").replace('"', '\\"')  # in quotes there
    own = {
        name: conf.get(name, usual).format(key=key, scratch=scratch)
        for name, usual in OWN.items()
    }
    groups = "\n".join(
        f"    upstream {name} {{ "
        + " ".join(f"server {reach(place)};" for place in places)
        + f" {own['in_group']} }}"
        for name, places in conf["upstreams"].items()
    )
    made = {
        "listen": listen,
        "scratch": scratch,
        "user": f"user {user};" if user else "",
        "timeout": round(1000 * conf["timeout"]),
        "upstreams": groups,
    }
    return CONF.format(**{**conf, **own, **made})
