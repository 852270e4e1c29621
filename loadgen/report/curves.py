"""The lines that pictures are drawn from: percentile curves, the offered rate over time. Pure, without matplotlib."""

from collections.abc import Sequence

import msgspec
import numpy as np

from loadgen.recorder.histogram import MIN_BEYOND, middle_of
from loadgen.report.hlog import Counts
from loadgen.report.result import Interval, Result

POINTS_A_DECADE = 40


class PercentileCurve(msgspec.Struct, frozen=True):
    """A latency by how rare it is.

    Attributes:
        rarity: 1 ÷ (1 − q), ascending from 1: ten is the 90th percentile, a thousand the 99.9th.
        value_ms: the latency below or at which the share q of the records lies.
        carried: how many of the points have at least MIN_BEYOND records beyond them; the others are hardly more than
            single records and are drawn apart.
    """

    rarity: list[float]
    value_ms: list[float]
    carried: int


def percentile_curve(counts: Counts, max_us: float) -> PercentileCurve | None:
    """The curve of one histogram, up to its largest value; None when it is empty.

    The value at a rarity is that of rank ceil(q · n), HdrHistogram's definition.

    Args:
        counts: one count a cell.
        max_us: the exact largest value, which bounds the last cell's middle.
    """
    cells = np.asarray(counts, dtype=np.int64)
    filled = np.flatnonzero(cells)
    if not len(filled):
        return None
    cumulative = np.cumsum(cells[filled])
    n = int(cumulative[-1])
    decades = float(np.log10(n))
    rarity = np.logspace(0, decades, max(2, round(decades * POINTS_A_DECADE)))
    ranks = np.maximum(1, np.ceil(n * (1 - 1 / rarity) - 1e-9)).astype(np.int64)
    ranks[-1] = n
    values = [middle_of(int(cell)) for cell in filled[np.searchsorted(cumulative, ranks)]]
    return PercentileCurve(
        rarity=rarity.tolist(),
        value_ms=[min(value, max_us) / 1000 for value in values],
        carried=int(np.searchsorted(rarity, n / MIN_BEYOND, side="right")),
    )


def value_at(curve: PercentileCurve, rarity: float) -> float | None:
    """The curve's value at a rarity, ms; None beyond its end."""
    at = int(np.searchsorted(curve.rarity, rarity * (1 - 1e-9)))
    return curve.value_ms[at] if at < len(curve.value_ms) else None


def offered_line(result: Result, until_s: float) -> list[tuple[float, float]]:
    """(second, events a second) of what was asked, as corners of a line; empty flat out.

    Args:
        until_s: where a piece without an end is drawn to (a count without a duration).
    """
    plan = result.plan
    if plan.offered_per_s is None:
        return []
    corners: list[tuple[float, float]] = []
    at_s = 0.0
    for phase in plan.phases:
        end_s = max(until_s, at_s) if phase.duration_s is None else at_s + phase.duration_s
        corners += [(at_s, phase.from_per_s), (end_s, phase.to_per_s)]
        at_s = end_s
    return corners or [(0.0, plan.offered_per_s), (until_s, plan.offered_per_s)]


def spans(rows: Sequence[Interval], phase: str) -> list[tuple[float, float]]:
    """The stretches of time, s, that rows of a phase cover."""
    found: list[tuple[float, float]] = []
    for row in rows:
        if row.phase == phase:
            start = row.second - row.length_s
            if found and abs(found[-1][1] - start) < 1e-6:
                start = found.pop()[0]
            found.append((start, row.second))
    return found
