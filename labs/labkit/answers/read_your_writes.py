"""Answers to labs/read_your_writes.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Day, Grade, NotReady, check, exercise, function, graded
from ..history import History, Op

ME, STRANGER = "shopkeeper", "colleague"


@function("change")
def in_time(answer: Any, proof: Any, way: Any, fault: Any) -> Grade:
    """A save is right when commits that are held back cannot deceive its token."""
    if "control" not in proof.runs:
        raise NotReady("run the cells above first: the control run is missing.")
    run = proof.attempt(replace(way, save=answer), fault=fault)
    if versions(run) != versions(proof.runs["control"]):
        return graded(False, "the version is not the one that the save has made.")
    if run.verdict.unknown:
        return graded(False, f"nothing is proved: {run.verdict.reason}.")
    if not run.verdict.holds:
        return graded(False, f"a look came too early.\n{run.verdict}")
    if not run.useful.holds:
        return graded(False, f"no replica is ever believed.\n{run.useful}")
    return graded(True, f"no look came too early.\n{run.verdict}")


def versions(run: Any) -> list[Any]:
    return [op.version for op in run.history.ops("write")]


def later(history: History, op: str, client: str, key: Any, version: int) -> Op:
    """One more operation, a second after all others."""
    end = max(one.t_ret or one.t_call for one in history)
    made = Op(0, client, op, key, version=version, t_call=end + 1, t_ret=end + 2)
    return history.add(replace(made, outcome="ok"))


def last(history: History) -> tuple[Any, int]:
    """The product that was saved last, and its version."""
    save = history.ops("write")[-1]
    return save.key, save.version or 0


def one_look_is_old(history: History) -> None:
    look = next(one for one in history.ops("read") if one.version == 2)
    look.version = 1


def a_colleague_saves(history: History) -> None:
    key, version = last(history)
    later(history, "write", STRANGER, key, version + 1)
    later(history, "read", ME, key, version)


def a_newer_one_is_seen(history: History) -> None:
    key, version = last(history)
    later(history, "read", ME, key, version + 1)


def two_products(history: History) -> None:
    key, version = last(history)
    later(history, "write", ME, "product:0", 99)
    later(history, "read", ME, key, version)


def while_it_is_saved(history: History) -> None:
    key, version = last(history)
    save = later(history, "write", ME, key, version + 1)
    save.t_ret = later(history, "read", ME, key, version).t_ret


# what the recorded runs do not show: one client, who looks at what it saved last
DAYS = (
    Day("a day on which one look of all is one version old", False, one_look_is_old),
    Day(
        "a day on which a colleague's save is not seen at once", True, a_colleague_saves
    ),
    Day(
        "a day on which a look shows a version after one's own",
        True,
        a_newer_one_is_seen,
    ),
    Day("a day on which another product is saved before the look", True, two_products),
    Day("a day of a look before the save is confirmed", True, while_it_is_saved),
)
EXERCISES = {
    "the token in time": exercise(
        in_time,
        "Which record of the log must a replica have replayed before a reader sees the "
        "row?",
        "Does your token lie before that record or behind it?",
        "Ask `db.primary.lsn()` after the block whose end commits.",
    ),
    "the check": exercise(
        check(days=DAYS),
        "Which writes does a client know of when it calls a read?",
        "Of those, which version is the read owed?",
        "Violated when read.version < max(version of the client's own acknowledged "
        "writes of that key with t_ret <= read.t_call).",
    ),
}
