"""What LABS_GRADES has kept, for a gradebook.

    python tools/grades.py FOLDER             a table for a spreadsheet (CSV)
    python tools/grades.py FOLDER --results   for an autograder (JSON)

One row for each student and exercise: the best score, the number of attempts, and the
time of the first attempt with that score. --results gives what an autograder of
Gradescope leaves as results.json, by student where there are several. A line that is
no record is named and left out.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

COLUMNS = ("student", "lab", "exercise", "title", "score", "attempts", "time")


def records(where: Path) -> Iterator[dict]:
    """Every attempt in this file, or in all files of this folder."""
    kinds = (".json", ".jsonl")
    inside = sorted(path for path in where.rglob("*") if path.suffix in kinds)
    for path in inside if where.is_dir() else [where]:
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                kept = {name: record[name] for name in COLUMNS}
                yield {**kept, "score": float(record["score"])}
            except (ValueError, KeyError, TypeError):
                print(f"{path}, line {number}: not a grade", file=sys.stderr)


def best(attempts: Iterator[dict]) -> list[dict]:
    """A row for each student and exercise, in that order."""
    rows: dict[tuple[str, str, str], dict] = {}
    for record in sorted(attempts, key=lambda record: record["time"]):
        key = (record["student"], record["lab"], record["exercise"])
        row = rows.setdefault(key, {**record, "attempts": 0})
        row["attempts"] += 1
        if record["score"] > row["score"]:
            row |= {"score": record["score"], "time": record["time"]}
    return [rows[key] for key in sorted(rows)]


def results(rows: list[dict]) -> dict:
    """One student's rows as an autograder's results."""
    tests = [
        {
            "name": f"{row['lab']}: {row['title']}",
            "score": row["score"],
            "max_score": 1.0,
            "output": f"attempts: {row['attempts']}",
        }
        for row in rows
    ]
    return {"tests": tests}


def main(arguments: list[str], out: TextIO = sys.stdout) -> int:
    folders = [word for word in arguments if not word.startswith("--")]
    if len(folders) != 1 or not Path(folders[0]).exists():
        print("Which folder or file? It is what LABS_GRADES named.", file=sys.stderr)
        return 2
    rows = best(records(Path(folders[0])))
    if "--results" in arguments:
        students = dict.fromkeys(row["student"] for row in rows)
        each = {
            name: results([row for row in rows if row["student"] == name])
            for name in students
        }
        told = next(iter(each.values())) if len(each) == 1 else each
        out.write(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        return 0
    table = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
