"""A check sees the history and nothing else: what may be reached, and what may not."""

from dataclasses import dataclass
from functools import partial

import pytest

from labkit import checks
from labkit.purity import refuse_impure

BOUND = 3
SEEN = []


@dataclass
class Server:
    rows: int


@dataclass(frozen=True)
class Limit:
    rows: int


SERVER, LIMIT = Server(1), Limit(1)


def helper(history, most=BOUND):
    return len(history) <= most


def by_the_server(history):
    return SERVER.rows


def indirect(history):
    return [by_the_server(op) for op in history]


def a_check(find):
    return checks.check("small", "pages", "Pages are small.", "none")(find)


def takes(value):
    return lambda history: value


PURE = {
    "a constant": lambda history: BOUND,
    "a function of the lab": lambda history: helper(history),
    "a check of the book": checks.read_your_writes,
    "a check with its bound": partial(checks.staleness_bound, bound=3),
    "a check of the lab": a_check(lambda history: helper(history)),
    "a frozen dataclass": lambda history: LIMIT.rows,
    "a tuple": takes((1, "two")),
    "an attribute named like a global": lambda history: history.SEEN,
}
IMPURE = {
    "a list": lambda history: SEEN,
    "a server": by_the_server,
    "a server, two functions away": indirect,
    "a server in a list comprehension": lambda history: [SERVER for _ in history],
    "a closure over a set": takes({1}),
    "a partial with a list": partial(helper, most=[]),
    "a method of a server": Server(1).__eq__,
    "a check of the lab that sees a server": a_check(by_the_server),
    "a default": lambda history, seen=SEEN: seen,
    "a bound with an impure part": checks.at_most(
        1, "rows", where=lambda op: SERVER.rows > 1
    ),
}


@pytest.mark.parametrize("function", PURE.values(), ids=PURE)
def test_what_no_run_can_change_may_be_reached(function):
    refuse_impure(function, "the check")


@pytest.mark.parametrize("function", IMPURE.values(), ids=IMPURE)
def test_what_a_run_can_change_may_not(function):
    with pytest.raises(TypeError, match=r"the check reads .*the history alone"):
        refuse_impure(function, "the check")
