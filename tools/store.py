"""Run labs and store what came out, with nothing in it that changes by itself.

    python tools/store.py [lab ...]

Two runs give the same bytes, but for the cells tagged `timing` and for timelines. What belongs to one
run and not to the lesson (date, duration, versions, memory) goes to labs/runs.json. A
notebook in which a cell fails is left as it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

LABS = Path(__file__).resolve().parent.parent / "labs"
RUNS = LABS / "runs.json"
CELL_TIMEOUT = 120  # seconds
MOST_TOLD = 15  # lines of an error
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


class LabFailed(Exception):
    """A cell raised, hung or took the kernel down; the text names it."""


def labs(names: list[str]) -> list[Path]:
    """The notebooks of these names, or all of them; unknown names end the program."""
    known = {path.stem: path for path in sorted(LABS.glob("*.ipynb"))}
    wanted = [Path(name).stem for name in names] or list(known)
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"no lab named {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in wanted]


def run(notebook: NotebookNode, report: Path) -> dict:
    """Execute the notebook in place; the reports by lab that it wrote are returned.

    Raises LabFailed.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(LABS)}},
        record_timing=False,
        store_widget_state=False,
    )
    try:
        client.execute(
            env={**os.environ, "LABS_REPORT": str(report)},
            stderr=subprocess.DEVNULL,  # the kernel's own, about its sockets
        )
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise LabFailed(failure(notebook, error)) from error
    return json.loads(report.read_text()) if report.exists() else {}


def failure(notebook: NotebookNode, error: Exception) -> str:
    """Which cell failed, and the beginning of what it said."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and not may_raise(cell):
                told = f"{output.ename}: {output.evalue}".splitlines()
                return "\n  ".join([f"cell '{cell.id}' failed:", *told[:MOST_TOLD]])
    return str(error).strip()[-1500:]


def may_raise(cell: NotebookNode) -> bool:
    return "raises-exception" in cell.metadata.get("tags", [])


def tidied(notebook: NotebookNode) -> NotebookNode:
    """The notebook with nothing in it that another run would change."""
    count = 0
    for cell in notebook.cells:
        if "solution" in cell.metadata.get("tags", []):
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
    """Run one lab and store its outputs. Raises LabFailed."""
    notebook = nbformat.read(path, 4)
    with tempfile.TemporaryDirectory() as folder:
        reports = run(notebook, Path(folder) / "report.json")
    if list(reports) != [path.stem]:
        raise LabFailed(
            f'it reports as {list(reports)}: it must make Lab("{path.stem}")'
        )
    tidied(notebook)
    nbformat.validate(notebook)
    write(path, nbformat.writes(notebook))
    record(reports)


def main(names: list[str]) -> int:
    failed = 0
    for path in labs(names):
        print(f"{path.stem:24}", end="", flush=True)
        began = time.monotonic()
        try:
            store(path)
        except LabFailed as error:
            failed += 1
            print(f" left as it was: {error}")
        else:
            print(f" stored, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or os.environ.get("LABS", "").split()))
