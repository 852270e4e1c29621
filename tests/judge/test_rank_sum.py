"""Two samples that were not paired."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loadgen.errors import NotValid
from loadgen.judge.rank_sum import unpaired

VALUES = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=1, max_size=9)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 4), (5, 5), (8, 20), (30, 30), (60, 90)])
def test_p_is_scipys_exact_one(n: int, m: int) -> None:
    """Without ties the two-sided p is the exact one at every size."""
    generator = np.random.default_rng(n)
    a, b = generator.normal(0, 1, n), generator.normal(0.5, 1, m)

    exact = stats.mannwhitneyu(a, b, method="exact").pvalue

    assert unpaired(a, b).p == pytest.approx(exact, rel=1e-6)


@given(VALUES, VALUES)
def test_swapping_the_sides_negates_the_shift(a: list[float], b: list[float]) -> None:
    """Shift and bounds change sign exactly, p stays."""
    there, back = unpaired(a, b), unpaired(b, a)

    assert (there.shift, there.low, there.high, there.p) == (-back.shift, -back.high, -back.low, back.p)


def test_the_interval_covers() -> None:
    """Of 1,000 pairs of samples of 5 and 6 the 95 % interval holds the true shift in at least 94 of 100."""
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(1_000):
        told = unpaired(generator.standard_t(3, 5), generator.standard_t(3, 6) + 1.5)
        hits += told.low <= 1.5 <= told.high

    assert hits >= 940


def test_ties_never_make_p_smaller() -> None:
    """Rounding both samples to one digit, so that most values tie, flags equal samples in at most 5 of 100."""
    generator = np.random.default_rng(2)
    flagged = sum(
        unpaired(generator.normal(0, 0.3, 6).round(), generator.normal(0, 0.3, 6).round()).p <= 0.05 for _ in range(500)
    )

    assert flagged <= 25


def test_single_runs_tell_no_difference_and_say_so() -> None:
    """One run a side has p 1, no bounds, and the number of runs that would have some."""
    told = unpaired([100.0], [50.0])

    assert (told.p, told.low, told.high) == (1.0, -math.inf, math.inf)
    assert told.doubts[0].code == "few_runs"


@pytest.mark.parametrize("wrong", [[], [math.nan], [math.inf, 1.0], [1.0] * 201])
def test_empty_infinite_or_endless_samples_are_not_valid(wrong: list[float]) -> None:
    """Each ends in exit 5, none in a number."""
    with pytest.raises(NotValid):
        unpaired(wrong, [1.0, 2.0])
