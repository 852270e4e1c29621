"""The median of repeated runs and how far it can be trusted, without assuming a distribution.

Place: error bars of `serializers` and `produce`. Whether two things differ is `paired.py`'s and `loadgen.judge`'s.
"""

from math import comb
from statistics import median
from typing import NamedTuple


class MedianInterval(NamedTuple):
    """A median with an interval that holds the true one with probability `coverage`."""

    median: float
    low: float
    high: float
    coverage: float


def median_interval(values: list[float], confidence: float = 0.95) -> MedianInterval:
    """The narrowest pair of order statistics that covers the true median with that confidence.

    Of n independent values the k-th smallest and the k-th largest hold the median between them with probability
    1 − 2·P(Binomial(n, ½) < k) (David and Nagaraja, Order Statistics, 7.1). With n = 5 the whole range covers 93.8 %,
    less than the usual 95 %: then the range is given, and its coverage says so.

    Raises:
        ValueError: no values.
    """
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        raise ValueError("the median of no values")
    coverage, rank = _coverage(count, 1), 1
    while 2 * (rank + 1) <= count and _coverage(count, rank + 1) >= confidence:
        rank += 1
        coverage = _coverage(count, rank)
    return MedianInterval(median(ordered), ordered[rank - 1], ordered[count - rank], coverage)


def _coverage(count: int, rank: int) -> float:
    return 1.0 - 2 * sum(comb(count, below) for below in range(rank)) / float(2**count)
