"""Where a search's next run tells most: beside the fitted edge, in the middle of what is unknown, or once more where it was.

Pure functions of the plan and of the runs so far. Not here: when a search ends, and what it asks for (`capacity`).
"""

import math
from collections.abc import Sequence

from loadgen.experiments.capacity_found import CapacityPlan
from loadgen.experiments.edge import Run, by_rate, edge_of

LEAST_OFFSET, MOST_OFFSET = 0.01, 0.06  # of the fitted edge: how far beside it the next runs are
HIGHER = math.sqrt(2)  # times the highest rate, whose miss was noise
REPEATED = 4  # runs of one rate that did not say where it lies, before others beside it are asked


def within(plan: CapacityPlan, rate: float, *, down: bool = False) -> float:
    """Between the least and the most, to three and a half digits: a rate in a report can be asked for as it stands."""
    step = 10.0 ** max(math.floor(math.log10(rate)) - 3, 0)
    rounded = (math.floor(rate / step) if down else round(rate / step)) * step
    return min(max(rounded, plan.least_per_s), plan.most_per_s)


def never_missed(plan: CapacityPlan, runs: Sequence[Run]) -> float | None:
    """The highest rate below all that ever missed; half of the lowest where there is none; None: none is left."""
    missed = min((run.rate_per_s for run in runs if run.margin > 0), default=math.inf)
    held = max((run.rate_per_s for run in runs if run.rate_per_s < missed), default=None)
    if held is not None:
        return held
    return within(plan, missed / 2) if missed > plan.least_per_s and not math.isinf(missed) else None


def never_held(plan: CapacityPlan, runs: Sequence[Run]) -> float | None:
    """The lowest rate above all that ever held; one above the highest where even that held and missed; None: none missed."""
    margins = by_rate(runs)
    held = max((rate for rate, each in margins.items() if min(each) < 0), default=0.0)
    above = min((rate for rate in margins if rate > held), default=None)
    if above is not None or not margins:
        return above
    top = max(margins)
    return within(plan, top * HIGHER) if max(margins[top]) > 0 else None


def next_rate(plan: CapacityPlan, runs: Sequence[Run], low: float, top: float) -> float:
    """Where the next run goes while a rate is known to hold and one not to.

    Args:
        low: the highest that was shown to hold; top: the lowest that was shown not to, or could not be offered.
    """
    edge = edge_of(runs)
    if edge is None or not low <= edge.rate_per_s <= top:
        return _around(plan, runs, low, top)
    # on either side in turn, so that the line's slope is known where it is needed
    offset = min(max(edge.width / 2, LEAST_OFFSET), MOST_OFFSET)
    factor = 1 + offset if len(runs) % 2 else 1 - offset
    return within(plan, min(max(edge.rate_per_s * factor, low / (1 + MOST_OFFSET)), top * (1 + MOST_OFFSET)))


def _around(plan: CapacityPlan, runs: Sequence[Run], low: float, top: float) -> float:
    """The middle, or beside it once it was run often enough to be repeated for ever: a line needs more than one rate."""
    margins, middle = by_rate(runs), math.sqrt(low * top)
    beside = [within(plan, each) for each in (middle, middle / (1 + MOST_OFFSET), middle * (1 + MOST_OFFSET))]
    if len(margins.get(beside[0], [])) < REPEATED or not low < beside[1] < beside[2] < top:
        return beside[0]
    return min(beside, key=lambda rate: len(margins.get(rate, [])))
