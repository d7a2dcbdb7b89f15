"""Promises of the servers, the same in both runtimes (LABS_RUNTIME chooses)."""

import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from random import Random

import psutil
import psycopg
import pytest
import redis
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from labkit import (
    App,
    History,
    Kafka,
    Lab,
    Nginx,
    Postgres,
    Redis,
    StartFailed,
    TimedOut,
    checks,
    faults,
    shop,
    wait_until,
)
from labkit.proof import Proof, ProofFailed
from labkit.runtimes import Session, processes
from labkit.runtimes.cleaner import processes_in
from labkit.runtimes.ports import Port
from labkit.runtimes.processes import ProcessNode, stopped
from labkit.runtimes.processes.kafka import KafkaProcess
from labkit.servers import http
from labkit.servers.base import ServerNode


@pytest.fixture(scope="module")
def lab():
    lab = Lab("test_servers")
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def db(lab):
    db = lab.start(Postgres(replicas=2))
    db.primary.sql("create table notes (n int)")
    return db


@pytest.fixture(scope="module")
def cache(lab):
    return lab.start(Redis(replicas=1))


@pytest.fixture(scope="module")
def queue(lab):
    return lab.start(Kafka())


@pytest.fixture(scope="module")
def app(lab, db):
    with db.primary.connect() as connection:
        shop.schema.create(connection)
    return lab.start(App(database=db, instances=2, pool_size=2, statement_timeout=5))


@pytest.fixture(scope="module")
def edge(lab, app):
    return lab.start(Nginx(upstreams=[app]))


ORDERS = iter(shop.traffic.orders(Random(7), 100, stores=20))
TRACE = "5bd66ef5095369c7b0d1f8f4bd33716a"
PARENT = f"00-{TRACE}-c532cb4098ac3dd2-01"


def order():
    """One that no test has placed before."""
    return asdict(next(ORDERS))


def placed(db, one):
    return db.primary.value(
        "select count(*) from orders where id = %s", [one["order_id"]]
    )


def write(db, n):
    db.primary.sql("insert into notes values (%s)", [n])


def seen(node, n):
    return node.value("select count(*) from notes where n = %s", [n]) > 0


def test_a_row_written_to_the_primary_is_read_on_every_replica(db):
    write(db, 1)
    for replica in db.replicas:
        replica.wait_for(db.primary.lsn())
        assert seen(replica, 1)


def test_postgres_vacuums_only_when_it_is_told_to(db):
    launchers = "select count(*) from pg_stat_activity where backend_type like 'auto%'"
    assert [node.value(launchers) for node in db.members] == [0] * len(db.members)


def test_rows_without_columns_are_rows_all_the_same(db):
    assert db.primary.sql("select from generate_series(1, 2)") == [(), ()]
    assert db.primary.sql("select from generate_series(1, 0)") == []


def test_a_replica_refuses_writes(db):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        db.replica.sql("insert into notes values (0)")


def test_postgres_lets_nobody_in_without_the_password(db):
    wrong = psycopg.conninfo.make_conninfo(db.primary.conninfo, password="wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication"):
        psycopg.connect(wrong)


def test_redis_lets_nobody_in_without_the_password(cache):
    with pytest.raises(redis.AuthenticationError):
        cache.client(password=None).ping()


def test_kafka_lets_nobody_in_without_the_password(queue):
    login = {**queue.login(), "sasl_plain_password": "wrong"}
    with pytest.raises(KafkaError):
        KafkaConsumer("orders", **login, bootstrap_timeout_ms=2000).topics()


def test_two_labs_have_different_passwords_and_ports(db):
    other = Lab("another")
    try:
        second = other.start(Postgres())
        assert second.primary.node.password != db.primary.node.password
        assert second.primary.node.address() != db.primary.node.address()
    finally:
        other.close()


def test_servers_listen_on_the_loopback_interface_alone(db, cache, queue, app, edge):
    ours = {
        member.node.address()[1]
        for server in (db, cache, queue, app, edge)
        for member in server.members
    }
    listening = {
        c.laddr.ip
        for c in psutil.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN and c.laddr.port in ours
    }
    assert listening == {"127.0.0.1"}


