"""The book as _toc.yml has it: parts, chapters, and the labs that prove each chapter.

The one reading of that file, and of where a lab's notebook and its stored run lie, for
the tools, the site's extensions and the tests. A chapter may have several labs, and no
name of a lab is derived from its chapter's. Sphinx imports this too, so it needs
nothing but PyYAML.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Lab:
    """One notebook in labs/."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def docname(self) -> str:
        """The name of its page: labs/my_incident."""
        return f"labs/{self.name}"

    def cells(self, kind: str = "code") -> list[dict]:
        """Its cells as they are stored, `source` as one text; "" is every kind."""
        stored = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return [
            {**cell, "source": "".join(cell["source"])}
            for cell in stored
            if kind in ("", cell["cell_type"])
        ]

    @property
    def title(self) -> str:
        """Its first heading, or its name where it has none."""
        text = "\n".join(cell["source"] for cell in self.cells("markdown"))
        found = re.search(r"^# +(.*?) *$", text, re.M)
        return found[1] if found else self.name


@dataclass(frozen=True)
class Chapter:
    """One page in book/, with the labs that prove it; pages of reference have none."""

    path: Path
    labs: tuple[Lab, ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def docname(self) -> str:
        return f"book/{self.name}"

    @property
    def title(self) -> str:
        text = self.path.read_text(encoding="utf-8")
        found = re.search(r"^# +(.*?) *$", text, re.M)
        return found[1] if found else self.name


@dataclass(frozen=True)
class Part:
    """Chapters under one caption."""

    caption: str
    pages: tuple[Chapter, ...]


@dataclass(frozen=True)
class Book:
    """The whole, read from the folder `root`."""

    root: Path
    parts: tuple[Part, ...]
    index: str = "book/index"
    moved: dict[str, list[str]] = field(default_factory=dict)  # old lab -> new ones

    @property
    def pages(self) -> list[Chapter]:
        """Every page in book/ but the first, in reading order."""
        return [page for part in self.parts for page in part.pages]

    @property
    def chapters(self) -> list[Chapter]:
        """The pages that labs prove."""
        return [page for page in self.pages if page.labs]

    @property
    def labs(self) -> list[Lab]:
        """In reading order."""
        return [lab for page in self.pages for lab in page.labs]

    @property
    def drafts(self) -> list[Lab]:
        """Notebooks in labs/ that are not in the contents (yet)."""
        listed = {lab.name for lab in self.labs}
        there = sorted((self.root / "labs").glob("*.ipynb"))
        return [Lab(path) for path in there if path.stem not in listed]

    @property
    def docnames(self) -> list[str]:
        """Every page of the site, in reading order."""
        below = [
            name
            for page in self.pages
            for name in (page.docname, *(lab.docname for lab in page.labs))
        ]
        return [self.index, *below]

    def chapter_of(self, lab: str) -> Chapter | None:
        """The chapter that a lab proves; None for a draft."""
        return next(
            (c for c in self.chapters if lab in (one.name for one in c.labs)), None
        )

    def after(self, lab: str) -> Lab | None:
        """The lab that follows in reading order; None after the last, or a draft."""
        names = [one.name for one in self.labs]
        place = names.index(lab) + 1 if lab in names else len(names)
        return self.labs[place] if place < len(names) else None

    def find(self, names: list[str]) -> list[Lab]:
        """The labs of these names, drafts too; without names, those of the book.

        Raises Unknown for a name that no lab has.
        """
        known = {lab.name: lab for lab in (*self.labs, *self.drafts)}
        wanted = [Path(name).stem if name else "" for name in names]
        for name in wanted:
            if name not in known:
                raise Unknown(self.why_unknown(name, list(known)))
        return [known[name] for name in wanted] if names else self.labs

    def why_unknown(self, name: str, known: list[str]) -> str:
        """One sentence on a name that is no lab's, or no longer."""
        if name in self.moved:
            new = self.moved[name]
            made = "goes by another name now" if len(new) == 1 else "has been split"
            return f"The lab '{name}' {made}: {', '.join(new)}."
        return f"No lab named '{name}'. There are: {', '.join(known)}."

    @cached_property
    def runs(self) -> dict[str, dict]:
        """The stored runs, labs/runs.json, by lab."""
        path = self.root / "labs" / "runs.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


class Unknown(LookupError):
    """No lab has this name; the text says which there are, or what became of it."""


def read(root: Path | None = None) -> Book:
    """The book in this folder, or the one that this file belongs to."""
    root = root or ROOT
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts = tuple(
        Part(part.get("caption", ""), tuple(pages(root, part["chapters"])))
        for part in toc.get("parts", [])
    )
    return Book(root, parts, toc["root"], moved(root / "_config.yml"))


def moved(config: Path) -> dict[str, list[str]]:
    """The table moved_labs of the site's settings; without a file, an empty one."""
    if not config.exists():
        return {}
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    return settings["sphinx"]["config"].get("moved_labs") or {}


def pages(root: Path, entries: list[dict]) -> Iterator[Chapter]:
    for entry in entries:
        labs = [root / f"{lab['file']}.ipynb" for lab in entry.get("sections", [])]
        yield Chapter(root / f"{entry['file']}.md", tuple(map(Lab, labs)))


def labs_or_exit(names: list[str]) -> list[Lab]:
    """The labs of these names, for a command line: an unknown one ends the program."""
    try:
        return read().find(names)
    except Unknown as unknown:
        print(unknown, file=sys.stderr)
        sys.exit(2)
