"""Intervals of medians: they cover what they say."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.interval import median_interval


@pytest.mark.parametrize(
    ("count", "rank", "coverage"),
    [(1, 1, 0.0), (2, 1, 0.5), (5, 1, 0.9375), (6, 1, 0.96875), (8, 1, 0.9921875), (9, 2, 0.9609375), (12, 3, 0.9614)],
)
def test_ranks_and_coverage(count: int, rank: int, coverage: float) -> None:
    """The ranks are those of the tables (n = 9: 2nd and 8th, 96.1 %); too few values: the range, and its coverage."""
    found = median_interval([float(value) for value in range(1, count + 1)])

    assert (found.low, found.high) == (rank, count + 1 - rank)
    assert found.coverage == pytest.approx(coverage, abs=1e-4)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_the_median_is_inside(values: list[float]) -> None:
    """Low ≤ median ≤ high, both of them values that were given."""
    found = median_interval(values)

    assert found.low <= found.median <= found.high
    assert {found.low, found.high} <= set(values)


def test_it_covers_as_often_as_it_says() -> None:
    """Of 4,000 samples of twelve from a skewed distribution 96.1 % hold the true median, within 1 %."""
    draw = random.Random(3)
    true_median = 2.0**0.5  # of the Pareto distribution with shape 2
    found = [median_interval([draw.paretovariate(2) for _ in range(12)]) for _ in range(4000)]
    covered = sum(one.low <= true_median <= one.high for one in found) / len(found)

    assert abs(covered - found[0].coverage) < 0.01


def test_no_values_have_no_median() -> None:
    """An empty list raises."""
    with pytest.raises(ValueError, match="no values"):
        median_interval([])
