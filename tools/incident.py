"""Run one lab here in the terminal, on real servers: `make incident LAB=name`.

The notebook's code cells run in this process, without Jupyter; headings, the sentence
that introduces each cell and what the cell shows are printed as they come. Cells tagged
`live` need a notebook and are left out.

Exit status: 0 when no cell raised, so every verdict came out as the lab says it must;
1 when one did; 2 for a lab that does not exist; 130 after Ctrl-C.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import nbformat
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from traitlets.config import Config

LABS = Path(__file__).resolve().parent.parent / "labs"
INTERRUPTED = 130

COLOURS = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}
VERDICTS = {
    "holds": "green",
    "violated": "red",
    "unknown": "yellow",
    "correct": "green",
    "not yet": "yellow",
}
UNDERLINES = {1: "=", 2: "-"}  # by the level of the heading
VERDICT = re.compile(r"\b(HOLDS|VIOLATED|UNKNOWN)\b|^(Correct|Not yet)\b", re.MULTILINE)


class Terminal(io.TextIOBase):
    """What cells print, indented, with the words of a verdict in colour."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.width = max(60, min(shutil.get_terminal_size((88, 24)).columns, 100))
        self.coloured = out.isatty() and not os.environ.get("NO_COLOR")
        self.fresh = True  # at the beginning of a line

    def paint(self, text: str, colour: str) -> str:
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self.coloured else text

    def say(self, text: str = "", colour: str | None = None, indent: str = "") -> None:
        """A paragraph of the tool itself or of the lab's prose, wrapped."""
        self.rule()
        for line in textwrap.wrap(
            text, self.width, initial_indent=indent, subsequent_indent=indent
        ) or [""]:
            self.out.write((self.paint(line, colour) if colour else line) + "\n")
        self.out.flush()

    def rule(self) -> None:
        """End a line that a cell left open."""
        if not self.fresh:
            self.out.write("\n")
            self.fresh = True

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False  # cells print as they would in a notebook

    def write(self, text: str) -> int:
        shown = VERDICT.sub(
            lambda word: self.paint(word[0], VERDICTS[word[0].lower()]), text
        )
        for line in shown.splitlines(keepends=True):
            if self.fresh and line.strip():
                self.out.write("    ")
            self.out.write(line)
            self.fresh = line.endswith("\n")
        self.out.flush()
        return len(text)


class Screen:
    """Where the shell's results go: their plain text, and figures as their alt text."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.alt = ""

    def show(self, data: dict[str, Any]) -> None:
        text = str(data.get("text/plain", "")).strip("\n")
        if text.startswith("<Figure ") or any(
            kind.startswith("image/") for kind in data
        ):
            text = f"[figure: {self.alt}]"
        if text:
            self.terminal.rule()
            self.terminal.write(text + "\n")


def shell_for(screen: Screen) -> InteractiveShell:
    """An IPython shell without prompts, history file or start-up files."""

    class Publisher(DisplayPublisher):
        def publish(self, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            screen.show(data)

        def clear_output(self, wait: bool = False) -> None:
            pass

    class Hook(DisplayHook):
        def write_output_prompt(self) -> None:
            pass

        def write_format_data(
            self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None
        ) -> None:
            screen.show(format_dict)

        def finish_displayhook(self) -> None:
            pass

    class Shell(InteractiveShell):
        display_pub_class = Publisher
        displayhook_class = Hook

        def enable_gui(self, gui: str | None = None) -> None:
            pass

    settings = Config()
    settings.HistoryManager.enabled = False
    shell = Shell.instance(config=settings, colors="nocolor")
    shell.InteractiveTB.set_mode("Minimal")
    shell.display_formatter.active_types = ["text/plain"]
    return shell


@contextlib.contextmanager
def printing_to(terminal: Terminal) -> Iterator[None]:
    with contextlib.redirect_stdout(terminal):
        yield
    terminal.rule()


def plain(markdown: str) -> str:
    """Markdown's words without its marks."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"[*_]{1,2}(?=\S)([^*_]+)(?<=\S)[*_]{1,2}(?!\w)", r"\1", text)
    return " ".join(text.replace("`", "").split())


