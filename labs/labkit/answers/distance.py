"""Answers to labs/distance.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Grade, exercise, graded, guardrail, number, unfit
from ..runtimes import StartFailed
from ..shop.distance import PARTS

MAPS = """map $uri $no { ~/static/.*jpg$ 0; default 1; }
map $uri $mine { ~^/price/ 1; default 0; }"""
CARELESS = {"headers": {"Cache-Control": "public, max-age=60"}}


def written(answer: Any, proof: Any, edge: Any, near: Any, origin: Any) -> Grade:
    """The answer is what the edge keeps, before an origin that says that everything is
    for everybody."""
    if not isinstance(answer, str):
        return unfit("lines of nginx's configuration are wanted, as a text.")
    before = near.options["http"]
    try:
        for path in PARTS:
            origin.put(path, **CARELESS)
        near.reload(http=MAPS)
        return guardrail()(replace(edge, keeps=answer), proof=proof)
    except StartFailed as error:
        return graded(False, f"nginx refuses it: {error}")
    finally:
        near.reload(http=before, location="")
        for path, part in PARTS.items():
            origin.put(path, **part)


EXERCISES = {
    "write the edge": exercise(
        written,
        "Which part must not be kept, whatever the origin says of it?",
        "Two directives of nginx take a variable: one about keeping, one about "
        "answering from a copy.",
        "proxy_no_cache and proxy_cache_bypass, both with $mine.",
    ),
    "the app": exercise(
        number(5 * 180 + 3 * 20, unit="ms"),
        "How many trips are there before the first question?",
        "One for TCP and one for TLS 1.3, then one each question: 5 x 180 + 3 x 20.",
    ),
}