def test_a_setting_is_in_force_when_set_returns(db):
    db.replica.set(max_standby_streaming_delay="123ms")
    assert db.replica.value("show max_standby_streaming_delay") == "123ms"
    db.replica.set(max_standby_streaming_delay=None)
    assert db.replica.value("show max_standby_streaming_delay") == "30s"


def test_replay_paused_hides_a_write_and_healing_shows_it(db):
    with faults.replay_paused(db.replica) as fault:
        write(db, 2)
        wait_until(fault.meter, 10, "no WAL came")
        assert not seen(db.replica, 2)
    assert seen(db.replica, 2)


def test_a_replica_settles_when_it_has_replayed_or_stands_still(db):
    db.primary.sql("create table settled (n int)")
    db.replica.settle(db.primary.lsn())
    assert db.replica.sql("select * from settled") == []
    with faults.replay_paused(db.replica):
        db.primary.sql("insert into settled values (1)")
        db.replica.settle(db.primary.lsn())
        assert not db.replica.has_replayed(db.primary.lsn())
    with faults.receiver_frozen(db.replica):
        db.primary.sql("insert into settled values (2)")
        assert not db.replica.has_settled(db.primary.lsn()), "it has not arrived"


def test_a_replica_behind_a_reader_has_settled_when_it_waits_for_ever(db):
    db.primary.sql("create table read_there as select generate_series(1, 1000) n")
    db.replica.wait_for(db.primary.lsn())
    with db.replica.connect(autocommit=False) as reader:
        reader.execute("select count(*) from read_there")
        db.replica.set(max_standby_streaming_delay="-1")
        db.primary.sql("alter table read_there add column note text")
        db.replica.settle(db.primary.lsn())
        assert not db.replica.has_replayed(db.primary.lsn())
        db.replica.set(max_standby_streaming_delay="30s")
        assert not db.replica.has_settled(db.primary.lsn())
    db.replica.set(max_standby_streaming_delay=None)
    db.replica.wait_for(db.primary.lsn())


def test_a_statement_that_replay_cancels_is_asked_again(db):
    cancelled = """select confl_snapshot from pg_stat_database_conflicts
                   where datname = current_database()"""
    db.primary.sql("create table swept as select generate_series(1, 1000) n")
    db.replica.wait_for(db.primary.lsn())
    db.replica.set(max_standby_streaming_delay="0")
    before = db.replica.value(cancelled)
    with ThreadPoolExecutor(1) as other:
        slow = """select n, pg_sleep(case n when 1000 then 60 else 0 end)
                  from (select count(*) n from swept) counted"""
        looked = other.submit(db.replica.value, slow)
        with db.replica.connect() as watcher:
            active = "select 1 from pg_stat_activity where query = %s"
            wait_until(lambda: watcher.execute(active, [slow]).fetchone(), 10, "idle")
        db.primary.sql("delete from swept where n <= 500")
        db.primary.sql("vacuum swept")
        assert looked.result(30) == 500, "the second try sees what was replayed"
    wait_until(lambda: db.replica.value(cancelled) > before, 10, "nobody was cancelled")
    db.replica.set(max_standby_streaming_delay=None)


def test_a_frozen_receiver_hides_a_write_and_healing_shows_it(db):
    with faults.receiver_frozen(db.replica) as fault:
        write(db, 3)
        assert fault.meter() > 0
        assert db.replica.bytes_unreplayed() == 0
        assert not seen(db.replica, 3)
    assert seen(db.replica, 3)


def test_a_process_is_stopped_when_it_is_frozen_or_gone():
    child = subprocess.Popen(["sleep", "60"])
    assert not stopped(child.pid)
    child.send_signal(signal.SIGSTOP)
    wait_until(lambda: stopped(child.pid), 10, "it runs on")
    child.kill()
    child.wait()
    assert stopped(child.pid)


