"""How soon an edge behind a shield can be used, beside one nginx."""

from __future__ import annotations

from ..bench import Bench, Way
from ..nginx import Nginx
from ..origin import Origin
from . import Edge

KEEP = "proxy_cache edge;"
PAGE = "/products/7"
ANSWERS = "answers, with its shield"
COPY = "first copy"


def ours(bench: Bench) -> None:
    """An origin, its shield and an edge, up to the first answer from a copy."""
    headers = {"Cache-Control": "public, max-age=60"}
    origin = Origin({PAGE: {"headers": headers}})
    shield = Edge([origin], name="shield", location=KEEP)
    edge = bench.start(Edge([shield], location=KEEP))
    bench.mark(ANSWERS)
    edge.get(PAGE).ok()
    assert edge.get(PAGE).headers["x-cache"] == "HIT"
    bench.mark(COPY)


def one_nginx(bench: Bench) -> None:
    bench.start(Nginx(["127.0.0.1:9"]))
    bench.mark(ANSWERS)


PLAIN: dict[str, Way] = {"one nginx": one_nginx}
TARGETS = {ANSWERS: 0.5, COPY: 0.55}
