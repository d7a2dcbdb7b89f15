"""Run a notebook's cells one after another, with hooks around each.

    with Kernel(notebook) as engine:
        play(code(notebook), engine, before=announce)

What runs them is an engine: a kernel of their own, whose outputs end in the notebook
(`Kernel`), IPython in this process, which shows what a notebook shows (`Shell`), or one
plain namespace in this process, which shows nothing (`Namespace`).
"""

from __future__ import annotations

import ast
import contextlib
import linecache
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import nbformat
from book_model import ROOT
from nbformat import NotebookNode

LABS = ROOT / "labs"
CELL_TIMEOUT = 120  # seconds
MOST_TOLD = 15  # lines of an error


class CellFailed(Exception):
    """A cell raised, hung or took its kernel down; the text names it and says why."""

    def __init__(self, cell: NotebookNode, why: str) -> None:
        told = why.strip().splitlines()[:MOST_TOLD]
        super().__init__("\n  ".join([f"cell '{cell.id}' failed:", *told]))
        self.cell = cell


class Engine(Protocol):
    """Runs cells, each knowing what those before it have made."""

    def run(self, cell: NotebookNode) -> BaseException | None:
        """Run one cell; what it raised is returned. Raises KeyboardInterrupt."""


Hook = Callable[[NotebookNode], object]


def play(
    cells: Iterable[NotebookNode],
    engine: Engine,
    before: Hook = lambda cell: None,
    after: Hook = lambda cell: None,
) -> None:
    """Run the cells in order. Raises CellFailed at the first that must not raise."""
    for cell in cells:
        before(cell)
        error = engine.run(cell)
        if error and not may_raise(cell):
            raise CellFailed(cell, told(error)) from error
        after(cell)


def told(error: BaseException) -> str:
    """An error as one sees it below a cell: a kernel's is a text already."""
    name, text = getattr(error, "ename", type(error).__name__), str(error)
    return f"{name}: {getattr(error, 'evalue', text)}"


# --- cells ---


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, 4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def may_raise(cell: NotebookNode) -> bool:
    return "raises-exception" in tags(cell)


def needed(cells: list[NotebookNode], last: str, kept: str = "") -> list[NotebookNode]:
    """The code cells up to the last one that matches `last`, without idle ones.

    A figure, or a cell that only measures time, is left out unless a later cell takes
    a name from it, or it matches `kept`. Both are regular expressions.
    """
    every = [cell for cell in cells if cell.cell_type == "code"]
    end = max(n for n, cell in enumerate(every) if re.search(last, cell.source))
    found: list[NotebookNode] = []
    wanted: set[str] = set()
    for cell in reversed(every[: end + 1]):
        made, used = names_in(cell.source)
        optional = {"timing", "hide-input", "live"} & tags(cell)
        if kept and re.search(kept, cell.source):
            optional = set()
        if not optional or made & wanted:
            found.append(cell)
            wanted |= used
    return found[::-1]


def names_in(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell makes, and those that it uses."""
    made, used = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
    return made, used


# --- engines ---


class Kernel:
    """A kernel of its own, in labs/; outputs go into the cells, as Jupyter writes them.

    `env` is added to its environment. A context manager: leaving it ends the kernel.
    """

    def __init__(self, notebook: NotebookNode, **env: str) -> None:
        from nbclient import NotebookClient  # not for those who run cells in here

        self.client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            resources={"metadata": {"path": str(LABS)}},
            record_timing=False,
            store_widget_state=False,
        )
        self.env = {**os.environ, **env}
        self.places = {cell.id: n for n, cell in enumerate(notebook.cells)}
        self.open = contextlib.ExitStack()

    def __enter__(self) -> Kernel:
        self.client.reset_execution_trackers()
        # the kernel's own words are about its sockets
        started = self.client.setup_kernel(env=self.env, stderr=subprocess.DEVNULL)
        self.open.enter_context(started)
        return self

    def __exit__(self, *error: object) -> None:
        self.open.close()

    def run(self, cell: NotebookNode) -> BaseException | None:
        from nbclient.exceptions import CellControlSignal, DeadKernelError

        try:
            self.client.execute_cell(cell, self.places[cell.id])
        except (CellControlSignal, DeadKernelError) as error:
            return error
        return None

    def begin(self, cell: NotebookNode) -> None:
        """Have the cell begun, and wait for nothing."""
        self.client.kc.execute(cell.source)

    def kill(self) -> None:
        """End it by SIGKILL, as a restart or a lack of memory would."""
        os.kill(self.client.km.provisioner.pid, signal.SIGKILL)


class Namespace:
    """One namespace in this process. A traceback names its cells "lab:cell-id"."""

    def __init__(self, lab: str, **names: object) -> None:
        self.lab = lab
        self.names = {"__name__": "__main__", "display": lambda *_: None, **names}

    def run(self, cell: NotebookNode) -> BaseException | None:
        file = f"{self.lab}:{cell.id}"
        lines = [f"{line}\n" for line in cell.source.splitlines()]
        linecache.cache[file] = (len(cell.source), None, lines, file)
        try:
            exec(compile(cell.source, file, "exec"), self.names)
        except Exception as error:
            return error
        return None


class Shell:
    """IPython in this process, without prompts, history file or start-up files.

    `show` is given what a notebook would show: (the object or None, data by MIME type).
    What cells print goes to sys.stdout.
    """

    def __init__(self, show: Callable[[object, dict[str, Any]], None]) -> None:
        self.shell = interactive_shell(show)
        self.names = self.shell.user_ns

    def run(self, cell: NotebookNode) -> BaseException | None:
        done = self.shell.run_cell(cell.source, store_history=True)
        error = done.error_before_exec or done.error_in_exec
        if isinstance(error, KeyboardInterrupt):
            raise error
        return error


def interactive_shell(show: Callable[[object, dict[str, Any]], None]) -> Any:
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Publisher(DisplayPublisher):
        def publish(self, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            show(None, data)

        def clear_output(self, wait: bool = False) -> None:
            pass

    class Hook(DisplayHook):
        result: object = None

        def compute_format_data(self, result: object) -> Any:
            self.result = result
            return super().compute_format_data(result)

        def write_output_prompt(self) -> None:
            pass

        def write_format_data(
            self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None
        ) -> None:
            show(self.result, format_dict)

        def finish_displayhook(self) -> None:
            pass

    class Quiet(InteractiveShell):
        display_pub_class = Publisher
        displayhook_class = Hook

        def enable_gui(self, gui: str | None = None) -> None:
            pass

    settings = Config()
    settings.HistoryManager.enabled = False
    shell = Quiet.instance(config=settings, colors="nocolor")
    shell.InteractiveTB.set_mode("Minimal")
    shell.display_formatter.active_types = ["text/plain"]
    return shell