def test_a_paused_server_has_no_thread_that_runs(lab, queue):
    if lab.runtime.name != "processes":
        pytest.skip("an engine freezes a container's processes itself")
    directory = queue.brokers[0].node.directory
    with faults.paused(queue.brokers[0]):
        states = {
            task.read_text().rpartition(")")[2].split()[0]
            for pid in processes_in(directory)
            for task in Path(f"/proc/{pid}/task").glob("*/stat")
        }
        assert states <= {"T"}


class Family(ProcessNode):
    """A process with children, in place of a server."""

    def prepare(self):
        pass

    def command(self):
        return ["sh", "-c", "sleep 60 & sleep 60 & wait"]


@pytest.fixture
def session():
    session = Session()
    yield session
    session.close()


@pytest.fixture
def family(session):
    node = Family(session, "family")
    node.start()
    wait_until(lambda: len(pids_of(node)) == 3, 10, "its children did not come")
    return node


def pids_of(node):
    return sorted(processes_in(node.directory))


def test_a_pause_reaches_a_child_that_was_born_meanwhile(family, monkeypatch):
    looks = iter([pids_of(family)[:1]])  # then all of them
    monkeypatch.setattr(
        processes, "processes_in", lambda folder: next(looks, pids_of(family))
    )
    family.pause()
    assert all(map(stopped, pids_of(family)))


def test_a_pause_that_does_not_succeed_is_undone(family, monkeypatch):
    def too_late(condition, within, otherwise):
        condition()
        raise TimedOut(otherwise)

    monkeypatch.setattr(processes, "wait_until", too_late)
    with pytest.raises(TimedOut, match="do not freeze"):
        family.pause()
    wait_until(lambda: not any(map(stopped, pids_of(family))), 10, "still frozen")


def test_a_frozen_server_that_runs_again_shows_on_the_faults_meter(family):
    with faults.paused(Bare(family)) as fault:
        assert fault.meter() == 1
        family.resume()
        wait_until(lambda: fault.meter() == 0, 10, "the meter cannot read 0")
        family.pause()
        assert fault.meter() == 1
        family.kill()
        assert fault.meter() == 0


class Bare(ServerNode):
    """A node that no client talks to."""

    def answers(self):
        return True

    def ready(self, within=60):
        pass


def test_kafka_lets_both_its_ports_go_before_it_starts(session, monkeypatch):
    released = []
    monkeypatch.setattr(Port, "release", lambda port: released.append(port))
    monkeypatch.setattr(KafkaProcess, "prepare", lambda node: None)
    monkeypatch.setattr(KafkaProcess, "command", lambda node: ["sleep", "60"])
    options = {"node_id": 1, "roles": "broker", "settings": {}, "peers": []}
    node = KafkaProcess(session, "kafka", password="", **options)
    node.start()
    assert {node.port, node.controller_port} == set(released)


def test_a_closed_lab_says_so_when_it_is_asked_to_start_a_server():
    lab = Lab("closed")
    lab.close()
    with pytest.raises(RuntimeError, match="this lab is closed: run its set-up cell"):
        lab.start(Redis())


def test_kafka_stops_soon_though_a_producer_cannot_deliver(lab):
    queue = lab.start(Kafka())
    queue.create_topic("orders")
    producer = queue.producer()
    producer.send("orders", b"delivered").get(20)
    queue.brokers[0].kill()
    producer.send("orders", b"kept")
    began = time.monotonic()
    queue.stop()
    assert time.monotonic() - began < 30
    assert producer._closed  # else it complains on standard error when it is collected


@pytest.mark.parametrize("fault", [faults.paused, faults.killed])
def test_a_hurt_server_comes_back_with_its_data_at_its_address(
    fault, db, cache, app, edge
):
    write(db, 4)
    for node in (db.primary, db.replica, cache.primary, app.members[0], edge.edge):
        before = node.node.address()
        with fault(node) as hurt:
            assert hurt.meter() == 1
        assert node.node.address() == before
    db.replica.wait_for(db.primary.lsn())
    assert seen(db.primary, 4) and seen(db.replica, 4)


