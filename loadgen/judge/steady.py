"""Where the steady part of a series begins: MSER-5, or that there is none.

White's rule (Simulation 69:6, 1997): cut where the squared standard error of the mean of what is left is least. Windows
are first averaged in grains of five (MSER-5), which takes out the worst of their noise. A cut in the last half says
that what came before never settled: there is no steady state, and no mean of it to gate on. The rule alone says so of
one flat series of 100 windows in seven, by chance; so a late cut counts only if what it drops beyond the best early
cut is really different. Not here: where windows come from (counters read ten times a second), what a run does about it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from loadgen.report.result import Doubt

GRAIN = 5
LEAST_GRAINS = 12  # below it a cut rests on a handful of numbers
TAIL_GRAINS = 5  # the standard error of the last few values is small by chance; they are no candidate
DIFFERENT_ERRORS = 4.0  # standard errors between what a late cut drops and what it keeps


class SteadyPart(msgspec.Struct, frozen=True, kw_only=True):
    """Where a series is steady.

    Attributes:
        cut: windows to drop, a multiple of the grain; None: no steady state, or too short to tell.
        mean: of what is left.
        windows: how many were given.
    """

    cut: int | None
    mean: float | None
    windows: int
    doubts: list[Doubt]


def steady_part(windows: Sequence[float] | np.ndarray[Any, Any], *, grain: int = GRAIN) -> SteadyPart:
    """The steady part of windows of equal length.

    Args:
        windows: one value each, such as records acknowledged in 100 ms; all finite.
        grain: windows averaged into one before the rule is applied.
    """
    values = np.asarray(windows, dtype=float)
    grains = len(values) // grain
    if grains < LEAST_GRAINS:
        doubt = Doubt(
            "too_short_for_steady_state",
            f"{len(values)} windows cannot show a steady state; {LEAST_GRAINS * grain} can",
            "a longer -d",
        )
        return SteadyPart(cut=None, mean=None, windows=len(values), doubts=[doubt])
    averaged = values[: grains * grain].reshape(grains, grain).mean(axis=1)
    errors = _squared_errors(averaged)
    late, early = int(np.argmin(errors)), int(np.argmin(errors[: grains // 2 + 1]))
    if late != early and _differ(averaged[early:late], averaged[late:]):
        doubt = Doubt(
            "no_steady_state",
            f"the series settles only after {late * grain} of {len(values)} windows, if at all",
            "a longer --warmup and -d; a broker on a fresh JVM needs minutes",
        )
        return SteadyPart(cut=None, mean=None, windows=len(values), doubts=[doubt])
    return SteadyPart(cut=early * grain, mean=float(values[early * grain :].mean()), windows=len(values), doubts=[])


def _squared_errors(averaged: Any) -> Any:
    """Σ (yᵢ − mean)² ÷ (n − d)² of what each cut d leaves, up to the tail."""
    # about the last value, so that a small spread on a large mean does not drown in the square of the mean
    shifted = averaged[::-1] - averaged[-1]
    left = np.arange(len(averaged), 0, -1)
    sums, squares = np.cumsum(shifted)[::-1], np.cumsum(shifted**2)[::-1]
    errors = (squares - sums**2 / left) / left**2
    return errors[: len(averaged) - TAIL_GRAINS + 1]


def _differ(dropped: Any, kept: Any) -> bool:
    spread = kept.std(ddof=1)
    error = spread * np.sqrt(1 / len(dropped) + 1 / len(kept))
    return bool(abs(dropped.mean() - kept.mean()) > DIFFERENT_ERRORS * error)
