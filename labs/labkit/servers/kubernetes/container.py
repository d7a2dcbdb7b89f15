"""K3s, a Kubernetes in one program, from its official image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ...runtimes import cache
from ...runtimes.containers.machine import ContainerMachine

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

    from ...runtimes.containers import ContainerRuntime

KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
IMAGES = "/var/lib/rancher/k3s/agent/images"  # K3s takes in what lies there
METRICS = "metrics-server"
OFF = ("traefik", "servicelb", "local-storage", "coredns", METRICS)


class Container(ContainerMachine):
    """images: of the pods. The engine pulls them once and hands them on; K3s alone
    would pull them again for each cluster. metrics: whether the metrics-server is on,
    the one of K3s' extras that a lab may need.

    As testcontainers' K3SContainer starts it, but for three things. The machine's own
    cgroups are not mounted, which breaks pods where they are of version 2. The port is
    on the loopback interface alone. And K3s' extras are left out.
    """

    image = "rancher/k3s:v1.36.1-k3s1"
    port_inside = 6443
    privileged = True  # it runs containers of its own
    in_memory = ("/run", "/var/run")
    stop_within = 1  # seconds; nothing in it is wanted again

    def __init__(
        self,
        runtime: ContainerRuntime,
        name: str,
        images: Sequence[str] = (),
        metrics: bool = False,
    ) -> None:
        super().__init__(runtime, name)
        self.images = images
        self.metrics = metrics

    def files(self) -> dict[str, str]:
        return {}

    def command(self) -> list[str]:
        off = [extra for extra in OFF if not (self.metrics and extra == METRICS)]
        return ["server", f"--disable={','.join(off)}", "--tls-san=127.0.0.1"]

    def kubeconfig(self) -> dict[str, Any]:
        """Once it is written: Cluster.answers asks until then. Raises OSError."""
        told = yaml.safe_load(self.run("cat", KUBECONFIG))
        host, port = self.address()
        told["clusters"][0]["cluster"]["server"] = f"https://{host}:{port}"
        return told

    def _described(self) -> DockerContainer:
        container = super()._described()
        client = container.get_docker_client().client
        for number, path in enumerate(self.archives(client)):
            container.with_copy_into_container(path, f"{IMAGES}/{number}.tar")
        return container

    def archives(self, client: Any) -> Iterator[Path]:
        """The images as `docker save` writes them, kept in the cache."""
        for image in self.images:
            self.runtime.images.fetch_if_missing(client, image, "LABS_KUBECONFIG")
            found = client.images.get(image)

            def save(path: Path, found: Any = found, image: str = image) -> None:
                with path.open("wb") as file:
                    for part in found.save(named=image):
                        file.write(part)

            name = f"image-{found.short_id.rpartition(':')[2]}.tar"
            yield cache.made(name, save, f"the image {image} for pods")
