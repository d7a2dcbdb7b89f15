"""What fails once on a machine that stands still for a moment is tried again, alone,
and named; what fails for good, or at large, is not excused."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
AGAIN = ROOT / "tools" / "again.py"
FAILS_ONCE = """
from pathlib import Path
def test_it():
    seen = Path(__file__).with_name("seen")
    before = seen.exists()
    seen.touch()
    assert before
"""


@pytest.fixture
def place(tmp_path):
    """A folder with the repository's conftest and a `make test` of its own."""
    (tmp_path / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    (tmp_path / "labs").mkdir()
    (tmp_path / "labs" / "runs.json").write_text("{}")
    (tmp_path / "Makefile").write_text(
        f"test:\n\t@{sys.executable} -m pytest -q -p no:cacheprovider $(TESTS)\n"
    )
    return tmp_path


def again(place, tests):
    return subprocess.run(
        [sys.executable, AGAIN, "make", "test", f"TESTS=-n 1 {tests}"],
        cwd=place,
        capture_output=True,
        text=True,
    )


def test_what_passes_at_the_second_try_is_named(place):
    (place / "test_once.py").write_text(FAILS_ONCE)
    done = again(place, "test_once.py")
    assert done.returncode == 0, done.stdout
    assert "PASSED AT THE SECOND TRY ONLY" in done.stdout
    assert "test_once.py::test_it" in done.stdout.splitlines()[-1]


def test_what_fails_for_good_fails(place):
    (place / "test_bad.py").write_text("def test_it():\n    assert False\n")
    done = again(place, "test_bad.py")
    assert done.returncode != 0
    assert done.stdout.count("1 failed") == 2


def test_many_failures_get_no_second_try(place):
    (place / "test_bad.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(4))\n"
        "def test_it(n):\n    assert False\n"
    )
    done = again(place, "test_bad.py")
    assert done.returncode != 0
    assert "once more" not in done.stdout
    assert done.stdout.count("4 failed") == 1


def test_a_green_run_is_left_as_it_is(place):
    (place / "test_good.py").write_text("def test_it():\n    pass\n")
    done = again(place, "test_good.py")
    assert done.returncode == 0
    assert "try" not in done.stdout


def test_of_a_notebook_all_cells_run_again(pytestconfig):
    [plugin] = [
        plugin
        for plugin in pytestconfig.pluginmanager.get_plugins()
        if hasattr(plugin, "to_run_again")
    ]
    failed = [
        SimpleNamespace(nodeid=name)
        for name in ("labs/a.ipynb::Cell 3", "labs/a.ipynb::Cell 4", "t.py::test_x")
    ]
    assert plugin.to_run_again({"failed": failed}) == ["labs/a.ipynb", "t.py::test_x"]
