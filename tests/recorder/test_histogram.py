"""Histograms: where a value is counted, and how exact a quantile is."""

import random

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadgen.recorder.histogram import CELLS, MAX_VALUE_US, bounds_of, cell_of, describe, quantiles_us

VALUES = st.integers(0, MAX_VALUE_US)


@given(VALUES)
def test_a_value_lies_in_its_cell_and_the_cell_is_narrow(value: int) -> None:
    """Every value is inside the bounds of its cell, which are within 1/1,024 of each other."""
    lowest, highest = bounds_of(cell_of(value))

    assert lowest <= value <= highest
    assert highest - lowest <= lowest / 1024


def test_cells_cover_everything_once() -> None:
    """The cells follow one another without gap or overlap, from 0 to the largest value."""
    expected = 0
    for cell in range(CELLS):
        lowest, highest = bounds_of(cell)
        assert lowest == expected
        expected = highest + 1
    assert expected == MAX_VALUE_US + 1


@pytest.mark.parametrize("value", [-1, MAX_VALUE_US + 1])
def test_what_does_not_fit_is_never_clipped(value: int) -> None:
    """A value outside is an error, which the caller counts."""
    with pytest.raises(ValueError, match="outside"):
        cell_of(value)


@given(st.lists(VALUES, min_size=1, max_size=200))
def test_counts_are_those_of_hdrhistogram(values: list[int]) -> None:
    """The same values give the same non-zero counts as HdrHistogram at 1 µs and three digits."""
    reference = HdrHistogram(1, MAX_VALUE_US, 3)
    counts = [0] * CELLS
    for value in values:
        reference.record_value(value)
        counts[cell_of(value)] += 1

    theirs = [reference.get_count_at_index(cell) for cell in range(CELLS)]
    assert counts == theirs


SHAPES = {
    "exponential": lambda r: r.expovariate(1 / 3000),
    "lognormal": lambda r: r.lognormvariate(8, 1),
    "bimodal": lambda r: r.gauss(2_000, 50) if r.random() < 0.98 else r.gauss(900_000, 20_000),
    "uniform": lambda r: r.uniform(1_100, 60_000_000),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_quantiles_are_within_a_thousandth_of_exact(shape: str) -> None:
    """p50 … p99.99 of four shapes, 200,000 values each, against the exact order statistics (I6)."""
    draw, source = SHAPES[shape], random.Random(5)
    values = sorted(max(int(draw(source)), 0) for _ in range(200_000))
    counts = np.bincount([cell_of(value) for value in values], minlength=CELLS)
    shares = [0.5, 0.9, 0.99, 0.999, 0.9999]

    for share, told in zip(shares, quantiles_us(counts.tolist(), shares), strict=True):
        exact = values[int(np.ceil(share * len(values))) - 1]
        assert abs(told - exact) <= max(exact / 1000, 0.5), (shape, share)


def test_a_tail_that_too_few_values_carry_is_not_told() -> None:
    """With 500 values ten do not lie beyond p99: it is None, the median is told."""
    counts = [0] * CELLS
    for value in range(500):
        counts[cell_of(value)] += 1
    told = describe(counts, sum_us=sum(range(500)), max_us=499)

    assert told is not None
    assert (told.n, told.p50, told.p90, told.p99, told.max) == (500, 249.0, 449.0, None, 499.0)


def test_nothing_counted_is_none() -> None:
    """An empty histogram has no numbers, not zeros."""
    assert describe([0] * CELLS, 0, 0) is None
