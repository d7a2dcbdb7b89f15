"""Run one lab here in the terminal, on real servers: `make incident LAB=name`.

The notebook's code cells run in this process, without Jupyter; headings, the sentence
that introduces each cell and what the cell shows are printed as they come. Where the
lab has a guess made, whoever sits at the terminal is asked first. Cells tagged `live`
need a notebook and are left out, and so are the exercises with their solutions.

Exit status: 0 when no cell raised, so every verdict came out as the lab says it must;
1 when one did; 2 for a lab that does not exist; 130 after Ctrl-C.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__" and os.environ.pop("PYTHONPATH", ""):
    # it may lead to a random.py, which the next line would find: begin again without
    os.execv(sys.executable, [sys.executable, *sys.argv])

import contextlib
import io
import json
import re
import shutil
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

import book_model
import runner
from book_model import Book
from nbformat import NotebookNode
from runner import LABS

INTERRUPTED = 130
FIRST = "read_replicas"  # the chapter whose first lab is run when none is named
LEFT_OUT = {"live", "solution"}  # cells with these tags
EXERCISES = re.compile(r"^## Exercises\b", re.M)

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
    """What cells show: their plain text, figures as their alt text, guesses as asked.

    `ask` puts a question and returns what was answered; None where nobody is there.
    """

    def __init__(self, terminal: Terminal, ask: Callable[[str], str] | None) -> None:
        self.terminal = terminal
        self.ask = ask
        self.alt = ""

    def show(self, shown: object, data: dict[str, Any]) -> None:
        text = str(data.get("text/plain", "")).strip("\n")
        if text.startswith("<Figure ") or any(
            kind.startswith("image/") for kind in data
        ):
            text = f"[figure: {self.alt}]"
        if question := getattr(shown, "question", ""):
            self.guess(question)
            text = text.removeprefix(question).lstrip("\n")
        if text:
            self.terminal.rule()
            self.terminal.write(text + "\n")

    def guess(self, question: str) -> None:
        """Have a guess made before the answer stands there."""
        if not self.ask:
            self.terminal.say(f"{question} (No terminal here to guess at.)", "dim")
            return
        self.terminal.say(question, "bold")
        if guessed := self.ask("Your guess (Enter for none): ").strip():
            self.terminal.say(f"You guessed {guessed}. What the clients saw:", "cyan")


def asking() -> Callable[[str], str] | None:
    """How to ask whoever sits there; None where no terminal is."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return None

    def ask(question: str) -> str:
        try:
            return input(question)
        except EOFError:
            return ""

    return ask


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


def story(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The cells to tell: those before the exercises, without what needs a notebook."""
    for cell, following in pairwise([*notebook.cells, None]):
        if cell.cell_type == "markdown" and EXERCISES.search(cell.source):
            return
        introduced = following if is_only_words(cell) else cell
        if introduced is None or not LEFT_OUT & runner.tags(introduced):
            yield cell


def is_only_words(cell: NotebookNode) -> bool:
    """Whether it does nothing but introduce the cell after it."""
    return cell.cell_type == "markdown" and not re.search("^#", cell.source, re.M)


def run(path: Path, terminal: Terminal) -> int:
    """Tell a lab's story from its first cell on; the exit status is returned."""
    screen = Screen(terminal, asking())
    shell = runner.Shell(screen.show)

    def announce(cell: NotebookNode) -> None:
        image = cell.metadata.get("mystnb", {}).get("image", {})
        screen.alt = image.get("alt", "without words")

    try:
        for cell in story(runner.read(path)):
            if cell.cell_type == "markdown":
                introduce(cell.source, terminal)
                continue
            with printing_to(terminal):
                runner.play([cell], shell, before=announce)
        return 0
    except runner.CellFailed as failed:
        terminal.say(f"The cell '{failed.cell.id}' failed, so the lab did.", "red")
        return 1
    finally:
        close(shell.names, terminal)


def close(names: dict[str, object], terminal: Terminal) -> None:
    """Stop the servers: what closes them in the notebook comes after the exercises."""
    labkit = sys.modules.get("labkit")
    with printing_to(terminal):
        for value in list(names.values()):
            if labkit and isinstance(value, labkit.Lab):
                value.close()


def summary(report: Path, seconds: float) -> str:
    """One sentence on what was proved, from the lab's own report."""
    if not report.exists():
        return f"Done in {seconds:.0f} s."
    (told,) = json.loads(report.read_text()).values()
    proofs = told.get("proofs", {})
    runs = sum(len(proof["counts"]) for proof in proofs.values())
    started = [" ".join(pair) for pair in sorted(told["servers"].items())]
    servers = " and ".join(started) or "numbers alone"
    return (
        f"All {runs} runs came out as the lab says they must ({', '.join(proofs)}), "
        f"on {servers}, as {told['runtime']}: "
        f"{seconds:.1f} s, at most {told['peak_mb']:.0f} MB."
    )


def goodbye(name: str, book: Book) -> Iterator[str]:
    """What is left to do, and the lab that comes next."""
    yield f"Its exercises wait in the notebook: make notebooks, labs/{name}.ipynb."
    if after := book.after(name):
        yield f"Next in the book: {after.title}. make incident LAB={after.name}"


def main() -> int:
    book = book_model.read()
    first = next(c for c in book.chapters if c.name == FIRST).labs[0]
    name = sys.argv[1] if sys.argv[1:] else os.environ.get("LAB") or first.name
    try:
        (lab,) = book.find([name])
    except book_model.Unknown as unknown:
        print(unknown, file=sys.stderr)
        return 2
    sys.stdout.reconfigure(errors="replace")  # whatever the locale can show
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
            status = run(lab.path, terminal)
        except KeyboardInterrupt:
            terminal.say()
            terminal.say("Interrupted: the servers are stopped.", "yellow")
            return INTERRUPTED
        if status == 0:
            terminal.say()
            terminal.say(summary(report, time.monotonic() - began), "bold")
            for line in goodbye(lab.name, book):
                terminal.say(line)
    return status


if __name__ == "__main__":
    sys.exit(main())
