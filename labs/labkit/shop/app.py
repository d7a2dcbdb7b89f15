"""The shop as a web application: plain WSGI, one thread a request, one pool.

    GET  /stores/N   the store page        GET /health    the process answers
    POST /checkout   writes an order       GET /ready     and so does its database
                                           GET /metrics   as Prometheus reads them

Run as a program with the path of its settings, which `labkit.servers.app` writes. It
imports nothing of labkit. What a request to the shop leaves behind carries one trace
id, that of the W3C header `traceparent` it came with: a line of JSON on standard
output, OpenTelemetry spans in spans.jsonl, and a comment in its SQL.
"""

from __future__ import annotations

import functools
import hmac
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import psycopg
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram
from prometheus_client import generate_latest as latest_metrics
from psycopg.errors import LockNotAvailable, QueryCanceled, UniqueViolation
from psycopg_pool import ConnectionPool, PoolTimeout

STORE_PAGE = """select s.name, coalesce(json_agg(json_build_object('id', p.id,
 'name', p.name, 'price_cents', p.price_cents, 'version', p.version) order by p.id)
 filter (where p.id is not null), '[]') from stores s
 left join products p on p.store_id = s.id where s.id = %(store)s group by s.id"""
ORDER = ("order_id", "store", "product", "quantity", "amount_cents")
CHECKOUT = """insert into orders (id, store_id, product_id, quantity, amount_cents)
 values (%(order_id)s, %(store)s, %(product)s, %(quantity)s, %(amount_cents)s)"""

# The first that fits. PostgreSQL itself says 53300 when it has no connection to give.
STATUS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], int, str], ...] = (
    (PoolTimeout, 503, "no free connection in the pool"),
    (QueryCanceled, 504, "the statement took longer than it may"),
    (LockNotAvailable, 504, "the statement waited longer than it may"),
    (UniqueViolation, 409, "there is such an order already"),
    (psycopg.IntegrityError, 422, "the shop has no such store or product"),
    (psycopg.DataError, 422, "a value is out of range"),
    (psycopg.OperationalError, 503, "the database does not answer"),
    (psycopg.Error, 500, "the database refuses"),
    ((KeyError, TypeError, ValueError), 400, "not an order"),
)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
REQUESTS = Counter("shop_requests", "Requests by outcome", ["route", "status"])
SECONDS = Histogram("shop_request_seconds", "Their time", ["route"], buckets=BUCKETS)
POOL = Gauge("shop_pool", "Connections of the pool, and who waits", ["what"])

Reply = tuple[int, Any]
propagator = TraceContextTextMapPropagator()


