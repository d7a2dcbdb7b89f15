"""A real cluster: K3s in a container, and the same one as if it were a reader's own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import docker
import pytest
import yaml
from promises import *  # noqa: F403

from labkit import Kubernetes, Lab, RuntimeUnavailable, StartFailed, wait_until
from labkit.runtimes.cleaner import LABEL
from labkit.runtimes.containers import engine_problem
from labkit.shop import pods

LABS = Path(__file__).parents[2] / "labs"


@pytest.fixture(scope="module")
def server(cannot_run):
    """K3s of our own, also where LABS_KUBECONFIG names a cluster."""
    if problem := engine_problem():
        cannot_run(f"no Docker engine for K3s: {problem}")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LABS_KUBECONFIG", raising=False)
        patch.setenv("LABS_RUNTIME", "containers")
        lab = Lab("k3s")
    try:
        yield started(lab)
    except RuntimeUnavailable as error:
        cannot_run(str(error))
    lab.close()


def started(lab):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LABS_KUBECONFIG", raising=False)
        return lab.start(Kubernetes(images=pods.IMAGES))


@pytest.fixture
def named(server, tmp_path, monkeypatch):
    """The cluster as a reader's own, which LABS_KUBECONFIG names."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(server.node.machine.kubeconfig()))
    monkeypatch.setenv("LABS_KUBECONFIG", str(path))
    monkeypatch.setenv("LABS_RUNTIME", "processes")
    return server


def namespaces(cluster, ours=True):
    """Those that do not end yet, whose name begins as a lab's does, or the others."""
    core = cluster.node.core
    return {
        one.metadata.name
        for one in core.list_namespace().items
        if one.status.phase == "Active"
        and one.metadata.name.startswith("labs-") == ours
    }


def files(image=pods.PYTHON):
    """A Deployment that serves a folder of its container."""
    made = pods.deployment("files", 2, "", {"readinessProbe": pods.probe("/")})
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container |= {"image": image, "command": ["python3", "-m", "http.server", "8080"]}
    del container["env"], container["volumeMounts"]
    del made["spec"]["template"]["spec"]["volumes"]
    return made


def test_pods_are_asked_through_a_service_in_a_namespace_of_the_labs_own(server):
    space = server.namespace()
    port = {"port": 80, "targetPort": 8080}
    space.apply(files(), pods.service("files", "files", port))
    space.until_ready("files", 2)
    assert space.ask("files:80", "etc/").status == 200
    assert space.ask("files:80", "nothing").status == 404
    first, second = space.pods("files")
    assert space.run(first.name, "echo", "here").strip() == "here"
    assert space.behind("files") == {first.name, second.name}
    space.drop("files")
    wait_until(lambda: not space.behind("files"), 30, "the Service leads to nobody")
    refused = space.ask("files:80")
    assert refused.status == 503
    assert refused.json()["error"].startswith("no endpoints available for service")
    space.delete()
    space.delete()  # twice does no harm


def test_an_image_that_the_cluster_cannot_pull_is_told_in_one_sentence(server):
    space = server.namespace()
    space.apply(files("localhost:1/nothing:1"))
    with pytest.raises(StartFailed, match="cannot pull an image for files"):
        space.until_ready("files", 2)
    space.delete()


def test_a_cluster_of_ones_own_is_used_and_left_as_it_was(named):
    mine = "labs-of-somebody-else"
    core = named.node.core
    core.create_namespace({"metadata": {"name": mine, "labels": {LABEL: "another"}}})
    before = namespaces(named, ours=False)
    lab = Lab("own")
    cluster = lab.start(Kubernetes())
    assert lab.runtime.name == "processes"
    assert cluster.version() == named.version()
    made = {cluster.namespace().name, cluster.namespace().name}
    assert made <= namespaces(named)
    for hurt in ("kill", "pause", "renew"):
        with pytest.raises(RuntimeUnavailable, match="is not the lab's"):
            getattr(cluster.node.machine, hurt)()
    lab.close()
    assert not made & namespaces(named)
    assert mine in namespaces(named)
    assert namespaces(named, ours=False) == before
    assert named.node.answers()
    core.delete_namespace(mine)


def test_a_cluster_of_ones_own_without_metrics_is_told_in_one_sentence(named):
    lab = Lab("unmeasured")
    with pytest.raises(RuntimeUnavailable, match="has no metrics-server"):
        lab.start(Kubernetes(metrics=True))
    lab.close()


KERNEL = """
import os
from labkit import Kubernetes, Lab
lab = Lab("killed")
cluster = lab.start(Kubernetes())
print(lab._session.id, cluster.namespace().name, flush=True)
input()
"""


def killed_kernel(before=lambda session: None):
    """What a kernel said that had a namespace and was ended by SIGKILL; and what was
    looked at before."""
    kernel = subprocess.Popen(
        [sys.executable, "-c", KERNEL],
        cwd=LABS,
        env={**os.environ, "PYTHONPATH": str(LABS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    session, made = kernel.stdout.readline().split()
    seen = before(session)
    kernel.send_signal(signal.SIGKILL)
    kernel.communicate()
    return made, seen


def test_a_killed_kernel_leaves_no_namespace_in_a_cluster_that_goes_on(named):
    made, _ = killed_kernel()
    wait_until(
        lambda: made not in namespaces(named), 20, lambda: f"left: {namespaces(named)}"
    )
    core = named.node.core
    wait_until(
        lambda: made not in {one.metadata.name for one in core.list_namespace().items},
        60,
        f"{made} does not end",
    )


def test_a_killed_kernel_leaves_no_cluster_and_no_volume(cannot_run, monkeypatch):
    if problem := engine_problem():
        cannot_run(f"no Docker engine for K3s: {problem}")
    monkeypatch.delenv("LABS_KUBECONFIG", raising=False)
    monkeypatch.setenv("LABS_RUNTIME", "containers")
    client = docker.from_env()

    def containers(session):
        mine = {"label": f"{LABEL}={session}"}
        return client.containers.list(all=True, filters=mine)

    def look(session):
        (k3s,) = containers(session)
        mounts = [mount.get("Name") for mount in k3s.attrs["Mounts"]]
        return session, {name for name in mounts if name}

    _, (session, volumes) = killed_kernel(look)
    assert volumes
    wait_until(lambda: not containers(session), 30, "K3s is left")
    wait_until(
        lambda: not volumes & {volume.id for volume in client.volumes.list()},
        30,
        "a volume is left",
    )
    client.close()
