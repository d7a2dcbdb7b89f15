"""Run a test command, and give the little that failed one more try, alone.

    python tools/again.py make test TESTS='-m kubernetes'

For a machine that others use as well: it stands still for seconds now and then, and of
thousands of tests on real servers one may meet that. What failed then runs by itself;
it is named at the end if it passed, since a test that needs this is a fault to be
looked for. More than a few failures get no second try.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

FEW = 3
ALONE = ["make", "test"]


def main(command: list[str]) -> int:
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    code, failed = run(command)
    if not code or not 0 < len(failed) <= FEW:
        return code
    # make reads $$ as a dollar
    tests = "-n 1 " + shlex.join(failed).replace("$", "$$")
    say(f"FAILED, and run once more, alone: {', '.join(failed)}")
    code, _ = run([*ALONE, f"TESTS={tests}"])
    if not code:
        say(f"PASSED AT THE SECOND TRY ONLY, look into it: {', '.join(failed)}")
    return code


def run(command: list[str]) -> tuple[int, list[str]]:
    """The exit code of a test command, and what failed; [] if that is not known."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "failed.json"
        env = {**os.environ, "LABS_FAILED": str(kept)}
        code = subprocess.call(command, env=env)
        return code, json.loads(kept.read_text()) if kept.exists() else []


def say(text: str) -> None:
    print(f"\n=== {text} ===", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
