"""Argo CD in a real cluster: the one that LABS_KUBECONFIG names, or K3s of our own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from promises import (  # noqa: F401  its pods cannot be frozen
    test_a_node_that_is_killed_is_named_with_the_way_it_ended,
    test_it_listens_on_the_loopback_interface_alone,
    test_it_tells_its_product_and_its_version,
    test_the_port_of_a_node_is_no_strangers_while_it_runs_or_is_down,
)

from labkit import (
    ArgoCD,
    Kubernetes,
    Lab,
    RuntimeUnavailable,
    faults,
    wait_until,
)
from labkit.runtimes.cleaner import LABEL
from labkit.servers import argocd

LABS = Path(__file__).parents[2] / "labs"
HEALS = {"automated": {"prune": True, "selfHeal": True}}
DEFINED = "applications.argoproj.io"


@pytest.fixture(scope="module")
def lab(cannot_run):
    try:
        lab = Lab("argocd")
    except RuntimeUnavailable as error:
        cannot_run(str(error))
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def server(lab, cannot_run):
    try:
        return lab.start(ArgoCD(Kubernetes()))
    except RuntimeUnavailable as error:
        cannot_run(str(error))


@pytest.fixture(scope="module")
def delivered(server):
    """A namespace into which the folder `a` is delivered, and healed."""
    space = server.namespace()
    revision = server.commit("first", {"a/told.yaml": told("first")})
    server.deliver("a", "a", space, syncPolicy=HEALS)
    server.settled("a", revision)
    return space


@pytest.fixture
def named(server, tmp_path, monkeypatch):
    """The server's cluster as one that LABS_KUBECONFIG names, for a second lab."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(server.cluster.node.machine.kubeconfig()))
    monkeypatch.setenv("LABS_KUBECONFIG", str(path))
    monkeypatch.setenv("LABS_RUNTIME", "processes")


def told(words, name="told"):
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    return yaml.safe_dump({**made, "data": {"words": words}})


def words(space):
    return space.core.read_namespaced_config_map("told", space.name).data["words"]


def owners(server):
    """The namespaces of the labs that use the definitions; None where none is."""
    found = server.pods._definition(DEFINED)
    return found and {owner.name for owner in found.metadata.owner_references}


def until_owned_by(server, wanted):
    wait_until(
        lambda: owners(server) == wanted, 60, lambda: f"owned by {owners(server)}"
    )


def test_a_commit_is_delivered_and_reverted(server, delivered):
    revision = server.commit("it's second", {"a/told.yaml": told("second")})
    server.settled("a", revision)
    assert words(delivered) == "second"
    reverted = server.revert()
    server.settled("a", reverted)
    assert words(delivered) == "first"
    assert [message for _, message in server.log()][:2] == [
        'Revert "it\'s second"',
        "it's second",
    ]


def test_what_a_commit_takes_away_is_pruned(server, delivered):
    more = told("more", name="more")
    server.settled("a", server.commit("more", {"a/more.yaml": more}))
    core = delivered.core
    assert core.read_namespaced_config_map("more", delivered.name)
    server.settled("a", server.commit("less", {"a/more.yaml": None}))
    left = core.list_namespaced_config_map(delivered.name).items
    assert "more" not in {one.metadata.name for one in left}


def change_by_hand(space):
    body = {"data": {"words": "by hand"}}
    space.core.patch_namespaced_config_map("told", space.name, body)


def test_a_change_by_hand_is_seen_and_healed(server, delivered):
    server.settled("a", server.commit("anew", {"a/told.yaml": told("anew")}))
    change_by_hand(delivered)
    server.until("a", lambda now: now.healed, "heal it")
    wait_until(lambda: words(delivered) == "anew", 30, lambda: words(delivered))
    assert 'argocd_app_sync_total{dest_server="' in server.metrics()


