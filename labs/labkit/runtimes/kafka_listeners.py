"""Kafka's listeners, the same in both runtimes: closed without the password."""

from __future__ import annotations

USER = "labs"


def closed(listeners: list[str], between_brokers: str, password: str) -> dict[str, str]:
    """Lines of server.properties that make every listener ask for SASL/PLAIN.

    The traffic is not encrypted: it never leaves the machine.
    """
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="{USER}" password="{password}" user_{USER}="{password}";'
    )
    return {
        "listener.security.protocol.map": ",".join(
            f"{name}:SASL_PLAINTEXT" for name in listeners
        ),
        "inter.broker.listener.name": between_brokers,
        "controller.listener.names": "CONTROLLER",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        **{
            f"listener.name.{name.lower()}.plain.sasl.jaas.config": login
            for name in listeners
        },
    }
