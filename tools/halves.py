"""Print what the last `make test` tried with every proof: `make halves`.

A line for each proof (its lab, the runs, the mutants that were refused), and under it
one for each half measure with what it broke; as tests/test_lessons.py kept them.
"""

from __future__ import annotations

import json
import sys

from book_model import ROOT

KEPT = ROOT / "_build" / "lessons"


def main() -> int:
    found = sorted(KEPT.glob("*.json"))
    if not found:
        print(f"Nothing is kept in {KEPT}. First run: make test", file=sys.stderr)
        return 1
    proofs = halves = red = 0
    for path in found:
        for name, tried in json.loads(path.read_text()).items():
            refused = sum(colour == "red" for colour in tried["mutants"].values())
            print(
                f"{path.stem}: {name}. {len(tried['runs'])} runs, {refused} mutants"
                f" refused, {len(tried['halves'])} half measures"
            )
            for half, answer in tried["halves"].items():
                print(f"  {half}: {answer.removeprefix('Holds without it? ')}")
                red += answer.startswith("Holds without it? No")
            proofs += 1
            halves += len(tried["halves"])
    print(f"{proofs} proofs, {halves} half measures, {red} of them red")
    return 0


if __name__ == "__main__":
    sys.exit(main())
