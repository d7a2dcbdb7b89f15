"""Answers to labs/zero_results.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, check, exercise, function, graded, guardrail


@function("typed")
def by_itself(answer: Any, proof: Any, search: Any) -> Grade:
    """A search is right when it is a guardrail, and PostgreSQL does all of it."""
    before = asked(search)
    grade = guardrail()(answer, proof=proof)
    if grade.correct and asked(search) > before:
        return graded(False, "it finds everything, and asks the search engine.")
    return grade


def asked(search: Any) -> int:
    """How many searches the engine has answered."""
    told = search.client.indices.stats(metric="search")["_all"]["total"]
    return int(told["search"]["query_total"])


EXERCISES = {
    "without an engine": exercise(
        by_itself,
        "Which kinds of search does each index find? The table has them.",
        "What does ts_rewrite(query, 'select asked, means from synonyms') make of "
        "the query for what was typed?",
        "WORDS with ts_rewrite around websearch_to_tsquery; TRIGRAMS where that finds "
        "nothing.",
    ),
    "the check": exercise(
        check(),
        "What was there to find for what was typed?",
        "Is a page that is not empty always what was wanted?",
        "For every search of which something was read back: the two lists of ids have "
        "one in common.",
    ),
}
