"""Answers to labs/rollout.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise, number
from ..history import History


def half_done(history: History) -> None:
    """Everybody is answered, and the release is left where it stands."""
    history.ops("figure", key="half done")[-1].value = 1


def one_missing(history: History) -> None:
    """Everybody is answered, by one pod less."""
    history.ops("figure", key="ready")[0].value = 1


def one_cut(history: History) -> None:
    """One checkout under way has no answer."""
    history.ops("checkout")[0].outcome = "unknown"


def one_page(history: History) -> None:
    """One page fails, when the release is over."""
    history.ops("read", key="after")[-1].outcome = "fail"


def one_more(history: History) -> None:
    """A new pod is ready beside the old ones, as it should be."""
    history.ops("figure", key="ready")[0].value = 3


DAYS = (
    Day("a release that is left half done", False, half_done),
    Day("a release during which a pod is missing", False, one_missing),
    Day("a release that cuts one checkout off", False, one_cut),
    Day("a day on which one page fails, after the release", False, one_page),
    Day("a release during which three pods are ready", True, one_more),
)
EXERCISES = {
    "the check": exercise(
        check(days=DAYS, more=False),
        "Reads are not all that customers do.",
        "An operation that was cut off has an outcome of its own.",
        "False when a read or a checkout is not ok, a figure 'half done' is 1, or a "
        "figure 'ready' is less than 2.",
    ),
    "a quarter of ten": exercise(
        number(8, unit="pods"),
        "How many pods may be unavailable?",
        "A quarter of ten is two and a half.",
        "10 less 2.",
    ),
}
