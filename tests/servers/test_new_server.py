"""A server is added by adding its package: the one that CONTRIBUTING.md shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of further servers, with the page's example in it."""
    folder = tmp_path_factory.mktemp("servers")
    page = (ROOT / "CONTRIBUTING.md").read_text()
    files = re.findall(r"^```python\n# (toy/\S+)\n(.*?)^```", page, re.S | re.M)
    assert [name for name, _ in files] == [
        "toy/__init__.py",
        "toy/process.py",
        "toy/errors.py",
    ]
    (folder / "toy").mkdir()
    for name, text in files:
        (folder / name).write_text(text)
    return folder


def python(folder, *words):
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT / "labs",
        env={**os.environ, "LABS_RUNTIME": "processes", "LABS_SERVERS": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )


LAB = """
from labkit import History, Lab, Toy, faults
from labkit.servers import http
lab = Lab("toy")
toy = lab.start(Toy())
node = toy.nodes[0]
print(toy.name_and_version())
with faults.killed(node) as fault:
    print(fault.meter())
print(http.request(node.machine.address(), "GET", "/index.html").text)
seen = History()
try:
    with seen.call("ann", "write"):
        http.request(node.machine.address(), "POST", "/", {}).ok()
except http.Refused as error:
    print(error.status, *[op.outcome for op in seen])
lab.close()
print(toy.running())
"""


def test_a_lab_starts_hurts_and_stops_it(folder):
    done = python(folder, "-c", LAB)
    version, *rest = done.stdout.splitlines() or [""]
    assert version.startswith("Toy on Python 3."), done.stderr
    assert rest == ["1", "open", "501 fail", "False"]


ELSEWHERE = """
from pathlib import Path
from types import SimpleNamespace
from labkit import RuntimeUnavailable, Toy
from labkit.runtimes.containers import ContainerRuntime
try:
    Toy().attach(ContainerRuntime(SimpleNamespace(id="s", directory=Path(%r))))
except RuntimeUnavailable as error:
    print(error)
"""


def test_a_runtime_for_which_it_has_no_form_says_so_in_a_sentence(folder, tmp_path):
    done = python(folder, "-c", ELSEWHERE % str(tmp_path))
    assert done.stdout == (
        "toy runs as a plain process only, since no image is named for it: "
        "use LABS_RUNTIME=processes\n"
    ), done.stderr


def test_preparing_all_servers_takes_it_along(folder, tmp_path):
    made = (
        "\n    @classmethod\n    def make_once(cls) -> None:\n"
        "        print('the toy is prepared')\n"
    )
    process = folder / "toy" / "process.py"
    shown = process.read_text()
    process.write_text(shown + made)
    done = python(folder, "-m", "labkit.prepare")
    process.write_text(shown)
    assert done.returncode == 0, done.stderr
    assert "the toy is prepared" in done.stdout


def test_the_benchmark_times_its_start(folder):
    done = python(folder, str(ROOT / "tools" / "bench.py"), "--only", "toy")
    assert re.search(r"^Toy, answers +labkit +\d+\.\d{3} ", done.stdout, re.M), (
        done.stdout + done.stderr
    )


PLAIN = """
def ours(bench):
    from . import Toy
    bench.start(Toy())
    bench.mark("page")

def by_hand(bench):
    bench.mark("page")

PLAIN = {"by hand": by_hand}
TARGETS = {"page": 1000}
"""


def test_the_benchmark_times_the_plain_way_that_it_brings(folder):
    brought = folder / "toy" / "bench.py"
    brought.write_text(PLAIN)
    done = python(folder, str(ROOT / "tools" / "bench.py"), "--only", "toy")
    brought.unlink()
    row = r"^Toy, page +{} +\d+\.\d{{3}} .*{}$"
    for way, end in (("labkit", r" 1000\.00 .*"), ("by hand", "")):
        assert re.search(row.format(way, end), done.stdout, re.M), done.stdout
