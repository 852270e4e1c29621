"""Sums over workers: a merge is algebra."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.recorder.histogram import CELLS, cell_of, describe
from loadgen.recorder.slab import (
    BREAKDOWN_AT,
    BREAKDOWN_COLUMNS,
    COARSE_SHIFT,
    Count,
    Metric,
    Phase,
    Slab,
    histogram_at,
    metric_sum_at,
    set_at,
)
from loadgen.report.merge import Tally, breakdown, distribution, merged, tally, view


def filled(values_us: list[int]) -> Slab:
    """A slab of one producer with these service times, measured."""
    slab = Slab.create(1)
    at = metric_sum_at(0, Phase.MEASURED, Metric.SERVICE)
    for value in values_us:
        slab.words[histogram_at(0, Phase.MEASURED, Metric.SERVICE) + cell_of(value)] += 1
        slab.words[at] += value
        slab.words[at + 1] = max(slab.words[at + 1], value)
        slab.words[set_at(0, Phase.MEASURED) + Count.ACKED] += 1
    return slab


def same(one: Tally, two: Tally) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("counts", "codes", "breakdown", "histograms", "maxima_us")
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 10_000_000), max_size=20), min_size=1, max_size=4), st.randoms())
def test_merging_workers_is_the_same_as_counting_together(parts: list[list[int]], order: random.Random) -> None:
    """Split over workers and merged, in any order and grouping, every cell and sum is that of the whole."""
    tallies = [tally([(view(filled(part)), 1)], Phase.MEASURED) for part in parts]
    everything = filled([value for part in parts for value in part])
    whole = tally([(view(everything), 1)], Phase.MEASURED)
    # maxima are not sums: a block's own maximum word is added up in `counts`, so compare it apart
    for each in (*tallies, whole):
        each.counts[Count.METRICS + 4 * Metric.SERVICE + 1] = 0
    shuffled = tallies[:]
    order.shuffle(shuffled)
    cut = order.randrange(len(shuffled) + 1)

    assert same(merged(tallies), whole)
    assert same(merged([merged(shuffled[:cut]), merged(shuffled[cut:])]), whole)


def test_a_second_is_one_snapshot_minus_the_one_before() -> None:
    """What was counted in between, with the highest cell that grew as its maximum."""
    slab = filled([1000, 2000])
    before = tally([(view(slab), 1)], Phase.MEASURED)
    slab.words[histogram_at(0, Phase.MEASURED, Metric.SERVICE) + cell_of(500)] += 3
    slab.words[metric_sum_at(0, Phase.MEASURED, Metric.SERVICE)] += 1500
    part = tally([(view(slab), 1)], Phase.MEASURED).since(before)

    assert part.cells(Metric.SERVICE).sum() == 3
    assert (part.sum_us(Metric.SERVICE), int(part.maxima_us[Metric.SERVICE])) == (1500, 500)


@given(st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=300))
def test_the_array_tells_what_the_plain_histogram_tells(values: list[int]) -> None:
    """numpy's quantiles are those of the definition."""
    counts = np.bincount([cell_of(value) for value in values], minlength=CELLS).astype(np.int64)

    assert distribution(counts, sum(values), max(values)) == describe(counts.tolist(), sum(values), max(values))


def test_the_slowest_hundredth_is_told_by_its_own_parts() -> None:
    """99 usual records wait in the queue, one slow one waits for the broker: the breakdown says which is which."""
    slab = Slab.create(1)
    base = set_at(0, Phase.MEASURED) + BREAKDOWN_AT

    def book(response_us: int, n: int, parts: tuple[int, int, int]) -> None:
        row = base + (cell_of(response_us) >> COARSE_SHIFT) * BREAKDOWN_COLUMNS
        for column, value in enumerate((n, *(n * part for part in parts))):
            slab.words[row + column] += value

    book(2_000, 99, (0, 1_500, 500))
    book(90_000, 1, (1_000, 2_000, 87_000))
    told = breakdown(tally([(view(slab), 1)], Phase.MEASURED))

    assert told.usual is not None
    assert told.slowest_1pct is not None
    assert told.usual.n == 100
    assert (told.slowest_1pct.n, told.slowest_1pct.network_and_broker) == (1, 87_000)
    assert told.usual.client_queue == (99 * 1_500 + 2_000) / 100
