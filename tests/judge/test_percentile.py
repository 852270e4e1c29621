"""How well values know a percentile."""

import numpy as np
import pytest
from scipy import stats

from loadgen.judge.percentile import enclosing_ranks, percentile_interval, values_needed


@pytest.mark.parametrize(("n", "quantile"), [(100, 0.5), (1_500, 0.99), (2_000, 0.9), (50_000, 0.999), (10**7, 0.9999)])
def test_ranks_enclose_with_the_confidence_asked_for(n: int, quantile: float) -> None:
    """By scipy's binomial: at least 95 %, and one rank nearer on either side less than 97.5 % one-sided."""
    low, high = enclosing_ranks(n, quantile) or (0, 0)
    count = stats.binom(n, quantile)

    assert count.cdf(high - 1) - count.cdf(low - 1) >= 0.9495
    assert count.cdf(low + 1) > 0.024
    assert count.sf(high - 4) > 0.024


def test_too_few_values_have_no_interval() -> None:
    """The 99th percentile of 100 values has no upper bound among them."""
    assert enclosing_ranks(100, 0.99) is None
    assert percentile_interval([1.0] * 5, 0.5) is None


@pytest.mark.parametrize(("quantile", "needed"), [(0.5, 20), (0.99, 1_000), (0.999, 10_000), (0.9999, 100_000)])
def test_a_percentile_needs_ten_values_beyond_it(quantile: float, needed: int) -> None:
    """The rule by which p99.9 and above are told at all."""
    assert values_needed(quantile) == needed


def test_the_interval_holds_the_true_percentile() -> None:
    """Of 500 samples of 1,500 exponential values at least 94 of 100 intervals hold the true p99."""
    samples = np.sort(np.random.default_rng(1).exponential(1, (500, 1_500)), axis=1)
    truth = -np.log(0.01)
    intervals = [percentile_interval(row, 0.99) for row in samples]

    assert sum(interval is not None and interval[0] <= truth <= interval[1] for interval in intervals) >= 470
