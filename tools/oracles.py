"""Compare every check with its oracle on random histories: `make oracles`.

    python tools/oracles.py [--histories N] [--seed N] [--only WORD]

An oracle (tests/checks/oracles.py) is a slow reading of a check's definition that
shares no code with it. Each of the N histories (100,000) is given to one check and to
its oracle, in turn; a difference is printed with the seed that shows it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "labs"), str(ROOT / "tests" / "checks")]

from chance import CASES, judged  # noqa: E402
from oracles import ORACLES  # noqa: E402

HISTORIES = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wished = int(os.environ.get("N") or HISTORIES)
    parser.add_argument("--histories", type=int, default=wished)
    parser.add_argument("--seed", type=int, default=0, help="of the first history")
    parser.add_argument("--only", default="", help="checks with this in their name")
    options = parser.parse_args()
    names = [name for name in CASES if options.only in name]
    differences, began = 0, time.perf_counter()
    print(f"{'check':32}{'histories':>10}{'differences':>13}   held, broken, unknown")
    for place, name in enumerate(names):
        seeds = range(
            options.seed + place, options.seed + options.histories, len(names)
        )
        states = {"holds": 0, "violated": 0, "unknown": 0}
        found = 0
        for seed in seeds:
            history, params = CASES[name](Random(seed))
            verdict = judged(name, history, params)
            states[verdict.state] += 1
            differs = ORACLES[name](history, **params).differs(verdict)
            if differs:
                found += 1
                if found <= 3:
                    print(f"  seed {seed}, {params}: {differs}")
        share = ", ".join(str(count) for count in states.values())
        print(f"{name:32}{len(seeds):10}{found:13}   {share}", flush=True)
        differences += found
    took = time.perf_counter() - began
    print(
        f"\n{len(names)} checks, {options.histories} histories, "
        f"{differences} differences, {took:.0f} s"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
