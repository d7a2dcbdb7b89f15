"""A cluster of the reader's that cannot be used: one clear sentence each."""

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
import yaml

from labkit import Kubernetes, RuntimeUnavailable
from labkit.runtimes.processes import ProcessRuntime
from labkit.servers.kubernetes.own import OwnCluster


def kubeconfig(server):
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "mine",
            "clusters": [{"name": "mine", "cluster": {"server": server}}],
            "users": [{"name": "me", "user": {"token": "old"}}],
            "contexts": [
                {"name": "mine", "context": {"cluster": "mine", "user": "me"}}
            ],
        }
    )


def started(path):
    session = SimpleNamespace(id="labs-x", directory=path.parent)
    OwnCluster(ProcessRuntime(session), str(path)).start()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "which is no YAML"),
        ("just words", "which is no kubeconfig"),
        ("kind: Config", "which is no kubeconfig: "),
        (kubeconfig("http://127.0.0.1:9"), r"does not answer: .*Start it, or unset"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_told(text, said, tmp_path):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(RuntimeUnavailable, match=said):
        started(path)


def test_a_kubeconfig_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(RuntimeUnavailable, match="cannot be read: No such file"):
        started(tmp_path / "nothing")


@pytest.fixture
def strict():
    """An API server that lets nobody in: its address."""

    class Strict(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(401)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Strict)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_cluster_that_does_not_let_its_reader_in_is_told(strict, tmp_path):
    path = tmp_path / "config"
    path.write_text(kubeconfig(strict))
    with pytest.raises(RuntimeUnavailable, match="refuses with status 401"):
        started(path)
    assert os.listdir(tmp_path) == ["config"]  # no cleaner is told of it


def test_processes_alone_say_what_would_help(monkeypatch):
    monkeypatch.delenv("LABS_KUBECONFIG", raising=False)
    with pytest.raises(RuntimeUnavailable, match="needs Linux containers: "):
        Kubernetes().attach(ProcessRuntime(SimpleNamespace()))
