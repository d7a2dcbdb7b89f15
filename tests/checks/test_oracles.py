"""Every check agrees with a slow, independent reading of its definition."""

from collections import Counter
from random import Random

import pytest
from chance import CASES, judged
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import ORACLES

from labkit import checks

SEARCHED, DRAWN = 100, 200  # histories a check, in every run of the tests


def agree(name, rng):
    history, params = CASES[name](rng)
    verdict = judged(name, history, params)
    judgement = ORACLES[name](history, **params)
    assert judgement.differs(verdict) == "", f"{params}\n{[*history]}\n{verdict!r}"


@pytest.mark.parametrize("name", CASES)
def test_a_check_and_its_oracle_agree_on_histories_that_hypothesis_searches(name):
    @settings(max_examples=SEARCHED, deadline=None, database=None)
    @given(st.randoms(use_true_random=False))
    def agrees(rng):
        agree(name, rng)

    agrees()


@pytest.mark.parametrize("name", CASES)
def test_a_check_and_its_oracle_agree_on_histories_by_chance(name):
    for seed in range(DRAWN):
        agree(name, Random(seed))


@pytest.mark.parametrize("name", CASES)
def test_histories_by_chance_hold_are_violated_and_are_unknown(name):
    states = Counter(
        judged(name, *CASES[name](Random(seed))).state for seed in range(400)
    )
    assert min(states[s] for s in ("holds", "violated", "unknown")) >= 3, states


def test_every_check_has_an_oracle():
    assert {e.function for e in checks.table()} == set(ORACLES) == set(CASES)
