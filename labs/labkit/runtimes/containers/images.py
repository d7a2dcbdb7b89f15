"""Which images, and how they come here."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

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

    print(f"Fetching the image {image}, once ...", end="", flush=True, file=sys.stderr)
    began = time.monotonic()
    try:
        client.images.pull(image)
    except (DockerException, OSError) as error:
        print(" failed", file=sys.stderr)
        return getattr(error, "explanation", None) or str(error)
    print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
    return ""
