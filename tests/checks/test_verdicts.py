"""What every verdict carries, and how verdicts are combined."""

import pytest
from hand import history_of, read

from labkit import checks
from labkit.checks import Findings, Verdict, check, combine, counted
from labkit.history import History, Op


def pages(*sizes):
    history = History()
    for size in sizes:
        history.add(Op(0, "shopper", "read", extra={"bytes": size}, outcome="ok"))
    return history


@check("small pages", "pages", "A page is small.", "nobody looked")
def small_pages(history):
    found = Findings()
    for op in history:
        found.checked += 1
        if op.extra["bytes"] > 10:
            found.broke(f"{op.client} waited", op.client, ops=[op])
    return found


def test_a_verdict_says_where_it_was_broken_and_how_much_was_checked():
    verdict = small_pages(pages(5, 50, 5, 70))
    assert verdict.where == (2, 4)
    assert verdict.amounts == {"small pages": 4}


def test_where_and_amounts_change_neither_a_verdicts_words_nor_its_equality():
    verdict = small_pages(pages(5, 50))
    bare = Verdict(
        "small pages", "violated", 2, 1, ("shopper waited",), "A page is small.", {}
    )
    bare = Verdict(**{**vars(bare), "unit": "pages"})
    assert verdict == bare
    assert "where" not in repr(verdict)
    assert "amounts" not in repr(verdict)


def test_combined_verdicts_keep_the_operations_and_the_amounts_of_their_parts():
    first, second = small_pages(pages(5, 50)), small_pages(pages(50))
    many = checks.at_most(9, "reads", where=lambda op: True)(pages(1, 2, 3))
    merged = combine(first, second, many)
    assert merged.where == (1, 2)
    assert merged.amounts == {"small pages": 3, "reads": 3}
    assert combine(merged, many).amounts == {"small pages": 3, "reads": 6}


def test_a_crash_hides_no_violation_that_was_found_before_it():
    verdict = small_pages(pages(50, "much"))
    assert verdict.violated
    assert verdict.where == (1,)
    assert verdict.counts["note"].startswith("the check crashed: TypeError")
    assert small_pages(pages(5, "much")).unknown


def test_the_table_lists_labkits_checks_and_none_that_a_lab_made():
    rows = {entry.function: entry for entry in checks.table()}
    assert "small_pages" not in rows
    assert rows["read_your_writes"].family == "reads"
    assert all(entry.violation and entry.cost for entry in rows.values())
    assert all("{" not in entry.promise for entry in rows.values())


def verdict(state, name="a promise", examples=()):
    reason = "nothing to check" if state == "unknown" else ""
    return Verdict(name, state, 1, len(examples), examples, "It holds.", {}, reason)


@pytest.mark.parametrize(
    ("states", "merged"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "unknown"], "unknown"),
        (["unknown", "violated", "holds"], "violated"),
        ([], "unknown"),
    ],
)
def test_violated_outweighs_unknown_and_unknown_outweighs_holds(states, merged):
    assert combine(*map(verdict, states)).state == merged


def test_a_merged_verdict_says_what_broke_and_what_is_unknown():
    bad = verdict("violated", "first", tuple("abcd"))
    merged = combine(verdict("holds", "second"), bad, verdict("unknown", "third"))
    assert str(merged) == (
        "VIOLATED  second, first and third: 1 of 3 promises\n  a\n  b\n  c"
    )
    assert merged.counts == {"violated": 1, "unknown": 1, "holds": 1}
    doubt = combine(verdict("holds", "first"), verdict("unknown", "second"))
    assert str(doubt) == "UNKNOWN   first and second: second: nothing to check"


def test_a_count_and_its_noun_agree():
    assert counted(1, "reads") == "1 read"
    assert counted(0, "reads") == "0 reads"
    assert counted(1, "acknowledged writes") == "1 acknowledged write"
    assert counted(1, "entries") == "1 entry"


def test_a_definition_tells_amounts_by_name_in_words():
    @checks.check("few", "things", "At most so much: {most}.", "nothing came")
    def few(history, most):
        return checks.Findings()

    told = few(History(), most={"orders": 0, "prices": 5}).definition
    assert told == "At most so much: 0 orders, 5 prices."


def test_a_check_of_a_labs_own_is_made_as_the_others_are():
    @checks.check("small pages", "pages", "Under {most} bytes.", "nobody looked")
    def small_pages(history, most=10):
        found = checks.Findings()
        for op in history.ops("read"):
            found.checked += 1
            if op.extra["bytes"] >= most:
                found.broke(f"{op.client} waited", op.client)
        return found

    history = history_of(read(1, extra={"bytes": 5}), read(1, extra={"bytes": 50}))
    verdict = small_pages(history)
    assert verdict.violated
    assert verdict.definition == "Under 10 bytes."
    assert str(verdict).startswith("VIOLATED  small pages: 1 of 2 pages")
    assert small_pages(history, most=51).holds
    assert small_pages(history_of()).reason == "nothing to check: nobody looked"
    assert small_pages(history_of(read(1))).unknown, "it crashed"
