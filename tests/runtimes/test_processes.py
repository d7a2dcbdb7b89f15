"""Promises of the runtime of processes, whatever the server."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

from labkit import RuntimeUnavailable, TimedOut, faults, wait_until
from labkit.runtimes import Session, ports, processes, surroundings
from labkit.runtimes.cleaner import processes_in
from labkit.runtimes.ports import Port
from labkit.runtimes.processes import ProcessMachine, ProcessRuntime, stopped
from labkit.servers.base import Node
from labkit.servers.redis import RedisNode


def test_a_process_is_stopped_when_it_is_frozen_or_gone():
    child = subprocess.Popen(["sleep", "60"])
    assert not stopped(child.pid)
    child.send_signal(signal.SIGSTOP)
    wait_until(lambda: stopped(child.pid), 10, "it runs on")
    child.kill()
    child.wait()
    assert stopped(child.pid)


class Family(ProcessMachine):
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
    machine = Family(ProcessRuntime(session), "family")
    machine.start()
    wait_until(lambda: len(pids_of(machine)) == 3, 10, "its children did not come")
    return machine


def pids_of(machine):
    return sorted(processes_in(machine.directory))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are untold")
def test_a_paused_machine_has_no_thread_that_runs(family):
    family.pause()
    states = {
        task.read_text().rpartition(")")[2].split()[0]
        for pid in pids_of(family)
        for task in Path(f"/proc/{pid}/task").glob("*/stat")
    }
    assert states == {"T"}


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


class Bare(Node):
    """A node that no client talks to."""

    def answers(self):
        return True

    def ready(self, within=60):
        pass


def test_who_listens_in_a_servers_place_is_not_taken_for_it(family):
    with impostor(family.address()):
        assert not family.listens()
        node = RedisNode(family)
        with pytest.raises(redis.ConnectionError, match="starting"):
            node.client().ping()


@contextmanager
def impostor(address, reuse=True):
    """A stranger who was quicker than the server that was just launched."""
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        stranger.bind(address)
        stranger.listen()
        yield stranger


def test_a_port_is_open_between_release_and_hold_alone(shares):
    port = Port()
    address = (port.host, port.number)
    with pytest.raises(OSError, match="in use"), impostor(address, shares):
        pass
    port.release()
    with impostor(address, shares):
        port.hold()
    port.hold()
    with pytest.raises(OSError, match="in use"), impostor(address, shares):
        pass
    port.close()
    port.hold()
    with impostor(address, shares):
        pass


@pytest.fixture(params=[True, False], ids=["linux", "elsewhere"])
def shares(request, monkeypatch):
    """Whether two sockets may share a port."""
    if request.param and not sys.platform.startswith("linux"):
        pytest.skip("two sockets may not share a port here")
    monkeypatch.setattr(ports, "shared", lambda: request.param)
    return request.param


def test_memory_that_is_told_to_root_alone_is_counted_in_full(monkeypatch):
    def refused(process):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "memory_full_info", refused)
    own = processes.proportional_memory(os.getpid())
    assert own == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


def test_a_server_that_the_system_killed_is_told_apart_from_one_of_labkits(family):
    family._process.kill()
    family._process.wait()
    assert "memory runs out" in family.exit_reason()
    family.start()
    family.kill()
    assert family.exit_reason() == "ended by signal SIGKILL"


class Lacking(Family):
    """A server whose wheel does not exist for this computer."""

    def command(self):
        import no_such_wheel  # noqa: F401


def test_a_server_whose_package_is_missing_is_told_with_the_way_out(session):
    machine = Lacking(ProcessRuntime(session), "lacking")
    with pytest.raises(RuntimeUnavailable, match=r"`no_such_wheel` is missing.*Docker"):
        machine.start()


LEAKS = {
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "JAVA_TOOL_OPTIONS": "-Xmx1m",
    "JDK_JAVA_OPTIONS": "-Xmx1m",
    "_JAVA_OPTIONS": "-Xmx1m",
    "KAFKA_OPTS": "-Xmx1m",
    "PYTHONPATH": "/nowhere",
    "LANG": "tr_TR.UTF-8",
    "LC_NUMERIC": "de_DE.ISO-8859-1",
    "https_proxy": "http://127.0.0.1:9",
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_variable_of_the_readers_reaches_no_server(name):
    seen = surroundings.for_servers({name: LEAKS[name], "HOME": "/home"})
    assert seen == {"HOME": "/home", "LC_ALL": "C.UTF-8"}
