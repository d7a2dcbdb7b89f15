"""What every verdict carries, and how verdicts are combined."""

from labkit import checks
from labkit.checks import Findings, Verdict, check, combine
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
