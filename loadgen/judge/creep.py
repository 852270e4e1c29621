"""Creep: many small losses, each below the limit of a gate that compares with yesterday.

Every group of runs (a version, a week) is compared with one pinned anchor, not with its neighbour. The anchor moves
only when a person names another: a baseline that follows the latest good run forgets five losses of 3 % one by one.
The test is that of `rank_sum`, with Holm over the groups; the loss must also be estimated beyond the limit.
"""

import math
from collections.abc import Sequence

import msgspec

from loadgen.judge.holm import holm
from loadgen.judge.limit import Limit
from loadgen.judge.rank_sum import unpaired
from loadgen.judge.stats import log_ratios

ALPHA = 0.05


class Creep(msgspec.Struct, frozen=True, kw_only=True):
    """One group against the anchor: ratio with interval (None: too few runs for a bound), Holm-adjusted p, the flag."""

    group: int
    ratio: float
    low: float | None
    high: float | None
    p: float
    flagged: bool


def creep(groups: Sequence[Sequence[float]], limit: Limit, *, anchor: int = 0, alpha: float = ALPHA) -> list[Creep]:
    """Every later group against the anchor.

    Args:
        groups: runs of each version in the order of time; at least 4 a group can be told apart.
        limit: how far from the anchor is too far.
        anchor: the pinned group.

    Raises:
        NotValid: a value that is not finite and above 0.
    """
    ones = [[1.0] * len(group) for group in groups]
    logs = [log_ratios(one, group, limit.metric) for one, group in zip(ones, groups, strict=True)]
    compared = [unpaired(logs[anchor], later) for later in logs[anchor + 1 :]]
    adjusted = holm([comparison.p for comparison in compared])
    return [
        Creep(
            group=anchor + 1 + index,
            ratio=math.exp(comparison.shift),
            low=math.exp(comparison.low) if math.isfinite(comparison.low) else None,
            high=math.exp(comparison.high) if math.isfinite(comparison.high) else None,
            p=p,
            flagged=p <= alpha and limit.loss(comparison.shift) > limit.log_loss,
        )
        for index, (comparison, p) in enumerate(zip(compared, adjusted, strict=True))
    ]
