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
    upstreams by group. reach: host:port of one of them. scratch: directory for what it
    writes. user: of its workers; "" for its own."""
    groups = "\n".join(
        f"    upstream {name} {{ "
        + " ".join(f"server {reach(place)};" for place in places)
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
    return CONF.format(**{**conf, **made})
