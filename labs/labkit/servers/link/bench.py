"""How soon a link passes on what it is sent."""

from __future__ import annotations

from .. import http
from ..bench import Bench, Way
from ..origin import Origin
from . import Link

PASSES = "passes on"


def ours(bench: Bench) -> None:
    """The origin behind it included."""
    link = bench.start(Link(to=Origin({})))
    assert http.request(link.address(), "GET", "/").status == 403
    bench.mark(PASSES)


PLAIN: dict[str, Way] = {}
TARGETS = {PASSES: 0.6}
