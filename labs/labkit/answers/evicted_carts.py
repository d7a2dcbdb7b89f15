"""Answers to labs/evicted_carts.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, guardrail, unfit


def one_server(answer: Any, proof: Any, cache: Any, cart_ttl: int) -> Grade:
    """A guardrail like others, on one server and with carts that expire."""
    if not hasattr(answer, "cart_ttl"):
        return unfit("a Way is wanted, as in the cells above.")
    if answer.carts is not cache or answer.cart_ttl != cart_ttl:
        return unfit("one server is wanted, and carts with their 30 days.")
    return guardrail()(answer, proof=proof)


EXERCISES = {
    "carts with a TTL": exercise(
        one_server,
        "Pages live for an hour, carts for 30 days. Which policy looks at that?",
        "The policies that look at a time to live begin with `volatile`.",
        "`volatile-ttl` evicts, of a few sampled keys, what has the least time left.",
    ),
}
