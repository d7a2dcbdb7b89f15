"""Promises of the container runtime. Those that need a Docker engine are skipped,
in one line, where none answers."""

import json
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import docker
import psutil
import pytest
import redis
import requests
from testcontainers.core.transferable import build_transfer_tar

from labkit import (
    App,
    Kafka,
    Nginx,
    Postgres,
    Redis,
    RuntimeUnavailable,
    StartFailed,
    wait_until,
)
from labkit.runtimes import Session
from labkit.runtimes.cleaner import LABEL
from labkit.runtimes.containers import ContainerRuntime, engine, engine_problem
from labkit.runtimes.containers import images as images_module
from labkit.runtimes.containers import machine as machine_module
from labkit.runtimes.containers.images import Images
from labkit.servers import http
from labkit.servers.base import side_by_side
from labkit.servers.http import KEY
from labkit.servers.redis.container import Container

pytestmark = pytest.mark.servers
LABS = Path(__file__).parents[2] / "labs"


@pytest.fixture(scope="module")
def client():
    if problem := engine_problem():
        pytest.skip(f"no Docker engine for containers: {problem}")
    return docker.from_env()


@pytest.fixture(scope="module")
def runtime(client):
    session = Session()
    yield ContainerRuntime(session)
    session.close()


def started(runtime, server):
    server.attach(runtime)
    server.start()
    return server


@pytest.fixture(scope="module")
def db(runtime):
    db = started(runtime, Postgres(replicas=1))
    db.primary.sql("create table notes (n int)")
    return db


@pytest.fixture(scope="module")
def cache(runtime):
    return started(runtime, Redis())


@pytest.fixture(scope="module")
def cluster(runtime):
    cluster = started(runtime, Kafka(brokers=2))
    cluster.create_topic("orders", partitions=1, replication=2)
    return cluster


@pytest.fixture(scope="module")
def app(runtime, db):
    return started(runtime, App(database=db))


@pytest.fixture(scope="module")
def edge(runtime, app):
    return started(runtime, Nginx(upstreams=[app]))


def left_of(client, session_id):
    mine = {"label": f"{LABEL}={session_id}"}
    found = client.containers.list(all=True, filters=mine, ignore_removed=True)
    return [*found, *client.networks.list(filters=mine)]


def volumes_of(container):
    return [mount["Name"] for mount in container.attrs["Mounts"] if "Name" in mount]


def containers_of(client, runtime):
    mine = {"label": f"{LABEL}={runtime.session.id}"}
    return client.containers.list(all=True, filters=mine)


def test_a_server_without_memory_is_reported_as_such(client, runtime):
    server = started(runtime, Redis())
    node = server.primary.machine
    assert node.memory() > 1_000_000
    client.api.update_container(
        f"{runtime.session.id}-{node.host}", mem_limit="24m", memswap_limit="24m"
    )
    with pytest.raises(redis.RedisError):
        for n in range(8):
            server.client().set(f"big{n}", b"x" * 8_000_000)
    wait_until(lambda: not node.alive(), 10, "the engine did not end it")
    assert "OOMKilled" in node.exit_reason()
    assert node.memory() == 0


def test_an_application_beside_the_containers_is_reached_by_the_edge_alone(
    client, app, edge
):
    assert edge.get("/health").status == 200
    beside = app.nodes[0].machine
    inside = edge.node.machine.run("cat", "/etc/hosts")
    assert "host.docker.internal" in inside
    ports = {port for _, port in beside.listen()}
    open_at = {
        c.laddr.ip
        for c in psutil.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN and c.laddr.port in ports
    }
    assert open_at == {"127.0.0.1", engine.own_bridge(client) or "127.0.0.1"}
    assert len(ports) == 1  # of two engines' bridges it may be the other's
    for address in beside.listen():
        assert http.request(address, "GET", "/health").status == 403


def test_every_port_opens_on_loopback_only(client, runtime, db, cache, cluster, edge):
    for container in containers_of(client, runtime):
        for published in container.ports.values():
            for place in published or []:
                assert place["HostIp"] == "127.0.0.1", container.name


def test_no_password_stands_where_the_engine_shows_it(
    client, runtime, db, cache, cluster, edge
):
    secrets = [
        db.primary.machine.password,
        cache.primary.machine.password,
        cluster.password,
    ]
    secrets.append(KEY)
    for container in containers_of(client, runtime):
        shown = json.dumps(container.attrs)
        if container.status == "running":
            shown += json.dumps(container.top())
        assert not [secret for secret in secrets if secret in shown], container.name


