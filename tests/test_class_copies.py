"""What a class is given: no output, no solution, and it still runs."""

import subprocess
import sys
from pathlib import Path

import class_copies
import nbformat
import pytest
from class_copies import ROOT, copy_of, give_out, unknown_names
from nbclient import NotebookClient
from nbformat import v4

from labkit import exercises

TEMPLATE = ROOT / "tools" / "template.ipynb"
LABS = [*sorted((ROOT / "labs").glob("*.ipynb")), TEMPLATE]


def notebook(*cells: tuple[str, str] | str) -> nbformat.NotebookNode:
    """Code cells by source; ("solution", ...) is tagged, ("words", ...) is prose."""
    made = []
    for n, cell in enumerate(cells):
        kind, source = ("", cell) if isinstance(cell, str) else cell
        if kind == "words":
            made.append(v4.new_markdown_cell(source, id=f"c{n}"))
        else:
            made.append(v4.new_code_cell(source, id=f"c{n}", execution_count=n))
            made[-1].metadata.tags = [kind] if kind else []
            made[-1].outputs = [v4.new_output("stream", text="HOLDS")]
    return v4.new_notebook(cells=made)


def sources(made: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in made.cells]


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_copy_has_no_output_and_no_solution(path: Path) -> None:
    whole = nbformat.read(path, 4)
    made = copy_of(whole)
    nbformat.validate(made)
    text = "\n".join(sources(made))
    for cell in whole.cells:
        if "solution" in cell.metadata.get("tags", []):
            assert cell.source not in text
    assert not [c for c in made.cells if c.get("outputs") or c.get("execution_count")]
    assert ".solution(" not in text
    assert "lab.exercise(" in text


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_no_cell_of_a_copy_uses_a_name_that_went_with_a_solution(path: Path) -> None:
    whole = nbformat.read(path, 4)
    assert unknown_names(whole) == [], "the lab itself"
    assert unknown_names(copy_of(whole)) == []


def test_a_copy_leaves_the_lab_as_it_was() -> None:
    whole = notebook("a = 1", ("solution", "b = 2"), "print(b)")
    before = nbformat.writes(whole)
    copy_of(whole)
    assert nbformat.writes(whole) == before


def test_a_cell_that_uses_a_solution_waits_for_the_students_own() -> None:
    made = copy_of(notebook("a = 1", ("solution", "b = a"), "c = b", "d = c", "e = a"))
    assert sources(made) == [
        "a = 1",
        f"{class_copies.EMPTY}\nb = None",
        "%%needs b\nc = b",
        "%%needs b\nd = c",
        "e = a",
    ]


def test_a_solution_that_nobody_uses_leaves_nothing_behind() -> None:
    made = copy_of(
        notebook(("words", "One solution:"), ("solution", "b = 1"), "b = 2", "print(b)")
    )
    assert sources(made) == ["b = 2", "print(b)"]


def test_a_name_that_stood_before_the_solution_is_kept() -> None:
    made = copy_of(notebook("grade = 1", ("solution", "grade = 2"), "print(grade)"))
    assert sources(made) == ["grade = 1", "print(grade)"]


def test_a_name_used_late_inside_a_function_is_found() -> None:
    made = copy_of(
        notebook(
            "proof = lambda: best()",
            ("solution", "def best():\n    inner = 1\n    return inner"),
            "inner = 5\nprint(inner)",
            "proof()",
        )
    )
    assert sources(made)[1:] == [
        f"{class_copies.EMPTY}\nbest = None",
        "inner = 5\nprint(inner)",
        "%%needs best\nproof()",
    ]


def test_the_next_question_before_a_solution_stays() -> None:
    made = copy_of(notebook(("words", "**2. Who pays?**"), ("solution", "b = 1")))
    assert sources(made) == ["**2. Who pays?**"]


def test_a_cell_runs_as_soon_as_it_has_what_it_needs(capsys) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    exercises.needs.install(shell)
    shell.run_cell("best = None")
    shell.run_cell("%%needs best other\nprint(best + 1)")
    assert capsys.readouterr().out == (
        "This cell runs once you have given best, other a value of your own, above.\n"
    )
    shell.run_cell("best = other = 1")
    shell.run_cell("%%needs best other\nprint(best + 1)")
    assert capsys.readouterr().out == "2\n"


def test_nbgrader_gets_a_cell_to_answer_in_and_a_locked_one_with_the_score() -> None:
    made = class_copies.for_nbgrader(
        notebook(
            "a = 1",
            'answer = None  # reads\n\nhint = "b"\nlab.exercise(\n    "c", answer\n)',
        )
    )
    assert sources(made) == [
        "a = 1",
        "answer = None  # reads",
        'hint = "b"\ngrade = lab.exercise(\n    "c", answer\n)\ndisplay(grade)\n'
        "grade.score",
    ]
    answer, test = (cell.metadata.nbgrader for cell in made.cells[1:])
    assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
    assert (test.solution, test.grade, test.locked) == (False, True, True)
    assert test.points == 1


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_every_exercise_of_a_lab_can_be_graded_by_nbgrader(path: Path) -> None:
    whole = nbformat.read(path, 4)
    made = class_copies.for_nbgrader(copy_of(whole))
    nbformat.validate(made)
    graded = [cell for cell in made.cells if cell.id.startswith("grade-")]
    asked = [cell for cell in copy_of(whole).cells if "lab.exercise(" in cell.source]
    assert len(graded) == len(asked) > 0
    assert unknown_names(made) == []


def test_an_unknown_lab_is_one_clear_line() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "class_copies.py", "nope"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("No lab named 'nope'. There are: ")


def test_a_copy_runs_from_top_to_bottom_in_the_folder_that_is_given_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = nbformat.read(TEMPLATE, 4)
    best = v4.new_code_cell("# Mine.\nbest = 1", id="best")
    best.metadata.tags = ["solution"]
    place = len(whole.cells) - 2
    whole.cells[place:place] = [best, v4.new_code_cell("print(best + 1)", id="after")]
    nbformat.write(whole, tmp_path / "template.ipynb")
    [path] = give_out([tmp_path / "template.ipynb"], tmp_path / "class")
    monkeypatch.setenv("LABS_RUNTIME", "processes")
    made = nbformat.read(path, 4)
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(made, timeout=120, kernel_name="python3", resources=where).execute()
    by_id = {cell.id: cell for cell in made.cells}
    for ask in ("exercise-1", "exercise-2"):
        assert "No answer yet" in by_id[ask].outputs[0].data["text/plain"]
    assert "runs once you have given best" in by_id["after"].outputs[0].text
