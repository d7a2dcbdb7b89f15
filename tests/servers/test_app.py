"""Promises of the shop's application, which is asked through an edge."""

import threading
from dataclasses import asdict
from random import Random

import pytest
from promises import *  # noqa: F403

from labkit import App, History, Postgres, faults, shop, wait_until
from labkit.servers import http

ORDERS = iter(shop.traffic.orders(Random(7), 100, stores=20))
TRACE = "5bd66ef5095369c7b0d1f8f4bd33716a"
PARENT = f"00-{TRACE}-c532cb4098ac3dd2-01"


@pytest.fixture(scope="module")
def server(app):
    return app


def order():
    """One that no test has placed before."""
    return asdict(next(ORDERS))


def placed(db, one):
    return db.primary.value(
        "select count(*) from orders where id = %s", [one["order_id"]]
    )


def test_an_order_placed_at_the_edge_is_in_the_database_once(db, edge):
    one = order()
    assert edge.post("/checkout", one).status == 201
    assert edge.post("/checkout", one).status == 409
    assert placed(db, one) == 1


def test_the_store_page_shows_the_prices_in_the_database(db, edge):
    db.primary.sql("update products set price_cents = 4242 where id = 31")
    page = edge.get("/stores/7").json()
    assert page["products"][0]["price_cents"] == 4242
    assert edge.get("/stores/999").status == 404


@pytest.mark.parametrize(
    "wrong, status",
    [({"store": 999}, 422), ({"quantity": 0}, 422), ({"quantity": "many"}, 422)],
)
def test_an_order_that_cannot_be_is_refused_and_not_written(wrong, status, db, edge):
    one = {**order(), **wrong}
    assert edge.post("/checkout", one).status == status
    assert edge.post("/checkout", {"order_id": one["order_id"]}).status == 400
    assert placed(db, one) == 0


def test_a_request_is_followed_from_the_edge_to_pg_stat_activity(db, app, edge):
    answers = []
    one = order()
    headers = {"traceparent": PARENT, "X-User": 'Ann "A"', "X-Store": "7"}

    def buy():
        answers.append(edge.post("/checkout", one, headers=headers).status)

    waiting = f"""select wait_event_type, query from pg_stat_activity
        where query like '%%{TRACE}%%' and pid <> pg_backend_pid()"""
    with db.primary.connect(autocommit=False) as holder:
        holder.execute("lock table orders")
        buyer = threading.Thread(target=buy)
        buyer.start()
        wait_until(
            lambda: [r for r in db.primary.sql(waiting) if r[0] == "Lock"],
            20,
            "no statement with the trace's id waits for the lock",
        )
        ((_, query),) = db.primary.sql(waiting)
    buyer.join()
    assert answers == [201]
    assert "/*route='%2Fcheckout',traceparent='00-" in query
    (at_edge,) = [e for e in edge.access_log() if e["trace_id"] == TRACE]
    (at_app,) = [e for e in app.request_log() if e["trace_id"] == TRACE]
    assert (at_edge["user"], at_edge["store"]) == ('Ann "A"', "7")
    assert at_edge["traceparent"] == at_app["traceparent"] == PARENT
    assert at_edge["status"] == at_app["status"] == 201
    # nginx cuts each to a millisecond
    assert at_edge["seconds"] + 0.001 >= at_edge["upstream_seconds"] > 0
    spans = [s for s in app.spans() if s["context"]["trace_id"] == f"0x{TRACE}"]
    of_statement = next(s for s in spans if s["name"] == "INSERT orders")
    assert f"{TRACE}-{of_statement['context']['span_id'][2:]}-" in query
    assert {s["name"] for s in spans} == {
        "POST /checkout",
        "wait for a connection",
        "INSERT orders",
    }


def test_a_request_without_a_traceparent_begins_a_trace_at_the_application(app, edge):
    edge.get("/stores/3")
    assert edge.access_log()[-1]["trace_id"] == ""
    assert len(app.request_log()[-1]["trace_id"]) == 32


def test_the_application_lets_nobody_in_without_the_key(app, edge):
    for path in ("/stores/7", "/health", "/metrics"):
        assert http.request(app.nodes[0].machine.address(), "GET", path).status == 403
    assert edge.get("/metrics").status == 404