class Shop:
    """The application. settings: see `labkit.servers.app.process`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.name = settings["name"]
        self.key = f"Bearer {settings['key']}".encode()
        self.pool = pool(settings)
        service = Resource.create({"service.name": self.name})
        tracing = TracerProvider(resource=service, shutdown_on_exit=False)
        spans = open("spans.jsonl", "a", encoding="utf-8")  # noqa: SIM115
        tracing.add_span_processor(
            SimpleSpanProcessor(ConsoleSpanExporter(out=spans, formatter=one_line))
        )
        self.tracer = tracing.get_tracer("shop")

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        body: Any
        kind = "application/json"
        path = environ["PATH_INFO"]
        shown = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
        if not hmac.compare_digest(shown, self.key):
            status, body = 403, {"error": "come in by the edge"}
        elif path == "/metrics":
            status, body, kind = 200, self.metrics(), CONTENT_TYPE_LATEST
        elif path == "/health":
            status, body = 200, {"up": self.name, "pid": os.getpid()}
        elif path == "/ready":
            status, body = guarded(self.ready)
        else:
            status, body = self.traced(environ, path)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": kind, "Content-Length": str(len(data))}
        headers["X-Served-By"] = self.name
        start(f"{status} {HTTPStatus(status).phrase}", list(headers.items()))
        return [data]

    def traced(self, environ: dict[str, Any], path: str) -> Reply:
        """Answer one request to the shop, and leave its three traces behind."""
        method, route, work = self.route(environ, path)
        parent = environ.get("HTTP_TRACEPARENT", "")
        came_with = propagator.extract({"traceparent": parent})
        began = time.perf_counter()
        with self.tracer.start_as_current_span(
            f"{method} {route}", came_with, SpanKind.SERVER
        ) as span:
            status, body = guarded(work)
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("url.path", path)
            if status >= 500:
                span.set_status(StatusCode.ERROR)
        seconds = time.perf_counter() - began
        REQUESTS.labels(route, str(status)).inc()
        SECONDS.labels(route).observe(seconds)
        line = {
            "time": round(time.time(), 3),
            "app": self.name,
            "method": method,
            "path": path,
            "status": status,
            "seconds": round(seconds, 6),
            "traceparent": parent,
            "trace_id": format_trace_id(span.get_span_context().trace_id),
            "error": body.get("error", ""),
        }
        print(json.dumps(line) + "\n", end="", flush=True)  # one write: never mixed
        return status, body

    def route(
        self, environ: dict[str, Any], path: str
    ) -> tuple[str, str, Callable[[], Reply]]:
        method = environ["REQUEST_METHOD"]
        if method == "GET" and (found := re.fullmatch(r"/stores/(\d{1,9})", path)):
            store = int(found[1])
            return method, "/stores/N", functools.partial(self.store_page, store)
        if method == "POST" and path == "/checkout":
            return method, path, functools.partial(self.checkout, environ)
        return method, "other", lambda: (404, {"error": "no such page"})

    def store_page(self, store: int) -> Reply:
        rows = self.sql("/stores/N", "SELECT stores", STORE_PAGE, {"store": store})
        if not rows:
            return 404, {"error": "no such store"}
        name, products = rows[0]
        return 200, {"store": store, "name": name, "products": products}

    def checkout(self, environ: dict[str, Any]) -> Reply:
        """Write the order in the body: a `traffic.Order`, as JSON."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length))
        order = {field: body[field] for field in ORDER}
        self.sql("/checkout", "INSERT orders", CHECKOUT, order)
        return 201, {"order_id": order["order_id"]}

    def ready(self) -> Reply:
        with self.connection() as connection:
            connection.execute("select 1")
        return 200, {"up": self.name}

    def sql(
        self, route: str, name: str, query: str, values: dict[str, Any]
    ) -> list[Any]:
        """Run one statement in a span, saying in a comment for whom."""
        about = {"db.system.name": "postgresql"}
        with (
            self.connection() as connection,
            self.tracer.start_as_current_span(
                name, kind=SpanKind.CLIENT, attributes=about
            ),
        ):
            carrier: dict[str, str] = {}
            propagator.inject(carrier)
            said = comment(route=route, **carrier).replace("%", "%%")
            cursor = connection.execute(f"{query} {said}", values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """One of the pool; the wait for it is a span of its own."""
        with self.tracer.start_as_current_span("wait for a connection"):
            connection = self.unbroken()
        try:
            yield connection
        finally:
            self.pool.putconn(connection)

    def unbroken(self) -> psycopg.Connection[Any]:
        """One that has just answered, at the price of a round trip: a restart of the
        database would else fail a request for each connection. The pool's own `check`
        waits a second before it tries another."""
        for _ in range(self.pool.max_size):
            connection = self.pool.getconn()
            try:
                self.pool.check_connection(connection)
                return connection
            except psycopg.OperationalError:
                self.pool.putconn(connection)  # which replaces it
        return self.pool.getconn()

    def metrics(self) -> bytes:
        counts = self.pool.get_stats()
        POOL.labels("connections").set(counts.get("pool_size", 0))
        POOL.labels("free").set(counts.get("pool_available", 0))
        POOL.labels("waiting").set(counts.get("requests_waiting", 0))
        return latest_metrics(REGISTRY)


def pool(settings: dict[str, Any]) -> ConnectionPool:
    """Opens its connections in the background, and again when they have broken."""
    limit = round(1000 * (settings["statement_timeout"] or 0))  # ms; 0 is none
    options = {
        "autocommit": True,
        "application_name": settings["name"],
        "connect_timeout": 5,
        "options": f"-c statement_timeout={limit}",
    }
    return ConnectionPool(
        settings["database"],
        kwargs=options,
        min_size=settings["pool_size"],
        max_size=settings["pool_size"],
        timeout=settings["pool_timeout"],
        open=True,
    )


def guarded(work: Callable[[], Reply]) -> Reply:
    """What `work` answers, or the answer that its error deserves.

    Only the database's own code is passed on, and nothing else that it said.
    """
    try:
        return work()
    except Exception as error:
        for family, status, text in STATUS:
            if isinstance(error, family):
                code = "53300" if isinstance(error, PoolTimeout) else None
                code = getattr(error, "sqlstate", None) or code
                return status, {"error": text, "sqlstate": code}
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 500, {"error": "the application failed"}


def comment(**pairs: str) -> str:
    """A comment as the sqlcommenter specification has it: keys in order, values
    URL-encoded in quotes."""
    inside = ",".join(f"{k}='{quote(v, safe='')}'" for k, v in sorted(pairs.items()))
    return f"/*{inside}*/"


def one_line(span: Any) -> str:
    return span.to_json(indent=None) + "\n"


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Without the base's reverse look-up of the address, which may take long."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()


class Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """The application logs; the server need not."""


def main(settings: dict[str, Any]) -> None:
    shop = Shop(settings)
    servers = []
    for host, port in settings["listen"]:
        server = Server((host, port), Handler)
        server.set_app(shop)
        servers.append(server)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        servers[0].serve_forever()
    finally:
        shop.pool.close(timeout=1)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
