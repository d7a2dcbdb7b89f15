"""The commands behind `make`."""

import io
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import book_model
import cluster as cluster_tool
import incident as incident_tool
import nbformat
import pytest
import store
from nbformat import v4

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a lab of these cells in a folder of its own."""
    monkeypatch.setattr(book_model, "ROOT", tmp_path)
    monkeypatch.setattr(store, "RUNS", tmp_path / "runs.json")
    (tmp_path / "_toc.yml").write_text("root: book/index")
    (tmp_path / "labs").mkdir()

    def make(*sources: str) -> Path:
        cells = [v4.new_code_cell(s, id=f"cell-{n}") for n, s in enumerate(sources)]
        path = tmp_path / "labs" / "trial.ipynb"
        nbformat.write(v4.new_notebook(cells=cells), path)
        return path

    return make


def test_storing_twice_gives_the_same_bytes(lab) -> None:
    report = "{'trial': {'date': '2026-01-01'}}"
    path = lab(
        "print('a', flush=True); print('b')",
        "import json, os, pathlib\n"
        f"pathlib.Path(os.environ['LABS_REPORT']).write_text(json.dumps({report}))",
    )
    assert store.main(["trial"]) == 0
    first = path.read_bytes()
    assert store.main(["trial"]) == 0
    assert path.read_bytes() == first
    assert json.loads(first)["cells"][0]["outputs"][0]["text"] == ["a\n", "b\n"]
    assert json.loads(store.RUNS.read_text()) == {"trial": {"date": "2026-01-01"}}


def test_a_lab_that_fails_is_left_as_it_was(lab, capsys) -> None:
    path = lab("print('fine')", "assert 1 == 2, 'no such luck'")
    before = path.read_bytes()
    assert store.main(["trial"]) == 1
    assert path.read_bytes() == before
    assert "cell 'cell-1' failed" in (said := capsys.readouterr().out)
    assert "no such luck" in said
    assert not store.RUNS.exists()


def incident(name: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "incident.py"],
        env={**os.environ, "LAB": name},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", ["nope", "a b; ls", " "])
def test_an_unknown_lab_is_one_clear_error(name: str) -> None:
    done = incident(name)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"No lab named '{name}'. There are: ")
    assert done.stderr.count("\n") == 1


# --- make incident tells a story ---


class Screened(io.StringIO):
    def isatty(self) -> bool:
        return False


def told(*cells, ask=None) -> str:
    out = Screened()
    terminal = incident_tool.Terminal(out)
    screen = incident_tool.Screen(terminal, ask)
    for shown, text in cells:
        screen.show(shown, {"text/plain": text})
    return out.getvalue()


GUESS = (SimpleNamespace(question="How many?"), "How many?\nVIOLATED  13 of 20")


def test_a_guess_is_asked_before_the_answer_is_shown() -> None:
    asked = []
    said = told(GUESS, ask=lambda question: asked.append(question) or "12")
    assert asked == ["Your guess (Enter for none): "]
    assert said == (
        "How many?\nYou guessed 12. What the clients saw:\n    VIOLATED  13 of 20\n"
    )


def test_without_a_terminal_the_question_is_one_line_and_the_answer_follows() -> None:
    said = told(GUESS)
    assert said == (
        "How many? (No terminal here to guess at.)\n    VIOLATED  13 of 20\n"
    )


def test_the_story_ends_before_the_exercises_and_leaves_out_what_needs_a_notebook():
    notebook = v4.new_notebook(
        cells=[
            v4.new_markdown_cell("## Turn the knob\n\nWords."),
            v4.new_code_cell("panel"),
            v4.new_markdown_cell("With a kernel, turn it yourself."),
            v4.new_code_cell("live", metadata={"tags": ["live"]}),
            v4.new_code_cell("solved", metadata={"tags": ["solution"]}),
            v4.new_markdown_cell("## Exercises\n\nHow many?"),
            v4.new_code_cell("answer = None"),
        ]
    )
    shown = [cell.source for cell in incident_tool.story(notebook)]
    assert shown == ["## Turn the knob\n\nWords.", "panel"]


def test_the_story_ends_with_the_next_lab_of_the_book() -> None:
    book = book_model.read()
    one, other = book.labs[:2]
    (_, after) = incident_tool.goodbye(one.name, book)
    assert f"make incident LAB={other.name}" in after
    assert len(list(incident_tool.goodbye(book.labs[-1].name, book))) == 1


# --- labs in a cluster ---


def test_a_command_is_handed_the_cluster_that_is_named_already(monkeypatch) -> None:
    monkeypatch.setenv("LABS_KUBECONFIG", "named")
    looks = "import os, sys; sys.exit(os.environ['LABS_KUBECONFIG'] != 'named')"
    assert cluster_tool.main([sys.executable, "-c", looks]) == 0
    assert cluster_tool.main([sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_no_command_is_told_how_it_is_used(capsys) -> None:
    assert cluster_tool.main([]) == 2
    assert "tools/cluster.py make test" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("nodeid", "needs"),
    [
        ("labs/probes.ipynb::Cell 0", True),
        ("tests/test_lessons.py::test_each[rollout]", True),
        ("tests/servers/test_kubernetes.py::test_it", True),
        ("tests/servers/test_argocd.py::test_it", True),
        ("labs/one_bound.ipynb::Cell 0", False),
        ("tests/test_lessons.py::test_each[one_bound]", False),
        ("tests/test_stored.py::test_it[probes]", False),  # reads what is stored
    ],
)
def test_what_needs_a_cluster_is_found(nodeid, needs) -> None:
    order = runpy.run_path(str(ROOT / "conftest.py"))
    assert order["in_a_cluster"](nodeid) == needs
