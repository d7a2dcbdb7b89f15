"""Servers in Java: their JVMs."""

import pytest

from labkit import StartFailed, TimedOut
from labkit.runtimes import java
from labkit.servers.kafka.process import Process


@pytest.mark.parametrize(
    "why",
    [OSError("disk"), TimedOut("late"), StartFailed("dead"), ValueError("a client's")],
)
def test_a_server_starts_slower_where_the_cache_of_its_classes_cannot_be_made(
    why, capsys, monkeypatch, tmp_path
):
    def fails(path):
        raise why

    monkeypatch.setenv("LABS_CACHE", str(tmp_path))
    assert java.class_cache("Kafka 4.3.1", fails, "65 MB", []) == ""
    told = f"Kafka starts slower, without its class cache: {why}"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["", "-XX:AOTCache=classes.aot"])
def test_a_server_is_started_with_the_cache_that_there_is(flag):
    machine = Process.__new__(Process)
    machine.class_cache = flag
    words = machine.java(["-Xmx1g"], "server.jar", "Main", "told")
    cached = [flag] if flag else []
    assert words[1:] == ["-Xmx1g", *cached, "-cp", "server.jar", "Main", "told"]
