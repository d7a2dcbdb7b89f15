"""Kafka's promises."""

import time

import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from promises import *  # noqa: F403

from labkit import Kafka
from labkit.runtimes import Session
from labkit.runtimes.ports import Port
from labkit.runtimes.processes import ProcessRuntime
from labkit.servers.kafka.conf import Member
from labkit.servers.kafka.process import Process


@pytest.fixture(scope="module")
def server(queue):
    return queue


def test_kafka_lets_nobody_in_without_the_password(queue):
    login = {**queue.login(), "sasl_plain_password": "wrong"}
    with pytest.raises(KafkaError):
        KafkaConsumer("orders", **login, bootstrap_timeout_ms=2000).topics()


def test_a_restart_keeps_the_records(queue):
    queue.create_topic("kept", partitions=2)
    queue.producer().send("kept", b"order", partition=1).get(10)
    queue.brokers[0].restart()
    assert queue.end_offsets("kept") == [0, 1]


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
    queue.producer().send("copies", b"order").get(20)
    found = queue.admin().describe_topics(["copies"])[0]["partitions"][0]
    assert sorted(found["replica_nodes"]) == [1, 2, 3]
    assert sorted(found["isr_nodes"]) == [1, 2, 3]
    queue.stop()


def test_kafka_that_dies_at_its_start_shows_its_log_and_leaves_nothing(dies):
    dies(Kafka(settings={"num.io.threads": "-1"}), "num.io.threads")


def test_kafka_lets_the_ports_of_its_roles_go_before_it_starts(monkeypatch):
    released = []
    monkeypatch.setattr(Port, "release", lambda port: released.append(port))
    monkeypatch.setattr(Process, "prepare", lambda machine: None)
    monkeypatch.setattr(Process, "command", lambda machine: ["sleep", "60"])
    member = Member(1, "broker,controller", {}, peers=[])
    session = Session()
    machine = Process(ProcessRuntime(session), "kafka", member, password="")
    machine.start()
    session.close()
    assert {machine.port, machine.controller_port} == set(released)
