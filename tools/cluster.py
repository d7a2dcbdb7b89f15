"""Run a command in which all labs share one Kubernetes cluster: K3s, started once.

    python tools/cluster.py make test TESTS='-m kubernetes'

A lab alone starts its own. Here each finds this one by LABS_KUBECONFIG and works in
namespaces of its own. Where that names a cluster already, the command is just run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from book_model import ROOT

sys.path.append(str(ROOT / "labs"))

from labkit import Kubernetes, Lab, RuntimeUnavailable, StartFailed
from labkit.servers import argocd
from labkit.servers.kubernetes.own import VARIABLE
from labkit.shop import pods


def main(command: list[str]) -> int:
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    if os.environ.get(VARIABLE):
        return subprocess.call(command)
    lab = Lab("cluster")
    try:
        images = [*pods.IMAGES, *argocd.IMAGES]
        cluster = lab.start(Kubernetes(images=images, metrics=True))
    except (RuntimeUnavailable, StartFailed) as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        path.touch(mode=0o600)  # it lets in whoever reads it
        path.write_text(yaml.safe_dump(cluster.node.machine.kubeconfig()))
        try:
            return subprocess.call(command, env={**os.environ, VARIABLE: str(path)})
        finally:
            lab.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
