"""The median of repeated runs and how far it can be trusted, without assuming a distribution.

Place: error bars of `serializers` and `produce`, by the ranks of `loadgen.judge.percentile`. Whether two things
differ is the paired test's (`loadgen.judge.stats`).
"""

from math import comb
from statistics import median
from typing import NamedTuple

from loadgen.judge.percentile import enclosing_ranks


class MedianInterval(NamedTuple):
    """A median with an interval that holds the true one with probability `coverage`."""

    median: float
    low: float
    high: float
    coverage: float


def median_interval(values: list[float], confidence: float = 0.95) -> MedianInterval:
    """The narrowest pair of order statistics that covers the true median with that confidence.

    Five values cannot enclose it at 95 %: then the whole range is given, and its coverage, 93.8 %, says so.

    Raises:
        ValueError: no values.
    """
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        raise ValueError("the median of no values")
    low, high = enclosing_ranks(count, 0.5, confidence) or (1, count)
    outside = sum(comb(count, below) for below in range(low)) / 2**count  # P(fewer than `low` lie below the median)
    return MedianInterval(median(ordered), ordered[low - 1], ordered[high - 1], 1 - 2 * outside)
