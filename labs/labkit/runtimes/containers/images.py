"""Which images, and how they come here."""

from __future__ import annotations

import os
import sys
import threading
import time

from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from ..base import RuntimeUnavailable

NAMES = {
    "postgres": "postgres:18",
    "redis": "redis:8",
    "kafka": "apache/kafka:4.3.1",
}
_one_at_a_time = threading.Lock()  # two nodes of one server want the same image


def variable(kind: str) -> str:
    """The environment variable that names another image for a kind of server."""
    return f"LABS_IMAGE_{kind.upper()}"


def wanted(kind: str) -> str:
    return os.environ.get(variable(kind)) or NAMES[kind]


def fetch_if_missing(client: DockerClient, kind: str, image: str) -> None:
    """Pull the image unless the engine has it, with one line of progress.

    Raises RuntimeUnavailable, with the ways out, when it cannot be pulled.
    """
    with _one_at_a_time:
        try:
            client.images.get(image)
        except ImageNotFound:
            pull(client, kind, image)


def pull(client: DockerClient, kind: str, image: str) -> None:
    print(f"Fetching the image {image}, once ...", end="", flush=True, file=sys.stderr)
    began = time.monotonic()
    try:
        client.images.pull(image)
    except (APIError, OSError) as error:
        print(" failed", file=sys.stderr)
        why = getattr(error, "explanation", None) or str(error)
        raise RuntimeUnavailable(
            f"The image {image} is not here and could not be pulled: {why}. "
            "Use no containers: LABS_RUNTIME=processes. Or name a copy of the image: "
            f"{variable(kind)}=mirror/name:tag"
        ) from error
    print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
