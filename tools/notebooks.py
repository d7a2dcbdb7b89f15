"""Open the labs in JupyterLab, on a page that lists them in the book's order.

    python tools/notebooks.py

The notebooks of the book are trusted, so that their stored outputs keep their style:
whoever runs this has them from the book. Nothing is changed outside this folder but
Jupyter's own record of what is trusted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import book_model
import nbformat
from book_model import ROOT, Book
from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir
from nbformat.sign import NotebookNotary

START = "start.md"  # in labs/; made anew each time, and not committed
# JupyterLab's own way to have other defaults in one environment
OVERRIDES = Path("share", "jupyter", "lab", "settings", "overrides.json")
SETTINGS = {
    "@jupyterlab/docmanager-extension:plugin": {
        "defaultViewers": {"markdown": "Markdown Preview"}
    },
    # which would ask the reader, and then another host
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}


def start_page(book: Book) -> str:
    """The contents as Markdown, with a link to each chapter's labs."""
    return "\n".join(contents(book)) + "\n"


def contents(book: Book) -> Iterator[str]:
    yield "# The labs, in the order of the book"
    yield (
        "\nBelow each question stand the outputs of a stored run, and so its answer. "
        "To guess first: *Edit*, *Clear Outputs of All Cells*."
    )
    for part in book.parts:
        chapters = [chapter for chapter in part.pages if chapter.labs]
        if chapters:
            yield f"\n## {part.caption}"
        for chapter in chapters:
            labs = [f"[{lab.title}]({lab.path.name})" for lab in chapter.labs]
            yield f"\n**{chapter.title}**\n"
            yield from (f"- {link}" for link in labs)
    if book.drafts:
        yield "\n## Not in the book (yet)\n"
        yield from (f"- [{lab.title}]({lab.path.name})" for lab in book.drafts)


def trust(book: Book) -> None:
    """Sign the book's notebooks as `jupyter trust` does; their text is not touched."""
    notary = NotebookNotary()
    for lab in book.labs:
        notary.sign(nbformat.read(lab.path, 4))


def check_home() -> None:
    """Jupyter writes to the user's home: a home that is none is told in one line."""
    for folder in (jupyter_runtime_dir(), jupyter_data_dir()):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
            if not os.access(folder, os.W_OK):
                raise PermissionError(13, "Permission denied", folder)
        except OSError as error:
            sys.exit(
                f"Jupyter keeps files of its own in {folder}, which cannot be written "
                f"({error.strerror}). Name another home: HOME=/path/to/folder make "
                "notebooks"
            )


def as_root() -> list[str]:
    if os.geteuid() != 0:
        return []
    print(
        "You are root: Jupyter is told that this is meant (--allow-root).", flush=True
    )
    return ["--allow-root"]


def main() -> None:
    check_home()
    book = book_model.read()
    trust(book)
    (ROOT / "labs" / START).write_text(start_page(book), encoding="utf-8")
    overrides = Path(sys.prefix) / OVERRIDES
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps(SETTINGS, indent=1))
    os.execv(sys.executable, command())


def command() -> list[str]:
    # by its number: not every computer knows the name localhost, Jupyter's own choice
    words = [sys.executable, "-m", "jupyterlab", str(ROOT / "labs"), *as_root()]
    words += ["--ServerApp.ip=127.0.0.1", f"--LabApp.default_url=/lab/tree/{START}"]
    return [*words, *sys.argv[1:]]


if __name__ == "__main__":
    main()
