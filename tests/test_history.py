"""What a history promises: it keeps what clients saw, and claims no more."""

import dataclasses
import json
import random
import threading

import kafka.errors
import psycopg
import pytest
import redis

from labkit.history import READS, History, Op


def refused(history, op, error):
    """Record one operation that raises `error`, and return it."""
    with pytest.raises(type(error)), history.call("shopkeeper", op, "store:7"):
        raise error
    return history.ops()[-1]


def test_a_call_that_ends_is_ok_and_keeps_what_the_client_saw():
    history = History("lab", "control")
    with history.call("shopkeeper", "write", "store:7", 30, version=3, attempt=2) as op:
        op.node, op.token = "primary", "0/3000060"
    with history.call("shopkeeper", "read", "store:7") as op:
        op.value, op.version, op.node = 30, 3, "replica1"
    write, read = history
    assert (write.op_id, read.op_id) == (1, 2)
    assert (write.value, write.version, write.extra) == (30, 3, {"attempt": 2})
    assert (read.value, read.version, read.node) == (30, 3, "replica1")
    assert write.outcome == read.outcome == "ok"
    assert 0 <= write.t_call <= write.t_ret <= read.t_call <= read.t_ret


def test_an_operation_without_an_answer_yet_is_in_doubt():
    history = History()
    with history.call("shopkeeper", "write", "store:7", 30):
        (pending,) = history
        assert (pending.outcome, pending.t_ret) == ("unknown", None)
        assert pending.seconds == float("inf")


def test_an_operation_lasts_from_its_call_to_its_return():
    assert Op(1, "shopkeeper", "read", t_call=1.5, t_ret=4.0).seconds == 2.5


@pytest.mark.parametrize("op", sorted(READS))
def test_a_read_that_raises_has_failed(op):
    assert refused(History(), op, ConnectionResetError("gone")).outcome == "fail"


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.UniqueViolation("duplicate key"),
        psycopg.errors.ReadOnlySqlTransaction("read-only"),
        redis.exceptions.ResponseError("OOM command not allowed"),
        redis.exceptions.ReadOnlyError("replica"),
        kafka.errors.NotEnoughReplicasError(),
        kafka.errors.MessageSizeTooLargeError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_write_that_the_server_refused_has_failed(error):
    assert refused(History(), "write", error).outcome == "fail"


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("the connection is lost"),
        psycopg.errors.AdminShutdown("terminating connection"),
        psycopg.errors.CrashShutdown("another server process crashed"),
        redis.exceptions.ConnectionError("connection closed"),
        redis.exceptions.TimeoutError("no reply"),
        kafka.errors.KafkaTimeoutError("no reply"),
        kafka.errors.RequestTimedOutError(),
        kafka.errors.NotEnoughReplicasAfterAppendError(),
        kafka.errors.UnknownTopicOrPartitionError(),
        kafka.errors.NotLeaderForPartitionError(),
        kafka.errors.KafkaStorageError(),
        TimeoutError(),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_write_whose_answer_never_came_is_in_doubt(error):
    assert refused(History(), "write", error).outcome == "unknown"


def test_an_exception_is_kept_by_name_and_first_line_and_still_propagates():
    op = refused(History(), "write", ValueError("first line\nsecond line"))
    assert op.error == "ValueError: first line"
    assert op.t_ret >= op.t_call
    assert refused(History(), "write", TimeoutError()).error == "TimeoutError"