def test_a_port_that_was_taken_meanwhile_is_replaced(runtime):
    server = Redis()
    server.attach(runtime)
    node = server.primary.machine
    node.port.close()
    with socket.socket() as thief:
        thief.bind(node.address())
        thief.listen()
        server.start()
        assert node.address() != thief.getsockname()
        assert server.client().ping()
    server.stop()


def test_an_image_that_is_there_is_not_pulled(runtime, monkeypatch):
    def pull(*_):
        raise AssertionError("it was pulled")

    monkeypatch.setattr(images_module, "pull", pull)
    started(runtime, Redis()).stop()


def test_an_image_that_cannot_be_had_is_named_once_with_both_ways_out(
    client, monkeypatch, capsys
):
    image = "127.0.0.1:1/none:1"
    monkeypatch.setenv("LABS_IMAGE_REDIS", image)
    session = Session()
    server = Redis(replicas=2)
    try:
        server.attach(ContainerRuntime(session))
        with pytest.raises(RuntimeUnavailable) as caught:
            side_by_side([node.machine.start for node in server.nodes])
    finally:
        session.close()
    said = str(caught.value)
    assert image in said and "refused" in said
    assert "LABS_RUNTIME=processes" in said and "LABS_IMAGE_REDIS=" in said
    assert capsys.readouterr().err == f"Fetching the image {image}, once ... failed\n"


def test_an_ended_session_leaves_no_container_network_or_volume(client):
    session = Session()
    runtime = ContainerRuntime(session)
    started(runtime, Redis())
    volumes = [v for c in containers_of(client, runtime) for v in volumes_of(c)]
    assert volumes
    session.close()
    assert not left_of(client, session.id)
    assert not {v.name for v in client.volumes.list()} & set(volumes)


KERNEL = """
from labkit import Redis
from labkit.runtimes import Session
from labkit.runtimes.containers import ContainerRuntime
session = Session()
server = Redis(replicas=1)
server.attach(ContainerRuntime(session))
server.start()
server.primary.pause()
print(session.id, flush=True)
input()
"""


def test_a_killed_kernel_leaves_nothing_within_ten_seconds(client):
    words = [sys.executable, "-c", KERNEL]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, cwd=LABS, stdin=pipe, stdout=pipe, text=True
    ) as kernel:
        session_id = kernel.stdout.readline().strip()
        containers = [x for x in left_of(client, session_id) if hasattr(x, "image")]
        volumes = {v for container in containers for v in volumes_of(container)}
        assert len(containers) == 2 and volumes
        kernel.send_signal(signal.SIGKILL)
    wait_until(
        lambda: not left_of(client, session_id), 10, f"{session_id} left something"
    )
    assert not {v.name for v in client.volumes.list()} & volumes


@pytest.fixture
def idle():
    """A machine whose container is what a test makes of it."""
    session = Session()
    yield Container(ContainerRuntime(session), "idle", settings={})
    session.close()


def test_a_machine_that_is_not_launched_is_named_by_those_that_wait_for_it(
    idle, monkeypatch
):
    monkeypatch.setattr(machine_module, "PATIENCE", 0.1)
    with pytest.raises(StartFailed, match="idle was not launched"):
        idle.until_launched()


def test_a_wait_for_another_machine_lasts_as_long_as_a_pull(idle, monkeypatch):
    monkeypatch.setattr(machine_module, "PATIENCE", 0.1)
    monkeypatch.setattr(Images, "busy", lambda images: True)
    pulled = threading.Timer(1, idle._launched.set)
    pulled.start()
    idle.until_launched()
    pulled.join()


def test_files_are_roots_in_a_container_whoever_wrote_them_here(
    idle, client, monkeypatch
):
    found = tarfile.TarFile.gettarinfo

    def ours(*words, **more):
        member = found(*words, **more)
        member.uid = 70_000  # which a rootless engine cannot give to a file
        return member

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", ours)
    (put,) = idle._described()._transferable_specs
    with tarfile.open(fileobj=BytesIO(build_transfer_tar(*put))) as tar:
        (member,) = tar.getmembers()
    assert (member.name, member.uid, member.mode) == ("/labs/redis.conf", 0, 0o644)


