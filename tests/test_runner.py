"""Cells are run in order by any engine, with hooks around each, up to a failure."""

from pathlib import Path

import pytest
import runner
from nbformat import NotebookNode, v4
from runner import CellFailed, Namespace, needed, play


def cell(source: str, name: str = "", tags: tuple[str, ...] = ()) -> NotebookNode:
    made = v4.new_code_cell(source, metadata={"tags": list(tags)})
    made.id = name or made.id
    return made


def test_hooks_stand_before_and_after_each_cell() -> None:
    seen = []
    engine = Namespace("trial", say=seen.append)
    cells = [cell("say('one')", "a"), cell("say('two')", "b")]
    play(
        cells,
        engine,
        before=lambda cell: seen.append(f"before {cell.id}"),
        after=lambda cell: seen.append(f"after {cell.id}"),
    )
    assert seen == ["before a", "one", "after a", "before b", "two", "after b"]


def test_cells_share_one_namespace() -> None:
    engine = Namespace("trial")
    play([cell("x = 1"), cell("def f(): return x"), cell("y = f() + 1")], engine)
    assert engine.names["y"] == 2


def test_the_first_cell_that_raises_ends_it_and_is_named() -> None:
    engine = Namespace("trial")
    cells = [cell("x = 1"), cell("x / 0", "division"), cell("x = 2")]
    with pytest.raises(
        CellFailed, match="'division' failed:\n  ZeroDivisionError: "
    ) as f:
        play(cells, engine)
    assert isinstance(f.value.__cause__, ZeroDivisionError)
    assert f.value.cell.id == "division"
    assert engine.names["x"] == 1


def test_a_cell_that_may_raise_does_not_end_it() -> None:
    engine = Namespace("trial")
    play([cell("1 / 0", tags=("raises-exception",)), cell("x = 1")], engine)
    assert engine.names["x"] == 1


def test_a_traceback_names_the_lab_the_cell_and_the_line() -> None:
    engine = Namespace("trial")
    error = engine.run(cell("x = 1\nx / 0", "division"))
    trace = error.__traceback__.tb_next
    assert trace.tb_frame.f_code.co_filename == "trial:division"
    assert trace.tb_lineno == 2
    assert runner.linecache.getline("trial:division", 2) == "x / 0\n"


def test_an_interruption_is_not_taken_for_a_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        Namespace("trial").run(cell("raise KeyboardInterrupt"))


def test_what_a_proof_does_not_need_is_left_out() -> None:
    cells = [
        cell("a = 1", "a"),
        cell("b = 2", "measures", ("timing",)),
        cell("c = 3", "idle", ("timing",)),
        cell("show(a)", "figure", ("hide-input",)),
        cell("proof.half('x')", "kept", ("timing",)),
        cell("proof.unguarded(b)", "last"),
        cell("exercise()", "exercise"),
    ]
    ids = [one.id for one in needed(cells, r"\.unguarded\(")]
    assert ids == ["a", "measures", "last"]
    ids = [one.id for one in needed(cells, r"\.unguarded\(", kept=r"\.half\(")]
    assert ids == ["a", "measures", "kept", "last"]


def test_a_kernel_writes_outputs_into_the_cells_and_can_be_killed(
    tmp_path: Path,
) -> None:
    notebook = v4.new_notebook(
        cells=[
            cell("import os; print(os.environ['SAID'], end='')"),
            cell("import nope", "fails"),
            cell("input()", "hangs"),
        ]
    )
    says, fails, hangs = notebook.cells
    with runner.Kernel(notebook, SAID="hello") as kernel:
        play([says], kernel)
        assert says.outputs[0].text == "hello"
        with pytest.raises(CellFailed, match="'fails' failed:\n  ModuleNotFoundError"):
            play([fails], kernel)
        kernel.begin(hangs)
        kernel.kill()