def test_metrics_count_requests_by_outcome(lab, db, edge):
    alone = lab.start(App(database=db, name="counted"))
    alone.get("/stores/7")
    alone.get("/stores/999")
    alone.get("/health")
    found = alone.get("/metrics").text
    assert 'shop_requests_total{route="/stores/N",status="200"} 1.0' in found
    assert 'shop_requests_total{route="/stores/N",status="404"} 1.0' in found
    assert 'shop_request_seconds_count{route="/stores/N"} 2.0' in found
    assert 'shop_pool{what="connections"} 4.0' in found
    alone.stop()


def test_a_statement_over_its_time_is_ended_and_a_history_knows_it_failed(
    lab, db, edge
):
    hasty = lab.start(App(database=db, name="hasty", statement_timeout=1))
    one = order()
    history = History()
    with db.primary.connect(autocommit=False) as holder:
        holder.execute("lock table orders")
        with (
            pytest.raises(http.Refused, match="504"),
            history.call("customer", "write"),
        ):
            hasty.post("/checkout", one).ok()
        assert hasty.get("/stores/7").status == 200
    assert [op.outcome for op in history] == ["fail"]
    assert placed(db, one) == 0
    hasty.stop()


def test_a_full_pool_answers_503_and_serves_again_when_it_is_free(lab, db, app):
    full = lab.start(App(database=db, name="full"))
    full.set(pool_size=1, pool_timeout=0.5)
    wait_until(full.nodes[0].serves, 20, "its pool is not filled")
    one = order()
    with db.primary.connect(autocommit=False) as holder:
        holder.execute("lock table orders")
        buyer = threading.Thread(target=full.post, args=("/checkout", one))
        buyer.start()
        waits = "select 1 from pg_locks where not granted"
        wait_until(lambda: db.primary.sql(waits), 20, "nothing waits for the lock")
        answer = full.get("/stores/7")
        assert answer.status == 503
        assert answer.json()["sqlstate"] == "53300"
    buyer.join()
    assert full.get("/stores/7").status == 200
    assert placed(db, one) == 1
    full.stop()


def test_who_finds_no_worker_or_connection_stands_in_line_and_is_named(lab, db):
    small = lab.start(App(database=db, name="small", workers=1, pool_size=1))
    traces = [f"{n:032x}" for n in (1, 2, 3)]

    def buy(trace):
        header = {"traceparent": f"00-{trace}-{trace[16:]}-01"}
        return small.post("/checkout", order(), headers=header)

    def named():
        return {one for name in ("worker", "connection") for one in lines()[name]}

    def lines():
        return small.get("/lines").json()

    with db.primary.connect(autocommit=False) as holder, shop.Crowd() as crowd:
        holder.execute("lock table orders")
        for trace in traces:
            crowd.send(buy, trace)
        wait_until(lambda: len(lines()["worker"]) == 2, 20, "nobody stands in line")
        assert lines()["still"]
        assert named() < set(traces)
        metrics = small.get("/metrics").text
        assert 'shop_workers{what="busy"} 1.0' in metrics
        assert 'shop_workers{what="waiting"} 2.0' in metrics
        holder.rollback()
    small.resize(workers=3)
    with db.primary.connect(autocommit=False) as holder, shop.Crowd() as crowd:
        holder.execute("lock table orders")
        for trace in traces:
            crowd.send(buy, trace)
        wait_until(
            lambda: len(lines()["connection"]) == 2 and lines()["still"],
            20,
            "nobody waits for a connection",
        )
        assert not lines()["worker"]
        holder.rollback()
    small.resize(pool_size=3)
    assert 'shop_pool{what="connections"} 3.0' in small.get("/metrics").text
    small.stop()


def test_a_lost_database_answers_503_and_serves_again_when_it_is_back(lab):
    db = lab.start(Postgres())
    app = lab.start(App(database=db, name="orphan", pool_size=1, pool_timeout=0.2))
    with faults.killed(db.primary):
        assert app.get("/stores/7").status == 503
        assert app.get("/health").status == 200
        assert app.get("/ready").status == 503
    app.nodes[0].until(app.nodes[0].serves, 20, "reach its database again")
    app.stop()
    db.stop()


def test_an_application_that_dies_at_its_start_shows_its_log_and_leaves_nothing(dies):
    dies(App(database="dbname=none", pool_size=-1), "max_size")