def test_twenty_threads_get_unique_ids_in_order_of_call():
    history, start = History(), threading.Barrier(20)

    def client(name):
        start.wait()
        for n in range(50):
            with history.call(name, "write", "store:7", n):
                pass

    threads = [threading.Thread(target=client, args=(f"c{i}",)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history) == 1000
    assert [op.op_id for op in history] == list(range(1, 1001))
    for i in range(20):
        assert [op.value for op in history.ops(client=f"c{i}")] == list(range(50))


def test_operations_are_found_by_any_of_their_properties_in_order_of_call():
    history = History()
    history.add(Op(1, "b", "read", "k2", t_call=3, t_ret=4, outcome="ok"))
    history.add(Op(2, "a", "write", "k1", t_call=1, t_ret=2, outcome="ok"))
    history.add(Op(3, "a", "rebuild", "k1", t_call=2, outcome="fail", inner=True))
    assert [op.op_id for op in history] == [2, 3, 1]
    assert [op.op_id for op in history.ops("read")] == [1]
    assert [op.op_id for op in history.ops(client="a")] == [2, 3]
    assert [op.op_id for op in history.ops(key="k1", outcome="fail")] == [3]
    assert [op.op_id for op in history.ops(inner=False)] == [2, 1]
    assert history.ops("search") == []


def test_the_schedule_is_what_clients_set_out_to_do_and_not_what_happened():
    def run(order, seen, rebuild):
        history = History()
        for client in order:
            with history.call(client, "write", "store:7", 30):
                pass
            with history.call(client, "read", "store:7") as op:
                op.value = seen
            if rebuild:
                with history.call(client, "rebuild", "store:7", inner=True):
                    pass
        return history.schedule()

    calm = run(["a", "b"], seen=30, rebuild=False)
    assert calm == run(["b", "a"], seen=0, rebuild=True)
    assert calm[:2] == [("a", "write", "store:7", 30), ("a", "read", "store:7", None)]
    assert calm != run(["a", "a"], seen=30, rebuild=False)


def test_an_operation_by_hand_gets_the_next_id_and_never_a_taken_one():
    history = History()
    assert history.add(Op(0, "a", "read")).op_id == 1
    assert history.add(Op(7, "a", "read")).op_id == 7
    assert history.add(Op(0, "a", "read")).op_id == 8
    with history.call("a", "read") as op:
        assert op.op_id == 9
    with pytest.raises(ValueError, match="operation 7 is in the history already"):
        history.add(Op(7, "a", "read"))
    assert len(history) == 4


def test_a_loaded_history_equals_the_saved_one_and_can_go_on(tmp_path):
    rng, history = random.Random(7), History("read_your_writes", "incident")
    for n in range(30):
        with history.call("c", rng.choice(["read", "write"]), "é", {"n": [n]}, p=n):
            pass
    refused(history, "write", TimeoutError())
    history.save(tmp_path / "history.jsonl")
    loaded = History.load(tmp_path / "history.jsonl")
    assert list(loaded) == list(history)
    assert (loaded.lab, loaded.run) == ("read_your_writes", "incident")
    with loaded.call("c", "read") as op:
        assert op.op_id == 32


def test_an_empty_history_is_saved_with_its_name(tmp_path):
    History("lab", "control").save(tmp_path / "empty.jsonl")
    loaded = History.load(tmp_path / "empty.jsonl")
    assert (loaded.lab, loaded.run, len(loaded)) == ("lab", "control", 0)


def test_a_line_that_is_no_operation_is_named(tmp_path):
    history = History()
    history.add(Op(1, "a", "read"))
    history.save(path := tmp_path / "broken.jsonl")
    for rubbish in ['{"lab": "x"}', "[]", "{", path.read_text().strip()]:
        (tmp_path / "more.jsonl").write_text(path.read_text() + rubbish + "\n")
        with pytest.raises(ValueError, match="line 2: not an operation"):
            History.load(tmp_path / "more.jsonl")


def test_a_value_that_cannot_be_saved_is_refused_and_leaves_no_file(tmp_path):
    history = History()
    history.add(Op(1, "a", "write", value=object()))
    with pytest.raises(TypeError):
        history.save(tmp_path / "history.jsonl")
    assert not list(tmp_path.iterdir())


IMPOSSIBLE = {
    "op_id": (-1, 1.5, "7", True),
    "client": (None, 3),
    "op": (None, b"read"),
    "outcome": ("maybe", "OK", None),
    "version": ("3", 3.0, True),
    "t_call": ("0.5", None, float("nan"), float("inf"), True),
    "t_ret": ("0.5", float("nan"), float("-inf"), False),
    "inner": (None, 1),
    "extra": (None, [1]),
}


@pytest.mark.parametrize(
    ("field", "value"), [(f, v) for f, values in IMPOSSIBLE.items() for v in values]
)
def test_what_cannot_be_is_refused_by_its_operation_and_its_field(
    field, value, tmp_path
):
    good = Op(3, "a", "read", t_call=1.0, t_ret=2.0, outcome="ok")
    with pytest.raises(ValueError, match=rf"operation \S+: {field} is "):
        History().add(dataclasses.replace(good, **{field: value}))
    if isinstance(value, bytes):
        return
    row = {"lab": "", "run": "", **dataclasses.asdict(good), field: value}
    (tmp_path / "bad.jsonl").write_text(json.dumps(row))
    with pytest.raises(ValueError, match=f"line 1: not an operation: .*{field} is "):
        History.load(tmp_path / "bad.jsonl")


def test_an_answer_before_its_question_is_refused_and_leaves_the_history_as_it_was():
    history = History()
    with pytest.raises(ValueError, match=r"operation 1: t_ret is 1\.0, before t_call"):
        history.add(Op(0, "a", "read", t_call=2.0, t_ret=1.0))
    assert len(history) == 0
    assert history.add(Op(0, "a", "read", t_call=2, t_ret=2)).op_id == 1
