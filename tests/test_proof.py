"""Promises of the two-way proof, on a shop small enough to be judged by hand."""

import pytest

from labkit import checks, faults
from labkit.proof import Proof as RealProof
from labkit.proof import ProofFailed
from labkit.wait import wait_until


class Shop:
    """A stand-in with one value and one copy of it, for these tests alone."""

    def __init__(self):
        self.reset()
        self.copying = True
        self.healed = 0

    def reset(self):
        self.value = self.copy = 0

    def write(self, value):
        self.value = value
        if self.copying:
            self.copy = value


def made(shop=None, **other):
    shop = shop or Shop()

    @faults.fault("copying stopped")
    def stopped():
        shop.copying = False
        yield lambda: 1
        shop.copying = True
        shop.healed += 1

    def schedule(run, way):
        for n in range(1, 6):
            with run.call("shopkeeper", "write", key="price", value=n) as op:
                shop.write(n)
                op.version = n
            with run.call("shopkeeper", "read", key="price") as op:
                op.value = op.version = way()

    parts = {
        "schedule": schedule,
        "check": checks.read_your_writes,
        "fault": stopped,
        "without": lambda: shop.copy,
        "guardrail": lambda: shop.value,
        "reset": shop.reset,
        **other,
    }
    return RealProof("read your writes", **parts), shop


def test_a_true_lesson_passes_all_four_runs():
    proof, _ = made()
    states = [
        run.verdict.state
        for run in (
            proof.control(),
            proof.incident(),
            proof.guarded(),
            proof.unguarded(),
        )
    ]
    assert states == ["holds", "violated", "holds", "violated"]


def test_a_fault_that_does_no_harm_fails_the_incident():
    proof, _ = made(without=lambda: 99)
    with pytest.raises(ProofFailed, match="does no harm"):
        proof.incident()


def test_a_guardrail_that_is_decoration_fails_the_guarded_run():
    proof, _ = made()
    proof.guardrail = proof.without
    with pytest.raises(ProofFailed, match="does not keep the promise"):
        proof.guarded()


def test_a_promise_kept_without_the_guardrail_fails_the_unguarded_run():
    proof, _ = made()
    proof.without = proof.guardrail
    with pytest.raises(ProofFailed, match="kept without the guardrail"):
        proof.unguarded()


def test_traffic_that_breaks_the_promise_by_itself_fails_the_control():
    proof, _ = made(without=lambda: -1)
    with pytest.raises(ProofFailed, match="without any fault"):
        proof.control()


@faults.fault("nothing at all")
def nothing():
    yield lambda: 0


def test_a_fault_whose_meter_reads_nothing_is_unknown_and_red():
    proof, _ = made(fault=nothing)
    for run in (proof.incident, proof.guarded, proof.unguarded):
        with pytest.raises(ProofFailed, match="meter reads 0"):
            run()


@pytest.mark.parametrize("reading", [-1, float("nan")])
def test_a_meter_that_reads_less_than_nothing_or_no_number_is_red(reading):
    @faults.fault("a broken meter")
    def broken():
        yield lambda: reading

    proof, _ = made(fault=broken)
    with pytest.raises(ProofFailed, match=f"meter reads {reading}: it was never"):
        proof.incident()


def test_a_wait_that_expires_is_unknown_and_red_where_the_promise_would_hold():
    proof, _ = made()
    whole = proof.schedule

    def late(run, way):
        whole(run, way)
        wait_until(lambda: False, 0.01, "the replica never came")

    proof.schedule = late
    with pytest.raises(ProofFailed, match="the replica never came"):
        proof.control()


def test_a_schedule_that_differs_between_two_runs_is_red():
    proof, shop = made()
    whole = proof.schedule
    proof.control()

    def longer(run, way):
        whole(run, way)
        with run.call("shopkeeper", "write", key="price", value=6) as op:
            shop.write(6)
            op.version = 6

    proof.schedule = longer
    with pytest.raises(ProofFailed, match="did not do the same"):
        proof.incident()


def test_a_checker_that_always_says_holds_is_found_by_the_incident():
    import dataclasses

    blind = lambda h: dataclasses.replace(checks.read_your_writes(h), state="holds")  # noqa: E731
    proof, _ = made(check=blind)
    with pytest.raises(ProofFailed, match="check cannot see it"):
        proof.incident()


def test_a_fault_is_healed_when_the_schedule_raises():
    proof, shop = made()

    def broken(run, way):
        raise RuntimeError("the schedule is wrong")

    proof.schedule = broken
    with pytest.raises(RuntimeError):
        proof.incident()
    assert shop.healed == 1 and shop.copying


def test_all_runs_draw_the_same_random_numbers():
    proof, _ = made(seed=3)
    drawn = [run.rng.random() for run in (proof.control(), proof.incident())]
    assert drawn[0] == drawn[1]


def test_an_attempt_is_judged_but_not_asserted():
    proof, _ = made()
    assert proof.attempt(proof.guardrail).verdict.holds
    assert proof.attempt(proof.without).verdict.violated


def test_the_text_of_a_run_holds_no_times_and_is_the_same_each_time():
    first, second = (str(made()[0].incident()) for _ in range(2))
    assert first == second
    assert first.startswith("incident: fault on, guardrail off\n")
