"""A real Prometheus: what it promises, and where it is not to be had."""

import re
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from prometheus_client import start_http_server
from promises import *  # noqa: F403

from labkit import (
    History,
    Op,
    Postgres,
    Prometheus,
    RuntimeUnavailable,
    observe,
    wait_until,
)
from labkit.runtimes import Session
from labkit.runtimes.containers import ContainerRuntime, engine_problem
from labkit.runtimes.containers.engine import bridge
from labkit.runtimes.processes import ProcessRuntime

HOST = "host.docker.internal"


def read(began, seconds, outcome="ok"):
    return Op(
        0,
        "ann",
        "read",
        "page:1",
        t_call=began,
        t_ret=began + seconds,
        outcome=outcome,
        node="redis",
    )


def test_a_runtime_says_beforehand_what_it_has_not():
    session = SimpleNamespace()  # nothing is started
    assert ProcessRuntime(session).has(Postgres.package)
    assert not ProcessRuntime(session).has(Prometheus.package)
    with pytest.raises(RuntimeUnavailable, match="prometheus runs in containers only"):
        Prometheus({}).attach(ProcessRuntime(session))


@pytest.fixture(scope="module")
def runtime(cannot_run):
    if problem := engine_problem():
        cannot_run(f"no Docker engine for containers: {problem}")
    session = Session()
    yield ContainerRuntime(session)
    session.close()


@pytest.fixture(scope="module")
def server(lab, app, cannot_run):
    if not lab.has(Prometheus):
        pytest.skip("no package brings Prometheus as a plain process")
    try:
        return lab.start(Prometheus({"shop": app}))
    except RuntimeUnavailable as error:
        return cannot_run(str(error))


@contextmanager
def exposed(registry):
    """A registry where a container finds it: "host:port"."""
    server, thread = start_http_server(0, bridge() or "127.0.0.1", registry)
    yield f"{HOST}:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_real_prometheus_scrapes_what_the_history_tells(runtime, cannot_run):
    seen = History()
    for op in (read(0, 0.03), read(1, 0.04), read(2, 1, "unknown"), read(3, 1, "fail")):
        seen.add(op)
    with exposed(observe.registry(seen)) as target:
        prometheus = Prometheus({"shop": [target]}, every=0.2)
        prometheus.attach(runtime)
        assert runtime.has(Prometheus.package)
        try:
            prometheus.start()
        except RuntimeUnavailable as error:
            cannot_run(str(error))
        assert prometheus.version().count(".") == 2
        asked = "sum by (outcome) (shop_operations_total)"
        counted = {row["outcome"]: row["value"] for row in prometheus.query(asked)}
        assert counted == {"ok": 2, "unknown": 1, "fail": 1}
        slow = "histogram_quantile(0.25, sum by (le) (shop_operation_seconds_bucket))"
        (row,) = prometheus.query(slow)
        assert 0 < row["value"] < 0.05
        assert prometheus.query("scalar(vector(3))") == [{"value": 3}]
        assert prometheus.query("no_such_metric") == []
        seen.add(read(5, 0.03))
        reads = 'shop_operations_total{node="redis", outcome="ok"}'
        wait_until(
            lambda: prometheus.query(reads)[0]["value"] == 3, 10, "no further scrape"
        )
        for refused in ("sum(", "up[1m]"):
            with pytest.raises(ValueError, match=re.escape(repr(refused))):
                prometheus.query(refused)
        prometheus.stop()


def test_it_begins_by_asking_whether_it_reaches_what_runs_on_this_computer(
    runtime, cannot_run, monkeypatch
):
    def unreached(_, others):
        raise RuntimeUnavailable(f"cannot reach {list(others)}")

    prometheus = Prometheus({"shop": [f"{HOST}:1"]})
    prometheus.attach(runtime)
    monkeypatch.setattr(type(prometheus.node.machine), "must_reach", unreached)
    try:
        prometheus.start()
    except RuntimeUnavailable as error:
        if "cannot reach" not in str(error):
            cannot_run(str(error))
        assert str(error) == f"cannot reach ['{HOST}:1']"
    else:
        pytest.fail("it was not asked")
    finally:
        prometheus.stop()


def test_a_target_that_does_not_answer_is_told(runtime, cannot_run):
    prometheus = Prometheus({"shop": [f"{HOST}:1"]}, every=0.2)
    prometheus.attach(runtime)
    try:
        prometheus.node.start()
    except RuntimeUnavailable as error:
        cannot_run(str(error))
    wait_until(lambda: prometheus.query("up"), 20, "it has not tried")
    assert prometheus.query("sum(up)") == [{"value": 0}]
    assert not prometheus.has_scraped_all()
    prometheus.stop()
