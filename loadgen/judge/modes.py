"""Two kinds of run under one name: a metric that takes one of two levels, such as a p99 with and without a collection.

A mean of two levels is a value that no run ever had, so it is said and not averaged. The best split of the sorted
logarithms is taken; two levels are claimed when their distance is many times the spread inside them and both are
common.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

LEAST_RUNS = 8
LEAST_SHARE = 0.25
SEPARATION = 7.0  # of the spread inside; one normal sample of 8 in 80 passes it, of 12 one in 2,000 (simulated)
LEAST_RATIO = 1.2  # two levels nearer than this are nobody's trouble


class TwoLevels(msgspec.Struct, frozen=True):
    """The two levels (geometric means) and the share of runs at the upper one."""

    lower: float
    upper: float
    upper_share: float

    def __str__(self) -> str:
        return f"two levels, {self.lower:.4g} and {self.upper:.4g}, the upper in {self.upper_share:.0%} of the runs"


def two_levels(values: Sequence[float]) -> TwoLevels | None:
    """The two levels of some runs, or None.

    Args:
        values: above 0.
    """
    n = len(values)
    if n < LEAST_RUNS:
        return None
    logs = np.sort(np.log(np.asarray(values, dtype=float)))
    least = max(2, math.ceil(LEAST_SHARE * n))
    splits = np.arange(least, n - least + 1)
    below = np.cumsum(logs)[splits - 1]
    distances = (logs.sum() - below) / (n - splits) - below / splits
    between = distances**2 * splits * (n - splits) / n  # sum of squares that the split explains
    best = int(np.argmax(between))
    split, distance = int(splits[best]), float(distances[best])
    within = max(float(((logs - logs.mean()) ** 2).sum() - between[best]), 0.0)
    spread = math.sqrt(within / (n - 2))
    if distance < math.log(LEAST_RATIO) or distance < SEPARATION * spread:
        return None
    return TwoLevels(float(np.exp(logs[:split].mean())), float(np.exp(logs[split:].mean())), (n - split) / n)