def test_an_application_that_containers_cannot_reach_is_told(idle, monkeypatch):
    def unreached(*_):
        raise OSError("timed out")

    app = SimpleNamespace(
        name="app",
        alive=lambda: True,
        frozen=lambda: False,
        seen_from_containers=lambda: (machine_module.HOST, 4711),
    )
    monkeypatch.setattr(idle, "run", lambda *_: "403")
    idle.must_reach([app])
    monkeypatch.setattr(idle, "run", unreached)
    with pytest.raises(RuntimeUnavailable) as caught:
        idle.must_reach([app])
    said = str(caught.value)
    assert "cannot reach app at http://host.docker.internal:4711/" in said
    assert all(word in said for word in ("Rootless", "ufw", "LABS_RUNTIME=processes"))
    app.alive = lambda: False
    idle.must_reach([app])


class Engine:
    """Stands for docker-py's client of an engine that has its bridge on loopback."""

    def __init__(self, product="", stream=(), has=True):
        self.stream, self.has = stream, has
        self.api = self.images = self.networks = self
        self.product = product
        self.attrs = {"IPAM": {"Config": [{"Gateway": "127.0.0.1"}]}}

    def version(self):
        return {"Components": [{"Name": self.product}]}

    def get(self, name):
        if not self.has:
            raise docker.errors.ImageNotFound("No such image")
        return self

    def pull(self, name, **_):
        return iter(self.stream)


@pytest.mark.parametrize(
    ("product", "host"),
    [("Engine", "host-gateway"), ("Podman Engine", "127.0.0.1")],
)
def test_this_computer_has_a_name_in_the_containers_of_each_engine(product, host):
    assert engine.host_for_containers(Engine(product)) == host


@pytest.mark.parametrize(
    "why",
    [
        "write /var/lib/docker/tmp/x: no space left on device",
        "no matching manifest for linux/riscv64 in the manifest list entries",
        "toomanyrequests: You have reached your pull rate limit.",
    ],
)
def test_a_pull_that_breaks_off_is_told_with_the_engines_reason(why, capsys):
    stream = [{"status": "Pulling from library/redis", "id": "8"}, {"error": why}]
    assert images_module.pull(Engine(stream=stream, has=False), "redis:8") == why
    assert capsys.readouterr().err.endswith("... failed\n")


def test_a_pull_tells_its_megabytes(capsys):
    stream = [
        {"status": "Downloading", "id": layer, "progressDetail": {"total": 7_000_000}}
        for layer in ("a", "b", "a")
    ]
    assert images_module.pull(Engine(stream=stream), "redis:8") == ""
    assert "redis:8, once ... 14 MB in 0 s" in capsys.readouterr().err


class Answering:
    """Stands for testcontainers' container and docker-py's, with one answer."""

    def __init__(self, error):
        self.error = error

    def get_wrapped_container(self):
        return self

    def reload(self):
        raise self.error


def test_a_container_that_was_removed_is_told_as_such(idle):
    assert idle.exit_reason() == "it has not ended"
    idle._container = Answering(docker.errors.NotFound("gone"))
    assert idle.exit_reason() == "its container was removed"
    assert not idle.frozen()


@pytest.mark.parametrize(
    "error", [requests.ConnectionError("refused"), docker.errors.APIError("restarts")]
)
def test_memory_is_unknown_while_the_engine_restarts(idle, error):
    idle._container = Answering(error)
    assert idle.memory() == 0


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    """Nothing on this machine names an engine."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(engine, "SOCKET", str(tmp_path / "docker.sock"))
    return monkeypatch


def test_no_engine_is_told_at_once(no_engine):
    began = time.monotonic()
    assert "docker.sock" in engine_problem()
    assert time.monotonic() - began < engine.WITHIN  # nobody is waited for


def test_an_engine_on_another_machine_is_refused(no_engine):
    no_engine.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    assert "another machine" in engine_problem()


def test_an_engine_that_is_not_running_is_told(no_engine):
    no_engine.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert engine_problem() == "nothing listens on tcp://127.0.0.1:1"


def test_an_engine_that_does_not_answer_is_given_up(no_engine):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        no_engine.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert "did not answer" in engine_problem()
        assert engine.WITHIN <= time.monotonic() - began < 10 * engine.WITHIN


def test_an_engine_outside_the_notebooks_container_is_refused(client, monkeypatch):
    monkeypatch.setattr(engine, "inside_a_container", lambda: True)
    monkeypatch.setattr(engine, "shares_loopback", lambda _: False)
    assert "another loopback" in engine_problem()