def test_restart_keeps_data_and_address(db, queue):
    write(db, 5)
    db.primary.restart()
    assert seen(db.primary, 5)
    queue.create_topic("kept", partitions=2)
    queue.producer().send("kept", b"order", partition=1).get(10)
    queue.brokers[0].restart()
    assert queue.end_offsets("kept") == [0, 1]


def test_a_replica_of_redis_follows_its_primary(cache):
    cache.client().set("price", "100")
    copy = cache.replicas[0].client()
    wait_until(lambda: copy.get("price") == "100", 10, "the replica has no price")


def test_a_second_redis_goes_by_its_own_name(lab, cache):
    vault = lab.start(Redis(name="vault"))
    assert vault.describe().endswith("(vault)")
    vault.client().set("cart", "a mug")
    assert cache.client().get("cart") is None


def test_memory_is_free_when_flushall_returns(lab):
    cache = lab.start(Redis())  # no replica, for which memory is kept, too
    client = cache.client()
    for _ in range(5):
        before = cache.info("memory")["used_memory"]
        with client.pipeline(transaction=False) as pages:
            for n in range(3000):
                pages.set(f"page:{n}", "x" * 1000)
            pages.execute()
        client.flushall()
        assert cache.info("memory")["used_memory"] < before + 1_000_000


def test_a_consumer_group_commits_and_sees_its_lag(queue):
    queue.create_topic("orders", partitions=3)
    producer = queue.producer()
    for n in range(30):
        producer.send("orders", b"%d" % n, partition=n % 3)
    producer.flush()
    consumer = queue.consumer("orders", group_id="workers")
    seen = 0
    while seen < 30:
        seen += sum(len(records) for records in consumer.poll(500).values())
    consumer.commit()
    committed = [consumer.committed(tp) for tp in sorted(consumer.assignment())]
    assert committed == queue.end_offsets("orders") == [10, 10, 10]


def test_three_brokers_keep_three_copies(lab):
    queue = lab.start(Kafka(brokers=3))
    queue.create_topic("copies", partitions=1, replication=3)
    queue.producer().send("copies", b"order").get(10)
    found = queue.admin().describe_topics(["copies"])[0]["partitions"][0]
    assert sorted(found["replica_nodes"]) == [1, 2, 3]
    queue.stop()


def test_versions_are_those_the_servers_report(db, cache, queue):
    assert db.name_and_version().startswith("PostgreSQL 18.")
    assert cache.product in ("Redis", "Valkey")
    assert queue.name_and_version() == "Apache Kafka 4.3.1"


def test_nginx_and_the_application_tell_their_versions(app, edge):
    assert edge.name_and_version().startswith("nginx 1.")
    assert app.name_and_version().startswith("Shop application on Python 3.")


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
            5,
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
    assert at_edge["seconds"] >= at_edge["upstream_seconds"] > 0
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
        assert http.request(app.members[0].node.address(), "GET", path).status == 403
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
    hasty = lab.start(App(database=db, name="hasty", statement_timeout=0.1))
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
    full.set(pool_size=1, pool_timeout=0.1)
    one = order()
    with db.primary.connect(autocommit=False) as holder:
        holder.execute("lock table orders")
        buyer = threading.Thread(target=full.post, args=("/checkout", one))
        buyer.start()
        waits = "select 1 from pg_locks where not granted"
        wait_until(lambda: db.primary.sql(waits), 5, "nothing waits for the lock")
        answer = full.get("/stores/7")
        assert answer.status == 503
        assert answer.json()["sqlstate"] == "53300"
    buyer.join()
    assert full.get("/stores/7").status == 200
    assert placed(db, one) == 1
    full.stop()


def test_a_lost_database_answers_503_and_serves_again_when_it_is_back(lab):
    db = lab.start(Postgres())
    app = lab.start(App(database=db, name="orphan", pool_size=1, pool_timeout=0.2))
    with faults.killed(db.primary):
        assert app.get("/stores/7").status == 503
        assert app.get("/health").status == 200
        assert app.get("/ready").status == 503
    app.members[0].until(app.members[0].serves, 20, "reach its database again")
    app.stop()
    db.stop()


