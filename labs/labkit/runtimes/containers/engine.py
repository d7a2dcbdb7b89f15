"""Is there a Docker engine, and can this machine's loopback reach its containers?"""

from __future__ import annotations

import contextlib
import os
import socket
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SOCKET = "/var/run/docker.sock"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WITHIN = 2.0  # seconds for the engine's answer
IN_A_CONTAINER = ("/.dockerenv", "/run/.containerenv")


def engine_problem() -> str:
    """Why containers cannot be used here; "" when they can. Takes 2 s at most."""
    if not configured() and not os.path.exists(SOCKET):
        return f"there is no {SOCKET}, and DOCKER_HOST is not set"
    host = engine_host()
    url = urlsplit(host)
    if url.scheme == "ssh" or (url.hostname and url.hostname not in LOOPBACK):
        return (
            f"the engine ({host}) is on another machine, and the labs reach their "
            "servers on this machine's loopback only"
        )
    return asked(host)


def configured() -> bool:
    """Whether anything but the socket in its usual place names an engine.

    Answers without loading the Docker client, which takes half a second.
    """
    if os.name == "nt" or os.environ.keys() & {"DOCKER_HOST", "DOCKER_CONTEXT"}:
        return True
    if (Path.home() / ".testcontainers.properties").exists():
        return True
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    with contextlib.suppress(OSError):
        return "currentContext" in (folder / "config.json").read_text()
    return False


def engine_host() -> str:
    """The engine's URL as testcontainers finds it; "" for Docker's own default."""
    from testcontainers.core.docker_client import get_docker_host

    return get_docker_host() or ""


def asked(host: str) -> str:
    """What the engine at `host` says against it, or why it says nothing."""
    import docker
    import requests
    from docker.errors import DockerException

    where = host or SOCKET
    try:
        environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
        client = docker.from_env(timeout=WITHIN, environment=environment)
        with contextlib.closing(client):
            if client.version().get("Os", "linux") != "linux":
                return f"the engine ({where}) does not run Linux containers"
            if inside_a_container() and not shares_loopback(client):
                return (
                    f"this notebook runs in a container, and the engine ({where}) "
                    "outside of it: its ports open on another loopback"
                )
    except (DockerException, requests.RequestException, OSError) as error:
        return reason(str(error), where)
    return ""


def inside_a_container() -> bool:
    return any(os.path.exists(path) for path in IN_A_CONTAINER)


def shares_loopback(client: Any) -> bool:
    """Whether the engine's bridge is an interface of this very machine.

    An engine inside the same container as the notebook passes, as does one in the
    host's network.
    """
    return bool(own_bridge(client))


def own_bridge(client: Any) -> str:
    """The address of the engine's bridge if it is one of this machine's, else "".

    Found out by trying: only an address of one's own can be bound. Docker Desktop's
    engine has its bridge in a machine of its own.
    """
    for config in client.networks.get("bridge").attrs["IPAM"]["Config"]:
        address = config.get("Gateway") or str(ip_network(config["Subnet"])[1])
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, 0))
            return address
    return ""


def host_for_containers(client: Any) -> str:
    """What the name of this computer leads to in containers. Podman's engine does not
    know Docker's word for it."""
    parts = client.version().get("Components") or []
    podman = any("podman" in part.get("Name", "").lower() for part in parts)
    return (own_bridge(client) if podman else "") or "host-gateway"


def bridge() -> str:
    """`own_bridge` of the engine that testcontainers finds."""
    from testcontainers.core.docker_client import DockerClient

    return own_bridge(DockerClient().client)


def reason(text: str, where: str) -> str:
    """One line for a reader, instead of three nested exceptions."""
    if "Permission denied" in text:
        return f"this user may not use {where} (on Linux, be in the group docker)"
    if "No such file" in text:
        return f"there is no {where}"
    if "refused" in text:
        return f"nothing listens on {where}"
    if "timed out" in text.lower():
        return f"{where} did not answer within {WITHIN:g} s"
    return f"{where}: {text.splitlines()[0]}"
