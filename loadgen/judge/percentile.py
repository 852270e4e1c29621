"""How well n values know a percentile: the order statistics that enclose it, no distribution assumed.

The number of values below the true quantile q is binomial (n, q), so two ranks enclose it with at least the confidence
asked for. Assumed: independent values. Latencies of one run are not: neighbours share a queue, so this interval is the
least that there is to doubt, and only runs tell the rest.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

MIN_BEYOND = 10  # values beyond the quantile, below which it is not told at all
EXACT_VALUES = 2_000
_NORMAL = NormalDist()


def values_needed(quantile: float) -> int:
    """How many values a percentile needs before it is told: ten beyond it."""
    return math.ceil(round(MIN_BEYOND / min(quantile, 1 - quantile), 6))


def enclosing_ranks(n: int, quantile: float, confidence: float = 0.95) -> tuple[int, int] | None:
    """Ranks, from 1, of two order statistics that enclose the quantile; None where n values cannot.

    Exact to EXACT_VALUES; from there by the normal approximation with its half, off by at most a rank.
    """
    error = (1 - confidence) / 2
    if n <= EXACT_VALUES:
        low, high = _exact_ranks(n, quantile, error)
    else:
        reach = -_NORMAL.inv_cdf(error) * math.sqrt(n * quantile * (1 - quantile)) + 0.5
        low, high = math.floor(n * quantile - reach), math.ceil(n * quantile + reach) + 1
    return (low, high) if low >= 1 and high <= n else None


def _exact_ranks(n: int, quantile: float, error: float) -> tuple[int, int]:
    """Largest low with P(B < low) ≤ error, smallest high with P(B ≥ high) ≤ error."""
    terms = [_binomial(n, count, quantile) for count in range(n + 1)]
    low, below = 0, 0.0
    while low <= n and below + terms[low] <= error:
        below += terms[low]
        low += 1
    high, above = n + 1, 0.0
    while high > 0 and above + terms[high - 1] <= error:
        high -= 1
        above += terms[high]
    return low, high


def _binomial(n: int, count: int, share: float) -> float:
    logarithm = math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1)
    return math.exp(logarithm + count * math.log(share) + (n - count) * math.log1p(-share))


def percentile_interval(
    values: Sequence[float], quantile: float, confidence: float = 0.95
) -> tuple[float, float] | None:
    """The interval of a percentile of sorted values; None where there are too few."""
    ranks = enclosing_ranks(len(values), quantile, confidence)
    return None if ranks is None else (values[ranks[0] - 1], values[ranks[1] - 1])