def test_the_edge_takes_turns_and_passes_over_a_dead_instance(app, edge):
    served = {edge.get("/stores/7").headers["x-served-by"] for _ in range(4)}
    assert served == {"app1", "app2"}
    with faults.killed(app.members[0]):
        answers = [edge.get("/stores/7") for _ in range(4)]
        assert {a.status for a in answers} == {200}
        assert {a.headers["x-served-by"] for a in answers} == {"app2"}
    edge.reload()  # which forgets that the first one was down


def test_the_new_configuration_alone_answers_when_reload_returns(edge):
    for n in range(3):
        edge.reload(server=f"location = /revision {{ return 200 {n}; }}")
        assert {edge.get("/revision").text for _ in range(5)} == {str(n)}


def test_a_refused_configuration_leaves_the_old_one_in_force(edge):
    edge.reload(server="location = /revision { return 200 good; }")
    with pytest.raises(StartFailed, match=r"unknown directive .nonsense."):
        edge.reload(server="nonsense;")
    assert edge.get("/revision").text == "good"
    edge.edge.restart()
    assert edge.get("/revision").text == "good"


def test_an_edge_can_stand_before_an_edge_and_split_between_groups(lab, app, edge):
    front = Nginx(
        upstreams={"old": [edge], "new": [app.members[1]]},
        name="front",
        http='map $cookie_staff $version { "yes" new; default old; }',
        to="$version",
    )
    front = lab.start(front)
    for cookie, hops in (("no", 1), ("yes", 0)):
        before = len(edge.access_log())
        answer = front.get("/stores/7", headers={"Cookie": f"staff={cookie}"})
        assert answer.status == 200
        assert len(edge.access_log()) - before == hops
    front.stop()


@pytest.mark.parametrize(
    "server, said",
    [
        (Redis(settings={"maxmemory": "nonsense"}), "maxmemory"),
        (Kafka(settings={"num.io.threads": "-1"}), "num.io.threads"),
        (Postgres(settings={"shared_buffers": "nonsense"}), "shared_buffers"),
        (Nginx(upstreams=["127.0.0.1:9"], server="nonsense;"), "nonsense"),
        (App(database="dbname=none", pool_size=-1), "max_size"),
    ],
)
def test_a_server_that_dies_at_start_shows_its_log_and_leaves_nothing(server, said):
    lab = Lab("dies")
    directory = lab._session.directory
    with pytest.raises(StartFailed, match=said):
        lab.start(server)
    assert not directory.exists()


def test_a_set_up_cell_that_is_run_again_ends_what_it_had_started():
    first = Lab("again")
    cache = first.start(Redis())
    second = Lab("again")
    assert not cache.primary.alive()
    assert not first._session.directory.exists()
    assert second.start(Redis()).client().ping()
    second.close()


def test_a_server_killed_in_mid_lab_is_named_with_the_way_it_ended(lab):
    cache = lab.start(Redis())
    cache.primary.kill()
    with pytest.raises(StartFailed, match=r"redis died .*(SIGKILL|137)"):
        cache.primary.until(cache.primary.answers, 5, "answer")


class WithoutItsDatabase(Redis):
    """Answers, and needs something more that never comes."""

    def start(self):
        super().start()
        self.primary.come_up(lambda: False, "reach its database", within=0.1)


def test_a_server_that_answers_and_never_gets_ready_is_a_start_that_failed():
    late = Lab("late")
    with pytest.raises(StartFailed, match="did not reach its database"):
        late.start(WithoutItsDatabase())
    assert not late._session.directory.exists()


def test_a_state_that_is_not_reached_in_time_leaves_the_verdict_unknown(db):
    beyond = "FFFFFFFF/0"  # WAL that will never be written
    proof = Proof(
        "a wait with a bound",
        schedule=lambda run, way: db.replicas[0].wait_for(beyond, within=0.2),
        check=checks.duplicates,
        fault=None,
        without=None,
        guardrail=None,
    )
    with pytest.raises(ProofFailed, match=r"is unknown.*did not replay"):
        proof.control()
