"""What a gate can see, against the published table and against simulated gates."""

import math

import numpy as np
import pytest

from loadgen.judge.power import alarm_probability, pass_probability, smallest_detectable, tightest_limit
from loadgen.judge.stats import SignFlips


@pytest.mark.parametrize(
    ("spread", "pairs", "percent"),
    [(0.02, 7, 3.5), (0.02, 10, 2.7), (0.02, 20, 1.7), (0.08, 10, 11.2), (0.15, 10, 22.1), (0.30, 20, 29.6)],
)
def test_the_smallest_detectable_change_of_the_normal_theory(spread: float, pairs: int, percent: float) -> None:
    """One-sided α 0.01, power 0.9: the table that the gate was designed by."""
    found = 100 * math.expm1(smallest_detectable(spread, pairs, error=0.01))

    assert found == pytest.approx(percent, abs=0.2)


def test_too_few_pairs_detect_nothing() -> None:
    """Six pairs cannot reach p 0.01, whatever the change; and a limit sets a floor to what is caught."""
    assert smallest_detectable(0.001, 6, error=0.01) == math.inf
    assert alarm_probability(9.9, 0.001, 6, error=0.01) == 0
    assert pass_probability(9.9, 0.001, 6, error=0.01) == 0
    assert tightest_limit(0.001, 6, error=0.01) == math.inf
    assert smallest_detectable(0.001, 16, error=0.01, limit=0.1) > 0.1


@pytest.mark.parametrize(("change", "spread"), [(0.05, 0.06), (0.10, 0.06), (0.05, 0.03)])
@pytest.mark.parametrize("limit", [0.0, 0.05])
def test_predicted_power_is_what_simulated_tests_show(change: float, spread: float, limit: float) -> None:
    """Of 400 simulated sets of 12 pairs the exact test catches the predicted share, to ten points."""
    draws = np.random.default_rng(12).normal(change, spread, (400, 12))
    tests = [SignFlips(row) for row in draws]

    caught = np.mean([test.p_above() <= 0.005 and test.centre > limit for test in tests])

    assert caught == pytest.approx(alarm_probability(change, spread, 12, error=0.005, limit=limit), abs=0.10)


def test_equal_variants_pass_the_tightest_limit_nineteen_times_of_twenty() -> None:
    """Calibration: at the limit computed from the spread, simulated A/A sets pass in 95 ± 4 of 100."""
    spread, pairs, error = 0.05, 16, 0.0125
    limit = tightest_limit(spread, pairs, error=error)
    draws = np.random.default_rng(13).normal(0, spread, (1_000, pairs))

    passed = np.mean([SignFlips(row).upper(error) < limit for row in draws])

    assert passed == pytest.approx(0.95, abs=0.04)
    assert pass_probability(limit, spread, pairs, error=error) == pytest.approx(0.95, abs=0.02)


def test_no_spread_means_certainty() -> None:
    """A spread of 0 sees everything beyond the limit and nothing before it."""
    assert alarm_probability(0.02, 0.0, 12, error=0.01, limit=0.01) == 1
    assert alarm_probability(0.005, 0.0, 12, error=0.01, limit=0.01) == 0
    assert pass_probability(0.01, 0.0, 12, error=0.01) == 1
