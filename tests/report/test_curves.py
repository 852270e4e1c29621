"""The lines of the pictures, against arithmetic."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.recorder.histogram import CELLS, MAX_VALUE_US, cell_of, middle_of, quantiles_us
from loadgen.report.curves import offered_line, percentile_curve, spans, value_at
from loadgen.report.result import RatePhase
from tests.report.samples import flat_out_mock, intervals, orders_run


def counts_of(values):
    counts = [0] * CELLS
    for value in values:
        counts[cell_of(value)] += 1
    return counts


@given(st.lists(st.integers(0, MAX_VALUE_US), min_size=1, max_size=300))
def test_the_curve_is_the_quantiles(values):
    """Every point of the curve is the quantile of its rarity; it never falls, begins at the least and ends at the largest."""
    curve = percentile_curve(counts_of(values), float("inf"))
    told_us = [value * 1000 for value in curve.value_ms]

    assert told_us == sorted(told_us)
    assert told_us[0] == pytest.approx(middle_of(cell_of(min(values))))
    assert told_us[-1] == pytest.approx(middle_of(cell_of(max(values))))
    inner = [(rarity, value) for rarity, value in zip(curve.rarity, told_us, strict=True)][1:-1]
    shares = [1 - 1 / rarity for rarity, _ in inner]
    near = [quantiles_us(counts_of(values), [max(share - 1e-9, 1e-12)])[0] for share in shares]
    assert [value for _, value in inner] == pytest.approx(near)


def test_the_curve_says_how_far_it_is_carried():
    """Of 10,000 records the curve is carried to where ten lie beyond: a rarity of 1,000, the 99.9th percentile."""
    curve = percentile_curve(counts_of(range(10_000)), float("inf"))

    assert curve.rarity[curve.carried - 1] <= 1000 * (1 + 1e-9) < curve.rarity[curve.carried]


def test_the_largest_value_bounds_the_curve():
    """The middle of the last cell is never told above the exact maximum."""
    assert percentile_curve(counts_of([1_000_000]), 999_500.0).value_ms[-1] == 999.5
    assert percentile_curve([0] * CELLS, 0.0) is None
    assert percentile_curve((), 0.0) is None


def test_value_at():
    """A rarity on the curve has its value, one beyond its end has none."""
    curve = percentile_curve(counts_of(range(1000)), float("inf"))

    assert value_at(curve, curve.rarity[7]) == curve.value_ms[7]
    assert value_at(curve, 1000.0) == curve.value_ms[-1]
    assert value_at(curve, 1001.0) is None


def with_phases(*phases):
    run = orders_run()
    return msgspec.structs.replace(run, plan=msgspec.structs.replace(run.plan, phases=list(phases)))


def test_the_asked_line_follows_the_plan():
    """A ramp is one slope, steps are corners, a piece without an end goes to the last row, flat out asks nothing."""
    assert offered_line(with_phases(RatePhase(10, 10, 5), RatePhase(10, 200, 60)), 99) == [
        (0, 10), (5, 10), (5, 10), (65, 200)
    ]  # fmt: skip
    assert offered_line(with_phases(RatePhase(100, 100, None)), 7.0) == [(0, 100), (7.0, 100)]
    assert offered_line(with_phases(), 7.0) == [(0.0, 200_000.0), (7.0, 200_000.0)]
    assert offered_line(flat_out_mock(), 7.0) == []


def test_spans_join_neighbouring_rows():
    """Five seconds of warm-up are one stretch, not five."""
    assert spans(intervals(orders_run()), "warmup") == [(0.0, 5.0)]
    assert spans(intervals(orders_run()), "drain") == [(65.0, 66.0)]
    assert not any(math.isnan(edge) for span in spans(intervals(orders_run()), "measured") for edge in span)