def introduce(markdown: str, terminal: Terminal) -> None:
    """The headings of a Markdown cell, and its last paragraph: the introduction."""
    blocks = [
        block.strip() for block in re.split(r"\n\s*\n", markdown) if block.strip()
    ]
    for block in blocks:
        if heading := re.match(r"(#+) +(.*)", block):
            terminal.say()
            terminal.say(plain(heading[2]), "bold")
            if line := UNDERLINES.get(len(heading[1])):
                terminal.say(line * len(plain(heading[2])), "dim")
    last = blocks[-1] if blocks else ""
    if last and not last.startswith(("#", "|", "<", "```")):
        terminal.say()
        terminal.say(plain(last))


def failed(shell: InteractiveShell, cell: NotebookNode, terminal: Terminal) -> bool:
    """Run one cell; True when it raised and may not. Raises KeyboardInterrupt."""
    tags = cell.metadata.get("tags", [])
    with printing_to(terminal):
        result = shell.run_cell(cell.source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    if isinstance(error, KeyboardInterrupt):
        raise error
    return error is not None and "raises-exception" not in tags


def run(path: Path, terminal: Terminal) -> int:
    """Run a lab from its first cell on; the exit status is returned."""
    notebook = nbformat.read(path, 4)
    screen = Screen(terminal)
    shell = shell_for(screen)
    try:
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                introduce(cell.source, terminal)
            elif cell.cell_type == "code" and "live" not in cell.metadata.get(
                "tags", []
            ):
                image = cell.metadata.get("mystnb", {}).get("image", {})
                screen.alt = image.get("alt", "without words")
                if failed(shell, cell, terminal):
                    terminal.say(f"The cell '{cell.id}' failed, so the lab did.", "red")
                    return 1
        return 0
    finally:
        close(shell, terminal)


def close(shell: InteractiveShell, terminal: Terminal) -> None:
    """Stop the servers of a lab that did not come to its own end."""
    labkit = sys.modules.get("labkit")
    with printing_to(terminal):
        for value in list(shell.user_ns.values()):
            if labkit and isinstance(value, labkit.Lab):
                value.close()


def summary(report: Path, seconds: float) -> str:
    """One sentence on what was proved, from the lab's own report."""
    if not report.exists():
        return f"Done in {seconds:.0f} s."
    (told,) = json.loads(report.read_text()).values()
    proofs = told.get("proofs", {})
    runs = sum(key != "counts" for proof in proofs.values() for key in proof)
    servers = " and ".join(" ".join(pair) for pair in sorted(told["servers"].items()))
    return (
        f"All {runs} runs came out as the lab says they must ({', '.join(proofs)}), "
        f"on {servers}, as {told['runtime']}: "
        f"{seconds:.1f} s, at most {told['peak_mb']:.0f} MB."
    )


def main() -> int:
    known = {path.stem: path for path in sorted(LABS.glob("*.ipynb"))}
    name = sys.argv[1] if sys.argv[1:] else os.environ.get("LAB", "replica_lag")
    if name not in known:
        print(f"No lab named '{name}'. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    terminal = Terminal(sys.stdout)
    os.chdir(LABS)  # as Jupyter does
    sys.path.insert(0, str(LABS))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labs-report-") as folder:
        report = Path(folder) / "report.json"
        os.environ["LABS_REPORT"] = str(report)
        os.environ["IPYTHONDIR"] = folder
        # what a kernel would use, so that no window opens
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        try:
            status = run(known[name], terminal)
        except KeyboardInterrupt:
            terminal.say()
            terminal.say("Interrupted: the servers are stopped.", "yellow")
            return INTERRUPTED
        if status == 0:
            terminal.say()
            terminal.say(summary(report, time.monotonic() - began), "bold")
    return status


if __name__ == "__main__":
    sys.exit(main())
