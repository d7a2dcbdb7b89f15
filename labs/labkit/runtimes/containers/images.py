"""Which images, and how they come here."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..base import RuntimeUnavailable

if TYPE_CHECKING:
    from docker import DockerClient


class Images:
    """What machines ask before they start, side by side, from several threads."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._failed: dict[str, str] = {}

    def busy(self) -> bool:
        """Whether an image is being pulled, or looked for, right now."""
        return self._one_at_a_time.locked()

    def fetch_if_missing(self, client: DockerClient, image: str, variable: str) -> None:
        """Pull the image unless the engine has it, with one line of progress.

        variable: the environment variable that names another one.

        Raises RuntimeUnavailable, with the ways out, when it cannot be pulled; tried
        once, however many machines want it.
        """
        from docker.errors import ImageNotFound

        with self._one_at_a_time:
            try:
                client.images.get(image)
            except ImageNotFound:
                if image not in self._failed:
                    self._failed[image] = pull(client, image)
                if why := self._failed[image]:
                    raise RuntimeUnavailable(
                        f"The image {image} is not here and could not be pulled: "
                        f"{why}. Use no containers: LABS_RUNTIME=processes. Or name a "
                        f"copy of the image: {variable}=mirror/name:tag"
                    ) from None


def pull(client: DockerClient, image: str) -> str:
    """Pull, and return why it failed, or ""."""
    from docker.errors import DockerException
    from docker.utils import parse_repository_tag

    print(f"Fetching the image {image}, once ...", end="", flush=True, file=sys.stderr)
    began = time.monotonic()
    try:
        name, tag = parse_repository_tag(image)
        stream = client.api.pull(name, tag=tag or "latest", stream=True, decode=True)
        megabytes = followed(stream) / 1e6
        client.images.get(image)
    except (DockerException, OSError, ValueError) as error:
        print(" failed", file=sys.stderr)
        return getattr(error, "explanation", None) or str(error)
    print(f" {megabytes:.0f} MB in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return ""


def followed(stream: Iterable[dict[str, Any]]) -> int:
    """Read what an engine says of a pull, to its end; the bytes that it fetched.

    Raises OSError for an error in it: a pull that fails half-way has begun with
    status 200, and docker-py overlooks what follows.
    """
    layers: dict[str, int] = {}
    for said in stream:
        if error := said.get("error"):
            raise OSError(error)
        if said.get("status") == "Downloading":
            layers[said["id"]] = said.get("progressDetail", {}).get("total", 0)
    return sum(layers.values())
