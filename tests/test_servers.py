"""Promises of the servers, the same in both runtimes (LABS_RUNTIME chooses)."""

import psutil
import psycopg
import pytest
import redis
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from labkit import Kafka, Lab, Postgres, Redis, StartFailed, faults, wait_until


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


def write(db, n):
    db.primary.sql("insert into notes values (%s)", [n])


def seen(node, n):
    return node.value("select count(*) from notes where n = %s", [n]) > 0


def test_a_row_written_to_the_primary_is_read_on_every_replica(db):
    write(db, 1)
    for replica in db.replicas:
        replica.wait_for(db.primary.lsn())
        assert seen(replica, 1)


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


def test_servers_listen_on_the_loopback_interface_alone(db, cache, queue):
    ours = {
        member.node.address()[1]
        for server in (db, cache, queue)
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


def test_a_frozen_receiver_hides_a_write_and_healing_shows_it(db):
    with faults.receiver_frozen(db.replica) as fault:
        write(db, 3)
        assert fault.meter() > 0
        assert db.replica.bytes_unreplayed() == 0
        assert not seen(db.replica, 3)
    assert seen(db.replica, 3)


@pytest.mark.parametrize("fault", [faults.paused, faults.killed])
def test_a_hurt_server_comes_back_with_its_data_at_its_address(fault, db, cache):
    write(db, 4)
    for node in (db.primary, db.replica, cache.primary):
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


@pytest.mark.parametrize(
    "server, said",
    [
        (Redis(settings={"maxmemory": "nonsense"}), "maxmemory"),
        (Kafka(settings={"num.io.threads": "-1"}), "num.io.threads"),
        (Postgres(settings={"shared_buffers": "nonsense"}), "shared_buffers"),
    ],
)
def test_a_server_that_dies_at_start_shows_its_log_and_leaves_nothing(server, said):
    lab = Lab("dies")
    directory = lab._session.directory
    with pytest.raises(StartFailed, match=said):
        lab.start(server)
    assert not directory.exists()


def test_a_server_killed_in_mid_lab_is_named_with_the_way_it_ended(lab):
    cache = lab.start(Redis())
    cache.primary.kill()
    with pytest.raises(StartFailed, match=r"redis died .*(SIGKILL|137)"):
        cache.primary.until(cache.primary.answers, 5, "answer")
