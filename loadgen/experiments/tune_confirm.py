"""Is the recommendation better than the start? Interleaved runs of both, the order inside each pair drawn, judged by the
paired test of `judge.stats` on the objective, and each by the SLO on its own. Pure over the callable that runs a trial.
"""

import math
import statistics
from collections.abc import Callable, Sequence

import msgspec

from loadgen.experiments.grid import Combination
from loadgen.experiments.trial import OBJECTIVES, Objective, Trial, is_judged, median_trial
from loadgen.judge.order import pair_order
from loadgen.judge.stats import SignFlips

CONFIDENCE = 0.95


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One combination in the confirmation.

    Attributes:
        trial: the one in the middle; None: none could be judged.
        met: how many of the runs met the SLO; runs: of how many.
        margin: of the SLO, the median of the runs'.
    """

    trial: Trial | None
    met: int
    runs: int
    margin: float | None

    @property
    def held(self) -> bool:
        """Whether the SLO was met on re-run, by the median of the runs."""
        return self.trial is not None and (self.margin is None or self.margin < 0)


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """What the interleaved runs said.

    Attributes:
        ratio: candidate ÷ start of the objective's axis, with a 95 % interval; None: no pair could be judged.
    """

    start: Side
    candidate: Side
    pairs: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    more_is_better: bool = True

    @property
    def is_better(self) -> bool:
        """Whether the whole interval lies on the better side."""
        bound = self.low if self.more_is_better else self.high
        return bound is not None and (bound > 1 if self.more_is_better else bound < 1)

    @property
    def is_worse(self) -> bool:
        """Whether the centre lies on the worse side, or nothing is known."""
        return self.ratio is None or (self.ratio <= 1 if self.more_is_better else self.ratio >= 1)


def confirm(
    start: Combination,
    candidate: Combination,
    objective: Objective,
    pairs: int,
    seed: int,
    run: Callable[[Combination], Trial],
) -> Confirmed:
    """Run both, interleaved.

    Args:
        run: a combination → its trial, to the end.
    """
    both: list[tuple[Trial, Trial]] = []
    for pair in range(pairs):
        if pair_order(seed, pair) == "baseline first":
            first = run(start)
            both.append((first, run(candidate)))
        else:
            second = run(candidate)
            both.append((run(start), second))
    return judged(both, objective)


def judged(both: Sequence[tuple[Trial, Trial]], objective: Objective) -> Confirmed:
    """Finished pairs of (start, candidate)."""
    axis, more = OBJECTIVES[objective]
    good = [(a, b) for a, b in both if is_judged(a, objective) and is_judged(b, objective)]
    sides = _side([a for a, _ in both], objective), _side([b for _, b in both], objective)
    known = Confirmed(start=sides[0], candidate=sides[1], pairs=len(good), more_is_better=more)
    if not good:
        return known
    flips = SignFlips([math.log(b.values[axis] / a.values[axis]) for a, b in good])
    error = (1 - CONFIDENCE) / 2
    low, high = flips.lower(error), flips.upper(error)
    return msgspec.structs.replace(
        known,
        ratio=math.exp(flips.centre),
        low=math.exp(low) if math.isfinite(low) else None,
        high=math.exp(high) if math.isfinite(high) else None,
    )


def _side(runs: Sequence[Trial], objective: Objective) -> Side:
    good = [run for run in runs if is_judged(run, objective)]
    # a run that could not even be judged, or did not take the rate, has not met anything
    margins = [math.inf if run.margin is None and run not in good else run.margin for run in runs]
    known = [margin for margin in margins if margin is not None]
    return Side(
        trial=median_trial(good, objective) if good else None,
        met=sum(margin is None or margin < 0 for margin in margins),
        runs=len(runs),
        margin=statistics.median(known) if known else None,
    )
