"""Grades kept for a teacher: a line of JSON for each attempt."""

from __future__ import annotations

import datetime
import getpass
import json
import os
import re
from pathlib import Path
from typing import Any

from .grade import Grade, say

GRADES = "LABS_GRADES"
STUDENT = "LABS_STUDENT"


def student() -> str:
    """LABS_STUDENT, or the name of the account."""
    if name := os.environ.get(STUDENT, "").strip():
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        return f"user {os.getuid()}"


def file_of(where: str, name: str) -> Path:
    """The file that takes this student's lines: `where` itself, or a file in it."""
    path = Path(where).expanduser()
    if path.suffix in (".json", ".jsonl") and not path.is_dir():
        return path
    safe = re.sub(r"[^\w.@-]+", "_", name).strip("._") or "student"
    return path / f"{safe}.jsonl"


def keep(lab: str, exercise: str, title: str, grade: Grade, attempts: int) -> None:
    """Append one attempt to the file or folder named by LABS_GRADES, if it is set.

    One line, one write: several kernels may share a file. A file that cannot be written
    is said in one line, and the lab goes on.
    """
    where = os.environ.get(GRADES)
    if not where:
        return
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record: dict[str, Any] = {
        "student": student(),
        "lab": lab,
        "exercise": exercise,
        "title": title or exercise,
        "correct": grade.correct,
        "score": grade.score,
        "attempts": attempts,
        "time": now,
    }
    line = json.dumps(record, ensure_ascii=False) + "\n"
    try:
        path = file_of(where, record["student"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            file.write(line.encode("utf-8", "replace"))
    except OSError as error:
        say(f"The grade is not kept ({GRADES}={where}): {error.strerror or error}.")
