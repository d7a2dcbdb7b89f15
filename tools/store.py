"""Run labs and store what came out, with nothing in it that changes by itself.

    python tools/store.py [lab ...]

Two runs give the same bytes, but for the cells tagged `timing` and for timelines. What
belongs to one run and not to the lesson (date, duration, versions, memory) goes to
labs/runs.json. A notebook in which a cell fails is left as it was.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import book_model
import nbformat
import runner
from nbformat import NotebookNode
from runner import LABS, CellFailed, Kernel

RUNS = LABS / "runs.json"
KEPT = {"tags", "jupyter", "name", "mystnb", "nbgrader"}  # metadata of cells
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


class OtherName(Exception):
    """A lab that reports under a name which is not its file's."""


def run(notebook: NotebookNode, report: Path) -> dict:
    """Execute the notebook in place; the reports by lab that it wrote are returned.

    Raises runner.CellFailed.
    """
    with Kernel(notebook, LABS_REPORT=str(report)) as kernel:
        runner.play(runner.code(notebook), kernel)
    return json.loads(report.read_text()) if report.exists() else {}


def tidied(notebook: NotebookNode) -> NotebookNode:
    """The notebook with nothing in it that another run would change."""
    count = 0
    for cell in notebook.cells:
        if "solution" in runner.tags(cell):
            # the site folds it by its tag; this is how JupyterLab does
            folded = NotebookNode(source_hidden=True)
            if cell.cell_type == "code":
                folded.outputs_hidden = True
            cell.metadata["jupyter"] = folded
        cell.metadata = NotebookNode(
            {key: cell.metadata[key] for key in sorted(cell.metadata) if key in KEPT}
        )
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = merged(cell.outputs)
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
                output.get("data", {}).pop(WIDGET, None)
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat_minor = 5
    return notebook


def merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one: where it was cut is chance."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if (
            output.output_type == "stream"
            and kept
            and kept[-1].get("name") == output.name
        ):
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def write(path: Path, text: str) -> None:
    """Replace the file whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    beside.replace(path)


def record(reports: dict) -> None:
    """Put these labs' reports into labs/runs.json; the others stay as they are."""
    runs = json.loads(RUNS.read_text()) if RUNS.exists() else {}
    runs |= reports
    write(RUNS, json.dumps(runs, indent=1, sort_keys=True, ensure_ascii=False))


def store(path: Path) -> None:
    """Run one lab and store its outputs. Raises CellFailed, OtherName."""
    notebook = runner.read(path)
    with tempfile.TemporaryDirectory() as folder:
        reports = run(notebook, Path(folder) / "report.json")
    if list(reports) != [path.stem]:
        raise OtherName(
            f'it reports as {list(reports)}: it must make Lab("{path.stem}")'
        )
    tidied(notebook)
    nbformat.validate(notebook)
    write(path, nbformat.writes(notebook))
    record(reports)


def main(names: list[str]) -> int:
    failed = 0
    for lab in book_model.labs_or_exit(names):
        print(f"{lab.name:24}", end="", flush=True)
        began = time.monotonic()
        try:
            store(lab.path)
        except (CellFailed, OtherName) as error:
            failed += 1
            print(f" left as it was: {error}")
        else:
            print(f" stored, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or os.environ.get("LABS", "").split()))
