"""Kafka (KRaft) from its official image."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from ...runtimes.containers.machine import ContainerMachine
from ...runtimes.java import LIGHT
from .conf import HEAP, Member, kafka_properties

if TYPE_CHECKING:
    from ...runtimes.containers import ContainerRuntime

CONTROLLER = 9093
INTERNAL = 9094


class Container(ContainerMachine):
    """A broker, a controller, or both in one.

    Clients on this machine come in by the listener CLIENT, other brokers by INTERNAL.
    server.properties is a file, which the image takes in place of its own: in KAFKA_*
    variables the password could be read from outside.
    """

    image = "apache/kafka:4.3.1"
    port_inside = 9092
    stop_within = 15

    def __init__(
        self,
        runtime: ContainerRuntime,
        name: str,
        member: Member,
        password: str,
    ) -> None:
        super().__init__(runtime, name, password)
        self.member = member
        self.published = member.is_broker
        for peer in member.peers:  # one alone needs no network
            self.in_network = peer.in_network = True

    def follows(self) -> list[ContainerMachine]:
        return [] if self.member.is_controller else self.member.controllers()

    def files(self) -> dict[str, str]:
        properties = kafka_properties(
            self.member,
            voters=self.member.voters(lambda peer: f"{peer.host}:{CONTROLLER}"),
            listeners={
                "broker": {
                    "CLIENT": f"0.0.0.0:{self.port_inside}",
                    "INTERNAL": f"0.0.0.0:{INTERNAL}",
                },
                "controller": {"CONTROLLER": f"0.0.0.0:{CONTROLLER}"},
            },
            advertised=self.advertised(),
            between_brokers="INTERNAL",
            password=self.password,
            data="/tmp/kraft-combined-logs",
        )
        return {"/mnt/shared/config/server.properties": properties}

    def advertised(self) -> dict[str, str]:
        if not self.member.is_broker:
            return {}
        return {
            "CLIENT": f"127.0.0.1:{self.port.number}",
            "INTERNAL": f"{self.host}:{INTERNAL}",
        }

    def environment(self) -> dict[str, str]:
        return {
            "KAFKA_HEAP_OPTS": " ".join(HEAP),
            "KAFKA_JVM_PERFORMANCE_OPTS": " ".join(LIGHT),
        }

    def release(self) -> str:
        return self._release

    @functools.cached_property
    def _release(self) -> str:
        """From the name of the broker's jar: its protocol does not tell."""
        found = re.search(
            r"kafka_[\d.]+-([\d.]+)\.jar", self.run("ls", "/opt/kafka/libs")
        )
        return found.group(1) if found else "of unknown release"
