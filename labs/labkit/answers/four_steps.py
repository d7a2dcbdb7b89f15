"""Answers to labs/four_steps.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise, parts
from ..history import History


def look_before_any_save(history: History) -> None:
    """The first look of the day, at a price that nobody has saved yet."""
    saved = {op.key for op in history.ops("write")[:5]}
    look = next(op for op in history.ops("read") if op.key not in saved)
    look.value += 1


def one_refused(history: History) -> None:
    """A save that fails, and so is no price to be shown."""
    save = history.ops("write")[-1]
    before = [op for op in history.ops("write", key=save.key) if op is not save]
    save.outcome = "fail"
    for look in history.ops("read", key=save.key):
        if look.t_call > save.t_call:
            look.value = before[-1].value


def refused_and_kept(history: History) -> None:
    """A save that fails, and its price is shown all the same."""
    history.ops("write")[-1].outcome = "fail"


def price_as_before(history: History) -> None:
    """A look shows the price that was saved last but one."""
    save = history.ops("write")[-1]
    before = [op for op in history.ops("write", key=save.key) if op is not save]
    look = [op for op in history.ops("read", key=save.key) if op.t_call > save.t_call]
    look[0].value = before[-1].value


# what the recorded runs do not show: one wrong look, or one refusal, and no other
DAYS = (
    Day("a day on which a price that nobody saved is shown wrong", False,
        look_before_any_save),
    Day("a day on which one save is refused", False, one_refused),
    Day("a day on which a save is refused, and shown", False, refused_and_kept),
    Day("a day on which one look shows the price before", False, price_as_before),
)  # fmt: skip
EXERCISES = {
    "the check": exercise(
        check(days=DAYS, more=False),
        "Go through all operations in their order, and keep the last price by key.",
        "The morning's prices count for products that nobody has saved yet.",
        "A read must equal last[key]; a write that is ok sets it; one that is not ok "
        "breaks the promise.",
    ),
    "the way back": exercise(
        parts(
            {
                "writes both -> before": True,
                "reads the new -> writes both": True,
                "reads the new -> before": True,
                "writes the new alone -> reads the new": True,
                "writes the new alone -> writes both": False,
            }
        ),
        "Where does the release that comes back look, and who wrote there last?",
        "The release that is left must have written the table that the other reads.",
    ),
}
