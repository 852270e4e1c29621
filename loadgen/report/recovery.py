"""Disturbances that a run finds by itself: how long nothing was acknowledged, and when the usual rate was back.

Goal: the two numbers that a user asks for after a broker died, from sums that every run keeps anyway. Pure.
Non-goal: the cause, and whether records were lost: only reading them back tells (`verify`).

Two things make a disturbance: a silence (no acknowledgement although some were owed), known to some milliseconds, or a
dip: seconds that acknowledge far less than the usual, as when one of three brokers is gone and the others go on.
The usual is the plan's own rate, scaled by what the run mostly kept of it; flat out it is the run's median.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loadgen.report.result import Recovery, Verified

Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]

SILENCE_S = 1.0  # shorter ones are in the latency's tail
SILENT_RECORDS = 10  # so many were to be expected meanwhile, or the rate itself is that low
WINDOW_S = 1.0  # over which a rate is taken
REGAINED = 0.95
DIP_BY_PLAN, DIP_FLAT_OUT = 0.75, 0.5  # of the usual; one broker of three is 0.67, and flat out is never even
DIP_DEVIATIONS = 6.0  # of a Poisson count: what chance does not make


class Looks(NamedTuple):
    """What was seen of the acknowledgements, look by look; monotonic ns, in order.

    Attributes:
        at_ns: when.
        acked: records acknowledged until then.
        last_ack_ns: when the last of them was.
        sending_until_ns: after it nothing new was sent, and a low rate is no dip.
    """

    at_ns: Whole
    acked: Whole
    last_ack_ns: Whole
    sending_until_ns: int


class Disturbance(NamedTuple):
    """One of them.

    Attributes:
        at_ns: when it began: the last acknowledgement before a silence, or the dip's first window.
        gap_ns: the longest silence in it; 0 for a dip without.
        lowest: of the usual rate, the worst window.
        regained_ns: the first window at the usual rate again; None when the run ended before.
    """

    at_ns: int
    gap_ns: int
    lowest: float
    regained_ns: int | None


def recovery_of(
    looks: Looks,
    t0_ns: int,
    planned: Sequence[tuple[float, float]],
    linger_s: float,
    verified: Verified | None,
) -> Recovery | None:
    """The worst disturbance of a run, told; None without one.

    Args:
        t0_ns: the run's start.
        planned: (second from t0, events a second) as corners of a line; empty flat out.
        linger_s: how long the client gathers a batch, which is a silence of its own making.
    """
    found = disturbances(looks, t0_ns, planned, SILENCE_S + 2 * linger_s)
    if not found:
        return None
    worst = max(found, key=lambda one: (one.gap_ns, -one.lowest))
    return Recovery(
        longest_ack_gap_s=worst.gap_ns / 1e9,
        at_s=(worst.at_ns - t0_ns) / 1e9,
        regained_after_s=None if worst.regained_ns is None else (worst.regained_ns - worst.at_ns) / 1e9,
        lowest_ratio=worst.lowest,
        disturbances=len(found),
        lost=verified.lost if verified else None,
        duplicated=verified.duplicated if verified else None,
    )


def disturbances(
    looks: Looks, t0_ns: int, planned: Sequence[tuple[float, float]], silence_s: float = SILENCE_S
) -> list[Disturbance]:
    """Every disturbance in order of time. Arguments as `recovery_of`; `silence_s`: what is long enough to be one."""
    if len(looks.at_ns) < 2:
        return []
    starts, counts, expected = _windows(looks, t0_ns, planned)
    ratios = np.divide(counts, expected, out=np.ones_like(counts), where=expected > 0)
    usual = float(np.median(expected)) / WINDOW_S if len(expected) else 0.0
    least_ns = max(silence_s, SILENT_RECORDS / usual if usual else 0.0) * 1e9
    found: list[Disturbance] = []
    for begin, end in _silences(looks, t0_ns):
        if end - begin < least_ns:
            continue
        if found and (found[-1].regained_ns is None or begin < found[-1].regained_ns):
            found[-1] = found[-1]._replace(gap_ns=max(found[-1].gap_ns, end - begin))
            continue
        regained = _first(starts, (starts >= end) & (ratios >= REGAINED))
        found.append(Disturbance(begin, end - begin, 0.0, regained))
    return sorted([*found, *_dips(starts, counts, expected, ratios, found, bool(planned))])


def _windows(looks: Looks, t0_ns: int, planned: Sequence[tuple[float, float]]) -> tuple[Whole, Real, Real]:
    """Of each whole window while the run sent: when it starts, what it acknowledged, what would be usual."""
    window_ns = round(WINDOW_S * 1e9)
    ends = np.searchsorted(looks.at_ns, looks.at_ns + window_ns)
    whole = np.flatnonzero(ends < np.searchsorted(looks.at_ns, looks.sending_until_ns, side="right"))
    starts, ends = looks.at_ns[whole], ends[whole]
    seconds = (looks.at_ns[ends] - starts) / 1e9
    counts = (looks.acked[ends] - looks.acked[whole]) / seconds * WINDOW_S
    shape = np.full(len(starts), WINDOW_S)
    if planned:
        shape = (_due((looks.at_ns[ends] - t0_ns) / 1e9, planned) - _due((starts - t0_ns) / 1e9, planned)) / seconds
    moving = (counts > 0) & (shape > 0)
    kept = float(np.median(counts[moving] / shape[moving])) if moving.any() else 0.0
    # a plan that is caught up with later is no less usual for that
    return starts, counts, shape * (min(kept, 1.0) if planned else kept)


def _due(at_s: Real, planned: Sequence[tuple[float, float]]) -> Real:
    """How many events the plan has until then: the area below its line."""
    corner_s, per_s = np.array(planned, dtype=np.float64).T
    at_s = np.minimum(at_s, corner_s[-1])
    lengths = np.diff(corner_s)
    areas = np.append(0.0, np.cumsum(lengths * (per_s[:-1] + per_s[1:]) / 2))
    piece = np.clip(np.searchsorted(corner_s, at_s, side="right") - 1, 0, len(lengths) - 1)
    into_s = at_s - corner_s[piece]
    slope = np.divide(np.diff(per_s), lengths, out=np.zeros_like(lengths), where=lengths > 0)[piece]
    due: Real = areas[piece] + per_s[piece] * into_s + slope * into_s**2 / 2
    return due


def _silences(looks: Looks, t0_ns: int) -> list[tuple[int, int]]:
    """(begin, end) of every stretch of looks that saw nothing new."""
    lasts = np.append(np.flatnonzero(np.diff(looks.acked)), len(looks.acked) - 1)
    firsts = np.append(0, lasts[:-1] + 1)
    begins = np.maximum(looks.last_ack_ns[firsts], t0_ns)
    return [(int(begin), int(end)) for begin, end in zip(begins, looks.at_ns[lasts], strict=True)]


def _dips(
    starts: Whole, counts: Real, expected: Real, ratios: Real, silences: Sequence[Disturbance], planned: bool
) -> list[Disturbance]:
    """Stretches far below the usual that no silence explains; shorter than a window, they are in the latency's tail."""
    low = (ratios < (DIP_BY_PLAN if planned else DIP_FLAT_OUT)) & (
        expected - counts > DIP_DEVIATIONS * np.sqrt(np.maximum(expected, 0))
    )
    for one in silences:
        until = starts[-1] if one.regained_ns is None and len(starts) else one.regained_ns or 0
        low &= (starts < one.at_ns - round(WINDOW_S * 1e9)) | (starts > until)
    found: list[Disturbance] = []
    at = 0
    while len(deep := np.flatnonzero(low[at:])):
        begin = at + int(deep[0])
        back = np.flatnonzero(ratios[begin:] >= REGAINED)
        end = begin + int(back[0]) if len(back) else len(starts)
        regained = int(starts[end]) if len(back) else None
        last_low = begin + int(np.flatnonzero(low[begin:end])[-1])
        if starts[last_low] - starts[begin] >= WINDOW_S * 1e9:
            found.append(Disturbance(int(starts[begin]), 0, float(ratios[begin:end].min()), regained))
        at = end
    return found


def _first(starts: Whole, fit: npt.NDArray[np.bool_]) -> int | None:
    found = np.flatnonzero(fit)
    return int(starts[found[0]]) if len(found) else None