def test_without_healing_it_is_seen_and_stays(server, delivered):
    server.deliver("a", "a", delivered, syncPolicy={"automated": {}})
    server.settled("a", server.commit("then", {"a/told.yaml": told("then")}))
    change_by_hand(delivered)
    server.until("a", lambda now: now.sync == "OutOfSync", "see it")
    server.refresh("a")
    state = server.until("a", lambda now: now.looked, "look again")
    assert (state.sync, state.operation) == ("OutOfSync", "Succeeded")
    assert words(delivered) == "by hand"
    server.sync("a", state.revision)
    server.settled("a", state.revision)
    assert words(delivered) == "then"
    server.deliver("a", "a", delivered, syncPolicy=HEALS)


def test_what_git_refuses_is_an_error_with_its_words(server):
    with pytest.raises(ValueError, match="did not match any files"):
        server.commit("nothing", {"never/there.yaml": None})


def test_killed_it_heals_nothing_and_comes_back_with_its_data(server, delivered):
    with faults.killed(server.node) as fault:
        assert fault.meter() == 1
        server.commit("while it is down", {"a/told.yaml": told("while down")})
        change_by_hand(delivered)
    server.until("a", lambda _: words(delivered) == "while down", "heal", 60)


def test_two_labs_share_the_definitions_and_the_last_takes_them_away(
    server, named, delivered
):
    mine = {server.space.name}
    assert owners(server) == mine
    lab = Lab("second")
    second = lab.start(ArgoCD(Kubernetes()))
    assert owners(server) == mine | {second.space.name}
    space = second.namespace()
    second.deliver("b", "b", space, syncPolicy=HEALS)
    second.settled("b", second.commit("b", {"b/told.yaml": told("b")}))
    assert server.applications() == ["a"]
    lab.close()
    until_owned_by(server, mine)
    assert server.applications() == ["a"]


KERNEL = """
from labkit import ArgoCD, Kubernetes, Lab
lab = Lab("killed")
print(lab.start(ArgoCD(Kubernetes())).space.name, flush=True)
input()
"""


def test_a_killed_kernel_owns_nothing_in_a_cluster_that_goes_on(server, named):
    kernel = subprocess.Popen(
        [sys.executable, "-c", KERNEL],
        cwd=LABS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    made = kernel.stdout.readline().strip()
    mine = server.space.name
    assert owners(server) == {mine, made}
    kernel.send_signal(signal.SIGKILL)
    kernel.communicate()
    until_owned_by(server, {mine})


def refused(said):
    with pytest.raises(RuntimeUnavailable, match=said):
        Lab("refused").start(ArgoCD(Kubernetes()))


def test_it_is_not_installed_beside_another_ones(server, named):
    core = server.cluster.node.core
    core.create_namespace({"metadata": {"name": "argocd"}})
    refused(r"already \(namespace argocd\)")
    core.delete_namespace("argocd")
    wait_until(
        lambda: "argocd" not in {n.metadata.name for n in core.list_namespace().items},
        60,
        "the namespace argocd does not end",
    )

    def label(text):
        body = {"metadata": {"labels": {LABEL: text}}}
        server.pods.definitions.patch_custom_resource_definition(DEFINED, body)

    label(None)
    refused(rf"already \({DEFINED}\)")
    label("labs")


def test_closed_it_leaves_no_definition(lab, server, named):
    looks = Lab("looks")
    cluster = looks.start(Kubernetes())
    if cluster.node.machine.address() != server.node.machine.address():
        pytest.fail("the second lab looks into another cluster")
    server.pods.cluster = cluster  # which goes on
    lab.close()
    until_owned_by(server, None)
    looks.close()


def test_a_request_to_look_that_stays_unheard_is_made_again(monkeypatch):
    """In each of two ways, in turn: the same words again would be no change."""
    monkeypatch.setattr(argocd, "UNHEARD_S", 0)
    argo, asked = argocd.ArgoCD.__new__(argocd.ArgoCD), []
    quiet = argocd.Delivery("Synced", "Healthy", "1", "", "", 0, looked=False)
    heard = argocd.Delivery("Synced", "Healthy", "1", "", "", 0, looked=True)
    monkeypatch.setattr(argo, "refresh", lambda name, how: asked.append(how))
    monkeypatch.setattr(argo, "state", lambda name: heard if asked[2:] else quiet)
    assert argo.until("shop", lambda now: now.looked, "look") is heard
    assert asked == ["hard", "normal", "hard"]
