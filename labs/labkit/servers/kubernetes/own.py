"""A cluster that the reader runs: kind, k3d, minikube, Docker Desktop, or any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes import client, config

from ...runtimes import Machine, Runtime, RuntimeUnavailable
from ...runtimes.cleaner import USES_CLUSTER
from .api import get

VARIABLE = "LABS_KUBECONFIG"
WITHIN = 5.0  # seconds for its first answer
NOT_OURS = f"the cluster of {VARIABLE} is not the lab's: it is not stopped or hurt"


class OwnCluster(Machine):
    """path: of a kubeconfig, whose current context is used."""

    def __init__(self, runtime: Runtime, path: str) -> None:
        self.name = "cluster"
        self.password = ""
        self.path = Path(path).expanduser().resolve()
        self.runtime = runtime

    def kubeconfig(self) -> dict[str, Any]:
        """Raises RuntimeUnavailable when it cannot be read, or is none."""
        try:
            told = yaml.safe_load(self.path.read_text())
        except OSError as error:
            raise self.unusable(f"cannot be read: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise self.unusable("is no YAML") from error
        if not isinstance(told, dict):
            raise self.unusable("is no kubeconfig")
        return told

    def unusable(self, why: str) -> RuntimeUnavailable:
        return RuntimeUnavailable(
            f"{VARIABLE} names {self.path}, which {why}. Name another kubeconfig, or "
            "none, and K3s is started in a container"
        )

    def start(self) -> None:
        told = client.Configuration()
        try:
            loader = config.kube_config.KubeConfigLoader(
                self.kubeconfig(), config_base_path=str(self.path.parent)
            )
            loader.load_and_set(told)
        except config.ConfigException as error:
            raise self.unusable(f"is no kubeconfig: {error}") from error
        told.retries = False
        try:
            with client.ApiClient(told) as api:
                answer = get(api, "/api/v1/nodes?limit=1", WITHIN)
        except OSError as error:
            raise RuntimeUnavailable(
                f"The cluster of {VARIABLE} ({told.host}) does not answer: {error}. "
                f"Start it, or unset {VARIABLE}: K3s is then started in a container"
            ) from error
        if answer.status != 200:
            raise RuntimeUnavailable(
                f"The cluster of {VARIABLE} ({told.host}) refuses with status "
                f"{answer.status}. Name a kubeconfig whose user may list nodes and "
                "make namespaces"
            )
        # before the first namespace, so that the cleaner knows where to look
        (self.runtime.session.directory / USES_CLUSTER).write_text(str(self.path))

    def address(self) -> tuple[str, int]:
        told = client.Configuration()
        config.kube_config.KubeConfigLoader(self.kubeconfig()).load_and_set(told)
        url = urlsplit(told.host)
        return url.hostname or "", url.port or 443

    def reach(self, other: Any) -> str:
        raise RuntimeUnavailable(NOT_OURS)

    def alive(self) -> bool:
        return True

    def exit_reason(self) -> str:
        return "it has not ended"

    def logs(self) -> str:
        return ""

    def stop(self) -> None:
        """Nothing: it goes on."""

    def kill(self) -> None:
        raise RuntimeUnavailable(NOT_OURS)

    renew = pause = resume = kill

    def signal(self, pid: int, name: str) -> None:
        raise RuntimeUnavailable(NOT_OURS)

    def frozen(self) -> bool:
        return False

    def memory(self) -> int:
        return 0  # not told
