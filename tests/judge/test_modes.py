"""Two kinds of run under one name."""

import numpy as np
import pytest

from loadgen.judge.modes import two_levels


@pytest.mark.parametrize("runs", [10, 12, 16, 24])
def test_two_levels_are_seen(runs: int) -> None:
    """A value that doubles in every other run, with 5 % of noise, is two levels in nearly every set of runs."""
    generator = np.random.default_rng(runs)
    noisy = generator.lognormal(0, 0.05, (200, runs)) * np.where(np.arange(runs) % 2, 2, 1)

    assert np.mean([two_levels(row) is not None for row in noisy]) >= 0.98
    levels = two_levels(noisy[0])
    assert levels is not None
    assert (levels.lower, levels.upper, levels.upper_share) == (
        pytest.approx(1, rel=0.05),
        pytest.approx(2, rel=0.05),
        0.5,
    )


@pytest.mark.parametrize("noise", [0.02, 0.2, 0.5])
def test_one_level_is_not_two(noise: float) -> None:
    """Of 500 sets of 12 noisy runs at most one in a hundred is called two levels; a single outlier is none."""
    generator = np.random.default_rng(3)
    called = [two_levels(row) is not None for row in generator.lognormal(0, noise, (500, 12))]

    assert sum(called) <= 5
    assert two_levels([1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01, 1.0, 10.0]) is None


def test_few_or_equal_runs_have_one_level() -> None:
    """Seven runs cannot show two levels; equal ones have none."""
    assert two_levels([1, 2, 1, 2, 1, 2, 1]) is None
    assert two_levels([1.0] * 20) is None
