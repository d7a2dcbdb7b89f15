"""How long each lab is, for who runs it and for who reads it: `make budget`.

    python tools/budget.py [lab ...]

A line of code is neither blank nor a comment, and not part of an exercise's solution.
What is over its budget is marked by "!". Of that, tools/conventions.py refuses too much
code, and tests/test_stored.py a stored run of twice the seconds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import book_model
from book_model import Lab

MOST_CODE = 250  # lines of a lab
MOST_BEFORE = 60  # lines of code before the first verdict "violated"
MOST_MINUTES = 20  # to read; a goal
MOST_SECONDS = 30  # to run
MOST_IN_A_CLUSTER = 90  # the same: whatever a kubelet notices takes whole seconds
USUAL_MB, MOST_MB = 500, 2000  # of memory: the first is a goal
LINES_A_MINUTE, WORDS_A_MINUTE = 15, 200
VIOLATED = re.compile(r"\bVIOLATED\b")
INCIDENT = re.compile(r"\.incident\(\)")
Cell = dict[str, Any]  # as it is stored; of a notebook opened by nbformat too


@dataclass(frozen=True)
class Size:
    """Of a lab: lines of code, those before the first *violated*, words of prose."""

    code: int
    before: int
    words: int

    @property
    def minutes(self) -> float:
        return self.code / LINES_A_MINUTE + self.words / WORDS_A_MINUTE

    def complaints(self) -> Iterator[str]:
        if self.code > MOST_CODE:
            yield f"{self.code} lines of code, more than {MOST_CODE}"
        if self.before > MOST_BEFORE:
            yield (
                f"{self.before} lines of code before the first violated verdict, more "
                f"than {MOST_BEFORE}"
            )


def size(cells: Sequence[Cell]) -> Size:
    """The size of a lab. Without stored outputs its incident is the first violated."""
    every = [cell for cell in cells if cell["cell_type"] == "code"]
    counted = [cell for cell in every if not solves(cell)]
    ends = [n for n, cell in enumerate(counted) if VIOLATED.search(shown(cell))]
    ends += [n for n, cell in enumerate(counted) if INCIDENT.search(text(cell))]
    first = ends[0] if ends else len(counted)
    return Size(
        sum(map(lines, counted)),
        sum(map(lines, counted[:first])),
        sum(words(text(cell)) for cell in cells if cell["cell_type"] == "markdown"),
    )


def solves(cell: Cell) -> bool:
    return "solution" in cell["metadata"].get("tags", [])


def text(cell: Cell) -> str:
    return "".join(cell["source"])


def shown(cell: Cell) -> str:
    """What a cell printed or displayed, as text."""
    outputs = cell.get("outputs", [])
    parts = [o.get("text", "") for o in outputs]
    parts += [o.get("data", {}).get("text/plain", "") for o in outputs]
    return "\n".join("".join(part) for part in parts)


def lines(cell: Cell) -> int:
    found = (line.strip() for line in text(cell).splitlines())
    return sum(bool(line) and not line.startswith("#") for line in found)


def words(markdown: str) -> int:
    """Words that are read: no code blocks, markup or addresses."""
    plain = re.sub(r"^(`{3,}).*?^\1", "", markdown, flags=re.S | re.M)
    plain = re.sub(r"<[^>]+>|\]\([^)]*\)", " ", plain)
    return sum(bool(re.search(r"\w", word)) for word in plain.split())


def row(lab: Lab, runs: dict[str, dict]) -> str:
    found = size(lab.cells(""))
    run = runs.get(lab.name, {})
    seconds, megabytes = run.get("seconds", 0), run.get("peak_mb", 0)
    numbers = [
        marked(found.code, MOST_CODE),
        marked(found.before, MOST_BEFORE),
        marked(found.words),
        marked(found.minutes, goal=MOST_MINUTES),
        marked(seconds, most_seconds(run)),
        marked(megabytes, MOST_MB, USUAL_MB),
    ]
    return f"{lab.name:28}" + "".join(f"{number:>9}" for number in numbers)


def most_seconds(run: dict) -> float:
    """That a lab may take, by what its stored run tells."""
    cluster = "Kubernetes" in run.get("servers", {})
    return MOST_IN_A_CLUSTER if cluster else MOST_SECONDS


def marked(number: float, most: float = 1e9, goal: float = 1e9) -> str:
    """A whole number; "!" when it is over a budget, "*" when it only misses a goal."""
    return f"{number:.0f}{'!' if number > most else '*' if number > goal else ' '}"


def main(names: list[str]) -> int:
    labs = book_model.labs_or_exit(names)
    heads = ("code", "before", "words", "minutes", "seconds", "MB")
    print(f"{'lab':28}" + "".join(f"{head + ' ':>9}" for head in heads))
    for lab in labs:
        print(row(lab, book_model.read().runs))
    print(
        f"\nbefore: lines of code until the first violated verdict ({MOST_BEFORE}); "
        f"minutes to read, at {LINES_A_MINUTE}\nlines or {WORDS_A_MINUTE} words a "
        f"minute ({MOST_MINUTES}). !: over its budget; *: misses a goal."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
