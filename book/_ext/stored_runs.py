"""The facts of the labs' stored runs, as the pages of the book use them.

labs/runs.json is written when the labs are stored: for each lab its verdicts, servers,
duration, date, measured facts and ledger lines.
"""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

import book_model
from sphinx.environment import BuildEnvironment


class Missing(LookupError):
    """What a page asks for and no stored run has; its text says what is missing."""


def load(env: BuildEnvironment, docname: str) -> dict[str, dict]:
    """The stored runs by lab; `docname` is built again whenever they change."""
    path = Path(env.srcdir, "labs", "runs.json")
    env.dependencies[docname].add(str(path))
    if not path.exists():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))


def in_reading_order(env: BuildEnvironment, docname: str) -> list[tuple[str, dict]]:
    """The labs that are pages of the book, with their runs, in the book's order."""
    runs = load(env, docname)
    labs = book_model.read(Path(env.srcdir)).labs
    return [(lab.name, runs[lab.name]) for lab in labs if lab.name in runs]


def lookup(runs: dict[str, dict], address: str) -> Any:
    """The value at `address`, as "read_your_writes:facts.fallbacks".

    Raises Missing when there is none, and names the keys that are there.
    """
    lab, colon, path = address.partition(":")
    if not colon or not path:
        raise Missing(f"{address!r} is not LAB:PATH")
    if lab not in runs:
        raise Missing(f"no stored run of the lab {lab!r}")
    value: Any = runs[lab]
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            there = ", ".join(value) if isinstance(value, dict) else "nothing"
            raise Missing(f"no {key!r} in {address!r}: there is {there}")
        value = value[key]
    return value


def number(value: float) -> str:
    """A number as prose has it: 1234, 12,345, 0.25."""
    return f"{value:,}" if abs(value) >= 10_000 else str(value)


def day(run: dict) -> str:
    """The day of a stored run, as "25 November 2026"."""
    when = date.fromisoformat(run["date"])
    return f"{when.day} {when:%B %Y}"


def seconds(run: dict) -> str:
    """How long a stored run took, as "12 s"."""
    return f"{run['seconds']:.0f} s"


def memory(run: dict) -> str:
    """The peak memory of a stored run, as "210 MB"."""
    return f"{run['peak_mb']:.0f} MB"


def servers(run: dict) -> str:
    """The servers of a stored run and their versions, as "PostgreSQL 18.6"."""
    told = ", ".join(f"{name} {version}" for name, version in run["servers"].items())
    return told or "none"
