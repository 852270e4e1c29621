"""Where a history changed: binary segmentation, each split tested by permuting its maximum.

The statistic is the largest standardised rank CUSUM over all splits; permuting the whole series and taking the largest
again pays for the search, where a t-test at the place that the search found does not (measured by others: 7 to 67 %
of flat series then show a change). Ranks, so that one wild run is one wild run. Assumed: without a change, the runs of
a series are exchangeable; a history that wanders breaks that, and is told so (`wandering`). One look at a finished
series: looking again after every new point would flag a flat one in four. Not here: which number a history is of.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from loadgen.report.result import Doubt

ALPHA = 0.03  # so that at most 5 of 100 flat histories show a change: shared permutations know their level to ± 0.5 %
PERMUTATIONS = 1_999  # p in steps of 1 ÷ 2,000
LEAST_SEGMENT = 4
WANDERING_RUNS = 20  # below it no autocorrelation can be told


class ChangePoint(msgspec.Struct, frozen=True, kw_only=True):
    """One change: `at` is the index of the first value after it; before and after are medians, p is of this split."""

    at: int
    before: float
    after: float
    p: float

    @property
    def ratio(self) -> float:
        return self.after / self.before if self.before else math.inf


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """All changes of a series in its order, and what to doubt about them."""

    points: list[ChangePoint]
    doubts: list[Doubt]


def change_points(values: Sequence[float], *, alpha: float = ALPHA, seed: int = 0) -> Changes:
    """The changes of a series; a flat one shows a change with probability at most `alpha`.

    Args:
        values: finite, in the order of time.
        seed: of the permutations; the same series and seed give the same answer.
    """
    series = np.asarray(values, dtype=float)
    if not len(series):
        return Changes(points=[], doubts=[])
    edges = _split(series, 0, alpha, seed)
    bounds = [0, *(at for at, _ in edges), len(series)]
    points = [
        ChangePoint(
            at=at,
            before=float(np.median(series[bounds[index] : at])),
            after=float(np.median(series[at : bounds[index + 2]])),
            p=p,
        )
        for index, (at, p) in enumerate(edges)
    ]
    return Changes(points=points, doubts=_doubts(series, bounds))


def _split(series: Any, offset: int, alpha: float, seed: int) -> list[tuple[int, float]]:
    if len(series) < 2 * LEAST_SEGMENT or np.ptp(series) == 0:
        return []
    ranks = _midranks(series)
    heights = _heights(ranks[None, :])[0]
    best = int(np.argmax(heights))
    # a tie of 1e-9 goes to the null: equal ranks give sums that differ in the last bit
    at_least = int(np.count_nonzero(_null_maxima(ranks, seed) >= heights[best] - 1e-9))
    p = (1 + at_least) / (1 + PERMUTATIONS)
    if p > alpha:
        return []
    at = best + LEAST_SEGMENT
    return [
        *_split(series[:at], offset, alpha, seed),
        (offset + at, p),
        *_split(series[at:], offset + at, alpha, seed),
    ]


def _midranks(values: Any) -> Any:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


@lru_cache(maxsize=128)
def _permutations(length: int, seed: int) -> Any:
    """Random orders, one a row; every series of one length and seed shares them."""
    generator = np.random.default_rng([seed, length])
    return np.argsort(generator.random((PERMUTATIONS, length)), axis=1).astype(np.int32)


def _null_maxima(ranks: Any, seed: int) -> Any:
    return _heights(ranks[_permutations(len(ranks), seed)]).max(axis=1)


def _heights(ranks: Any) -> Any:
    """|Σ of the first k ranks, centred| ÷ √(k (n − k)) for every allowed split of every row."""
    length = ranks.shape[1]
    k = np.arange(LEAST_SEGMENT, length - LEAST_SEGMENT + 1)
    sums = np.cumsum(ranks - ranks.mean(axis=1, keepdims=True), axis=1)[:, k - 1]
    return np.abs(sums) / np.sqrt(k * (length - k))


def _doubts(series: Any, bounds: list[int]) -> list[Doubt]:
    """Whether what the changes leave still remembers its neighbour, so that permuting it says too much."""
    segments = [series[a:b] - series[a:b].mean() for a, b in pairwise(bounds)]
    rest = np.concatenate(segments) if segments else series
    if len(rest) < WANDERING_RUNS or not rest.std():
        return []
    memory = float((rest[1:] * rest[:-1]).mean() / rest.var())
    if memory <= 2 / math.sqrt(len(rest)):
        return []
    return [
        Doubt(
            "wandering",
            f"neighbouring runs are alike (autocorrelation {memory:.2f}), so some changes may be drift of the machine",
            "confirm a change with loadgen gate, which runs both sides next to each other",
        )
    ]
