"""Answers to labs/moving_bottleneck.ipynb: spoilers ahead."""

from dataclasses import replace
from math import floor
from typing import Any

from ..exercises import Grade, exercise, function, guardrail, number
from ..shop.line import Decision, Station, Week


class Unmeasured(Station):
    """A station of which nobody knows the limit."""

    @property
    def limit(self) -> float:
        raise LookupError("nobody has measured the work, so no limit is known")


@function("last", "announced")
def without_a_stopwatch(answer: Any, proof: Any) -> Grade:
    """A guardrail that is not told the stations' limits."""

    def way(last: Week, announced: int) -> Decision:
        stations = tuple(Unmeasured(**vars(one)) for one in last.stations)
        return answer(replace(last, stations=stations), announced)

    return guardrail()(way, proof=proof)


def in_time(lowest: float, whole: float, promise_ticks: int) -> int:
    """Orders whose last answer comes in time, when all come at once."""
    return 1 + floor((promise_ticks - whole) * lowest)


EXERCISES = {
    "without a stopwatch": exercise(
        without_a_stopwatch,
        "A station works for a share of the week. What if it worked for all of it?",
        "The rate was orders / ticks, and a station's limit is the rate / its share.",
        "Forecast: announced / the lowest limit. If that is over 30, the station that "
        "has it gets room, its limit grows with its servers, and so does the forecast.",
    ),
    "the fifth week": exercise(
        number(in_time, unit="orders"),
        "When is the first order answered, and how many ticks are left then?",
        "In each of them, as many are answered as the lowest limit says.",
        "1 + (30 - whole) * lowest, rounded down.",
    ),
}
