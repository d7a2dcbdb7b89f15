"""Servers with limits on memory and processor, in both runtimes."""

import psycopg
import pytest
import redis

from labkit import Postgres, Redis, RuntimeUnavailable, wait_until

BOX_MIB = 160
KILLED = "was terminated by signal 9"


@pytest.fixture(scope="module")
def boxed(lab):
    """A PostgreSQL in a small box."""
    return lab.start(Postgres().within(memory_mib=BOX_MIB, cpus=1)).primary


def fill(server):
    """More than a small box holds."""
    client = server.client()
    with pytest.raises(redis.ConnectionError):
        for number in range(100):
            client.set(str(number), "x" * (1 << 20))


def test_above_its_limit_a_process_is_ended_and_the_server_says_so(lab):
    server = lab.start(Redis(name="small").within(memory_mib=48))
    fill(server)
    node = server.primary
    wait_until(lambda: not node.alive(), 10, "it was not ended")

    def told():  # an engine learns of the reason after the end
        return "used more memory than" in node.machine.exit_reason()

    wait_until(told, 10, "it does not say why")


def test_a_server_that_was_ended_for_its_memory_comes_back_in_its_box(lab):
    server = lab.start(Redis(name="again").within(memory_mib=48))
    for _ in range(2):
        fill(server)
        wait_until(lambda: not server.primary.alive(), 10, "it was not ended")
        server.primary.start()


def test_of_a_server_of_many_processes_one_is_ended_and_its_log_says_so(boxed):
    before = boxed.counted().killed
    with boxed.connect() as session, pytest.raises(psycopg.OperationalError):
        session.execute("select length(repeat('x', 300000000))")

    # the main process may learn of it later than the client, and then ends all others
    def up_again():
        return "ready to accept" in boxed.logs().partition(KILLED)[2]

    wait_until(up_again, 30, "it did not come up again")
    boxed.ready()
    assert boxed.counted().killed == before + 1


def test_what_is_held_is_told_and_what_is_read_from_files_apart(boxed):
    rest = boxed.counted()
    with boxed.connect(autocommit=False) as session:
        session.execute(
            "create temp table big as select repeat('x', 900) from"
            " generate_series(1, 60000)"
        )
        session.execute("set work_mem = '100MB'")
        session.execute("declare c cursor for select repeat from big order by repeat")
        session.execute("fetch 1 from c")
        assert boxed.counted().held - rest.held > 50 << 20
    assert 0 <= boxed.counted().cache < BOX_MIB << 20


def test_a_quota_of_the_processor_is_felt_and_counted(boxed):
    boxed.limit(memory_mib=BOX_MIB, cpus=0.1)
    before = boxed.counted()
    boxed.sql("select count(*) from generate_series(1, 500000)")
    after = boxed.counted()
    assert after.stopped > before.stopped
    assert after.periods >= after.stopped
    boxed.limit(memory_mib=BOX_MIB, cpus=1)


def test_limits_stay_when_a_server_is_started_anew_with_nothing_in_it(lab):
    server = lab.start(Redis(name="renewed").within(memory_mib=48))
    lab.renew(server)
    fill(server)


def test_what_cannot_be_limited_says_so_in_a_sentence():
    from labkit.servers.kubernetes.own import OwnCluster

    machine = object.__new__(OwnCluster)
    machine.name = "cluster"
    with pytest.raises(RuntimeUnavailable, match="cluster cannot be given limits"):
        machine.limit(None)
