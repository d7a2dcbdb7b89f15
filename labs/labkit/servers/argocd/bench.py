"""How soon Argo CD delivers, from before its cluster is there."""

from __future__ import annotations

from ..bench import Bench, Way
from ..kubernetes import Kubernetes
from . import ArgoCD

READY = "its parts ready"
SYNC = "first sync"
FILES = {
    "told/told.yaml": '{"apiVersion": "v1", "kind": "ConfigMap", '
    '"metadata": {"name": "told"}, "data": {"words": "first"}}'
}


def ours(bench: Bench) -> None:
    """A cluster and Argo CD in it, up to a folder of one object that is delivered."""
    argo = bench.start(ArgoCD(Kubernetes()))
    bench.mark(READY)
    space = argo.namespace()
    revision = argo.commit("first", FILES)
    argo.deliver("told", "told", space, syncPolicy={"automated": {}})
    argo.settled("told", revision)
    bench.mark(SYNC)


PLAIN: dict[str, Way] = {}
TARGETS: dict[str, float] = {}
