"""The sign-flip test: exact, symmetric, and as often wrong as it says."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from bench.sign_flip import estimate, interval, p_value

differences = st.lists(st.floats(-1, 1).map(lambda value: round(value, 6)), min_size=2, max_size=10)


@given(differences)
def test_p_is_scipys(values: list[float]) -> None:
    """The p value is that of scipy's exact permutation test of paired samples."""
    expected = permutation_test(
        (np.array(values),), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )

    assert p_value(values) == pytest.approx(float(expected.pvalue), abs=1e-9)


@given(differences)
def test_swapping_the_sides_negates(values: list[float]) -> None:
    """Second ÷ first and first ÷ second: the same p, the estimate and the interval mirrored."""
    mirrored = [-value for value in values]
    low, high = interval(values)

    assert p_value(mirrored) == p_value(values)
    assert estimate(mirrored) == pytest.approx(-estimate(values))
    assert interval(mirrored) == pytest.approx((-high, -low), abs=1e-6)


def test_one_direction_in_every_pair() -> None:
    """n pairs that all point one way: p is 2 of 2^n."""
    assert p_value([0.1] * 8) == 2 / 2**8
    assert p_value([0.0] * 8) == 1.0


def test_the_interval_holds_what_is_not_rejected() -> None:
    """Within the interval p is above 5 %, beyond it below; five pairs reject nothing at 5 %."""
    values = [0.08, 0.11, 0.09, 0.12, 0.10, 0.07, 0.13, 0.10]
    low, high = interval(values)

    assert low < estimate(values) < high
    assert p_value(values, (low + high) / 2) > 0.05
    assert p_value(values, low - 1e-6) <= 0.05
    assert p_value(values, high + 1e-6) <= 0.05
    assert interval(values[:5]) == (-math.inf, math.inf)


def test_false_alarms_and_power() -> None:
    """Twelve rounds with 3 % of noise: 10 % is found nearly always at α = 1 %, and nothing is found 1 % of the time."""
    draw = random.Random(5)

    def alarms(truth: float, trials: int) -> int:
        return sum(p_value([draw.gauss(truth, 0.03) for _ in range(12)]) < 0.01 for _ in range(trials))

    assert alarms(0.0, 1000) <= 20
    assert alarms(math.log(1.1), 200) >= 198


@pytest.mark.parametrize("count", [0, 21])
def test_impossible_numbers_of_pairs(count: int) -> None:
    """No pairs, or too many to look at all patterns, raise."""
    with pytest.raises(ValueError, match="pairs"):
        p_value([0.1] * count)
