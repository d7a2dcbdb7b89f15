"""The shop as a web application: plain WSGI, one thread a request, one pool.

    GET  /stores/N   the store page        GET /health    the process answers
    POST /checkout   writes an order       GET /ready     and so does its database
                                           GET /metrics   as Prometheus reads them
                                           GET /lines     who waits for what
                                           PUT /size      other workers, another pool

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
from opentelemetry.trace import (
    SpanKind,
    StatusCode,
    format_trace_id,
    get_current_span,
)
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
AUTHORISE = "select authorise(%(order_id)s)"
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
WORKERS = Gauge("shop_workers", "Requests being worked on, and who waits", ["what"])

Reply = tuple[int, Any]
propagator = TraceContextTextMapPropagator()


class Shop:
    """The application. settings: see `labkit.servers.app.process`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.name = settings["name"]
        self.key = f"Bearer {settings['key']}".encode()
        self.settings = settings
        self.pool = pool(settings)
        self.workers = Workers(settings["workers"])
        self.for_connection: list[str] = []  # trace ids of requests
        # the payment provider is asked on connections that are none of the pool's
        more = {**settings, "pool_size": 0}
        self.provider = pool(more, most=100) if settings["authorise"] else None
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
        elif path == "/lines":
            status, body = 200, self.lines()
        elif path == "/size" and environ["REQUEST_METHOD"] == "PUT":
            status, body = guarded(functools.partial(self.resize, environ))
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
            with self.workers.one_of_them(trace_id()):
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
        body = body_of(environ)
        order = {field: body[field] for field in ORDER}
        if self.provider:
            with self.provider.connection() as provider:
                self.run(provider, "/checkout", "authorise", AUTHORISE, order)
        self.sql("/checkout", "INSERT orders", CHECKOUT, order)
        return 201, {"order_id": order["order_id"]}

    def ready(self) -> Reply:
        with self.connection() as connection:
            connection.execute("select 1")
        return 200, {"up": self.name}

    def sql(
        self, route: str, name: str, query: str, values: dict[str, Any]
    ) -> list[Any]:
        """Run one statement on a connection of the pool: see `run`."""
        with self.connection() as connection:
            return self.run(connection, route, name, query, values)

    def run(
        self,
        connection: psycopg.Connection[Any],
        route: str,
        name: str,
        query: str,
        values: dict[str, Any],
    ) -> list[Any]:
        """Run one statement in a span, saying in a comment for whom."""
        about = {"db.system.name": "postgresql"}
        with self.tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes=about
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
            self.for_connection.append(trace_id())
            try:
                connection = self.unbroken()
            finally:
                self.for_connection.remove(trace_id())
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

    def lines(self) -> dict[str, Any]:
        """The trace ids of those who wait for a worker and for a connection; still:
        whether nobody is just being served."""
        connection, (worker, still) = [*self.for_connection], self.workers.line()
        waiting = self.pool.get_stats().get("requests_waiting", 0)
        still = still and len(connection) == waiting
        return {"worker": worker, "connection": connection, "still": still}

    def resize(self, environ: dict[str, Any]) -> Reply:
        """Take {"workers": 8, "pool_size": 4}, or one of them, while it runs."""
        self.settings |= body_of(environ)
        self.workers.resize(self.settings["workers"])
        old, self.pool = self.pool, pool(self.settings)
        self.pool.wait()
        threading.Thread(target=old.close, daemon=True).start()  # takes its time
        return 200, {"up": self.name}

    def metrics(self) -> bytes:
        WORKERS.labels("busy").set(self.workers.busy)
        WORKERS.labels("waiting").set(len(self.workers.line()[0]))
        counts = self.pool.get_stats()
        POOL.labels("connections").set(counts.get("pool_size", 0))
        POOL.labels("free").set(counts.get("pool_available", 0))
        POOL.labels("waiting").set(counts.get("requests_waiting", 0))
        return latest_metrics(REGISTRY)


class Workers:
    """So many requests are worked on at a time, any number for None; the others stand
    in line."""

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.busy = 0
        self._line: list[str] = []
        self._free = threading.Condition()

    @contextmanager
    def one_of_them(self, who: str) -> Iterator[None]:
        with self._free:
            self._line.append(who)
            self._free.wait_for(self._has_room)
            self._line.remove(who)
            self.busy += 1
        try:
            yield
        finally:
            with self._free:
                self.busy -= 1
                self._free.notify()

    def _has_room(self) -> bool:
        return self.number is None or self.busy < self.number

    def line(self) -> tuple[list[str], bool]:
        """Who waits, and whether there is room for none of them."""
        with self._free:
            return [*self._line], not (self._line and self._has_room())

    def resize(self, number: int | None) -> None:
        with self._free:
            self.number = number
            self._free.notify_all()


def trace_id() -> str:
    """Of the request that this thread works on."""
    return format_trace_id(get_current_span().get_span_context().trace_id)


def body_of(environ: dict[str, Any]) -> Any:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return json.loads(environ["wsgi.input"].read(length))


def pool(settings: dict[str, Any], most: int | None = None) -> ConnectionPool:
    """Opens its connections in the background, and again when they have broken. most:
    to so many it grows; without, it keeps its size."""
    limit = round(1000 * (settings["statement_timeout"] or 0))  # ms; 0 is none
    path = ",".join(filter(None, (settings["schema"], "public")))
    options = {
        "autocommit": True,
        "application_name": settings["name"],
        "connect_timeout": 5,
        "options": f"-c statement_timeout={limit} -c search_path={path}",
    }
    return ConnectionPool(
        settings["database"],
        kwargs=options,
        min_size=settings["pool_size"],
        max_size=most or settings["pool_size"],
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
