"""How soon the shop's pages can be asked for."""

from __future__ import annotations

from ..bench import Bench, Way
from . import Origin

ANSWERS = "answers"


def ours(bench: Bench) -> None:
    bench.start(Origin({}))
    bench.mark(ANSWERS)


PLAIN: dict[str, Way] = {}
TARGETS = {ANSWERS: 0.35}
