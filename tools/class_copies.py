"""Copies of labs for a class: without outputs and without solutions.

    python tools/class_copies.py [--nbgrader] [lab ...]

They land in _build/class/ with labkit beside them, so the folder can be given out as it
is, and run from top to bottom. Where a later cell uses what a solution makes, the copy
has `name = None` in its place, and that cell waits for the student's own.

With --nbgrader each exercise is two cells, as nbgrader wants them: one to answer in,
and a locked one whose value is the score, a point for a correct answer.
"""

from __future__ import annotations

import ast
import builtins
import copy
import os
import re
import shutil
import symtable
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from book_model import ROOT, labs_or_exit
from nbformat import NotebookNode, v4
from runner import tags

FOLDER = ROOT / "_build" / "class"
SOLUTION_WORDS = re.compile(r"(A|One|The) solution\b", re.I)
OWN_COPIES = {"__pycache__", ".mypy_cache", ".ruff_cache", ".ipynb_checkpoints"}
EMPTY = "# Cells below use this: put your own in place of None."


@dataclass
class Names:
    """What a cell makes, what it uses of others at once, and what its functions use."""

    made: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)


def names_of(source: str) -> Names:
    """The global names of a cell. Raises SyntaxError for a cell with magics."""
    top = symtable.symtable(source, "cell", "exec")
    found = Names()
    for symbol in top.get_symbols():
        if symbol.is_assigned() or symbol.is_imported():
            found.made.add(symbol.get_name())
        if symbol.is_referenced():
            found.used.add(symbol.get_name())
    # a name that it also makes is its own: a cell that counts on is rare
    found.used -= found.made
    for scope in inner(top):
        for symbol in scope.get_symbols():
            if symbol.is_global():
                found.later.add(symbol.get_name())
    found.later -= found.made
    return found


def inner(scope: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in scope.get_children():
        yield child
        yield from inner(child)


def copy_of(notebook: NotebookNode) -> NotebookNode:
    """The notebook as a class gets it."""
    made = copy.deepcopy(notebook)
    made.cells = list(without_solutions(made.cells))
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("jupyter", None)
    return made


def for_nbgrader(made: NotebookNode) -> NotebookNode:
    """The copy with each exercise in two cells that nbgrader can grade."""
    cells = []
    for cell in made.cells:
        asks = cell.cell_type == "code" and "lab.exercise(" in cell.source
        cells += in_two(cell) if asks else [cell]
    made.cells = cells
    return made


def in_two(cell: NotebookNode) -> list[NotebookNode]:
    """The cell up to its `answer = ...`, and the rest, whose value is the score."""
    lines = cell.source.splitlines()
    body = ast.parse(cell.source).body
    asked, last = body[0], body[-1]
    if not (isinstance(asked, ast.Assign) and isinstance(last, ast.Expr)):
        return [cell]
    rest = lines[asked.end_lineno : last.lineno - 1]
    call = lines[last.lineno - 1 :]
    rest += [f"grade = {call[0]}", *call[1:], "display(grade)", "grade.score"]
    test = v4.new_code_cell("\n".join(rest).strip(), id=f"grade-{cell.id}"[:64])
    cell.source = "\n".join(lines[: asked.end_lineno])
    for one, solution in ((cell, True), (test, False)):
        one.metadata.nbgrader = {
            "schema_version": 3,
            "grade_id": one.id,
            "solution": solution,
            "grade": not solution,
            "locked": not solution,
            "task": False,
        }
    test.metadata.nbgrader["points"] = 1
    return [cell, test]


def without_solutions(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The cells that stay, and in place of solutions what later cells need of them."""
    known: dict[str, set[str]] = {}  # name -> what the cell that made it uses
    lost: dict[str, str] = {}  # name -> the name that the student must give
    for place, cell in enumerate(cells):
        if introduces_solution(cells, place):
            continue
        if cell.cell_type != "code":
            yield cell
            continue
        names = names_of(cell.source)
        if "solution" in tags(cell):
            gone = names.made - known.keys()
            lost |= {name: name for name in gone}
            wanted = sorted(gone & used_after(cells[place + 1 :], known))
            if wanted:
                yield stand_in(cell, wanted)
            continue
        roots = sorted({lost[name] for name in reached(names, known) & lost.keys()})
        if roots:
            cell.source = f"%%needs {' '.join(roots)}\n{cell.source}"
            lost |= dict.fromkeys(names.made - known.keys(), roots[0])
        else:
            known |= dict.fromkeys(names.made, names.used | names.later)
            for name in names.made:
                lost.pop(name, None)
        yield cell


def introduces_solution(cells: list[NotebookNode], place: int) -> bool:
    """Whether this is the sentence before a solution."""
    cell, after = cells[place], cells[place + 1 : place + 2]
    if cell.cell_type == "code" or not after or "solution" not in tags(after[0]):
        return False
    return "solution" in tags(cell) or bool(SOLUTION_WORDS.match(cell.source))


def reached(names: Names, known: dict[str, set[str]]) -> set[str]:
    """What running a cell may need: the names that it uses, what the cells that made
    those use, and so on. More than it needs, rather than less."""
    found: set[str] = set()
    ahead = names.used | names.later
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead |= known.get(name, set()) - found
    return found


def used_after(cells: list[NotebookNode], known: dict[str, set[str]]) -> set[str]:
    """What the cells that stay may use of what came before them."""
    found: set[str] = set()
    remade: set[str] = set()
    for cell in cells:
        if cell.cell_type == "code" and "solution" not in tags(cell):
            names = names_of(cell.source)
            found |= reached(names, known) - remade
            remade |= names.made
    return found


def stand_in(solution: NotebookNode, wanted: Iterable[str]) -> NotebookNode:
    lines = [EMPTY, *(f"{name} = None" for name in wanted)]
    return v4.new_code_cell("\n".join(lines), id=f"own-{solution.id}"[:64])


def unknown_names(notebook: NotebookNode) -> list[str]:
    """Names that a cell would use before any cell has made them: "cell: name"."""
    known = {*dir(builtins), "display", "get_ipython"}
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.source.startswith("%%needs"):
            continue
        names = names_of(cell.source)
        missing = names.used - known
        found += [f"{cell.id}: {name}" for name in sorted(missing)]
        known |= names.made
    return found


def give_out(
    paths: list[Path], folder: Path = FOLDER, nbgrader: bool = False
) -> list[Path]:
    """Write the copies, and labkit as it is now, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "labkit", ignore_errors=True)
    ignored = shutil.ignore_patterns(*OWN_COPIES)
    shutil.copytree(ROOT / "labs" / "labkit", folder / "labkit", ignore=ignored)
    written = []
    for path in paths:
        target = folder / path.name
        made = copy_of(nbformat.read(path, 4))
        made = for_nbgrader(made) if nbgrader else made
        nbformat.validate(made)
        target.write_text(nbformat.writes(made) + "\n", encoding="utf-8")
        written.append(target)
    return written


def main(names: list[str]) -> int:
    nbgrader = "--nbgrader" in names
    chosen = labs_or_exit([name for name in names if name != "--nbgrader"])
    for path in give_out([lab.path for lab in chosen], nbgrader=nbgrader):
        print(path.relative_to(ROOT))
    print("labkit is beside them; what the exercises expect is in labkit/answers/.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or os.environ.get("LABS", "").split()))
