"""What a capacity search is given and what it gives: its plan, the runs it may ask for, its answer. Pure."""

import math
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from loadgen.experiments.edge import Run, bounds_of, edge_of, single_bounds
from loadgen.experiments.one_cluster import NotSteady
from loadgen.experiments.step import JudgedStep
from loadgen.report.result import Doubt

Bound = Literal["interval", "at_least", "below_min", "unsteady"]
StoppedBy = Literal["slo", "max", "generator", "min", "unsteady", "invalid"]

TOLERANCE = 0.04  # of high ÷ low − 1: where the search ends


class Step(Protocol):
    """Runs at a rate and judges it.

    Args:
        purpose: "search", "confirm" or "soak"; decides how long it runs.
    """

    def __call__(self, rate_per_s: float, purpose: str) -> JudgedStep: ...


class CapacityPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for, and within which rates.

    Attributes:
        start_per_s: the first rate; least, most: rates are never outside of them.
        most_named: whether the user named the most, or it is only how far the search goes.
    """

    start_per_s: float
    least_per_s: float
    most_per_s: float
    confirm_runs: int = 3
    soak: bool = False
    tolerance: float = TOLERANCE


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The search's answer.

    Attributes:
        rate_per_s: the best estimate: the middle of the interval, or the held rate where it is open.
        low, high: the highest rate shown to hold (confirmed) and the lowest shown not to; None: not known.
        held_per_s, held_runs: the rate that was confirmed, and by how many runs.
        stopped_by: what bounds the answer from above.
    """

    bound: Bound
    rate_per_s: float | None
    low: float | None
    high: float | None
    held_per_s: float | None
    held_runs: int
    stopped_by: StoppedBy
    doubts: list[Doubt]


def bounds_within(plan: CapacityPlan, runs: Sequence[Run]) -> tuple[float | None, float]:
    """The highest rate shown to hold and the lowest shown not to, within the plan's range; None, inf: none."""
    low, high = bounds_of(runs)
    return None if low is None else min(max(low, plan.least_per_s), plan.most_per_s), high


def held_answer(
    plan: CapacityPlan, runs: Sequence[Run], generator_per_s: float, held: float, held_runs: int, doubts: list[Doubt]
) -> Found:
    """Of a search whose confirming runs held: an interval, or "at least" where this host or --max ends the way up.

    Args:
        generator_per_s: the lowest rate that this host could not offer; inf: none was met.
        held: the rate that was confirmed.

    Raises:
        NotSteady: no rate misses the SLO any more, though one did.
    """
    low, high = bounds_within(plan, runs)
    low = max(low or held, held)
    generator = generator_per_s <= high and not math.isinf(generator_per_s)
    at_least = math.isinf(high) or generator
    if at_least and not generator and held < plan.most_per_s:
        raise NotSteady(
            Doubt(
                "no_upper_end",
                f"{held:,.0f}/s held, and no higher rate surely misses the SLO any more: noise drowns it",
                "longer runs, a quieter cluster, or an SLO on a quantile that a run knows better",
            )
        )
    edge = edge_of(runs)
    middle = edge.rate_per_s if edge is not None and low <= edge.rate_per_s <= high else math.sqrt(low * high)
    return Found(
        bound="at_least" if at_least else "interval",
        rate_per_s=held if at_least else middle,
        low=held if at_least else low,
        high=None if at_least else high,
        held_per_s=held,
        held_runs=held_runs,
        stopped_by="generator" if generator else "max" if at_least else "slo",
        doubts=doubts,
    )


def below_min(runs: Sequence[Run], generator_per_s: float, doubts: list[Doubt]) -> Found:
    """Of a search whose lowest rate missed the SLO, or could not be offered."""
    _, high = bounds_of(runs)
    generator = math.isinf(high) and not math.isinf(generator_per_s)
    return _open("below_min", None, high, "generator" if generator else "min", doubts)


def without_answer(runs: Sequence[Run], doubts: list[Doubt]) -> Found:
    """Of a search over what is not one cluster, or with a run that cannot be judged: the last doubt says which."""
    low, high = single_bounds(runs)
    return _open("unsteady", low, high, "invalid" if doubts[-1].code == "invalid_step" else "unsteady", doubts)


def _open(bound: Bound, low: float | None, high: float, stopped_by: StoppedBy, doubts: list[Doubt]) -> Found:
    return Found(
        bound=bound,
        rate_per_s=None,
        low=low,
        high=None if math.isinf(high) else high,
        held_per_s=None,
        held_runs=0,
        stopped_by=stopped_by,
        doubts=doubts,
    )


def replayed(steps: list[JudgedStep], step: Step) -> Step:
    """A step that first gives what a search that ended early had found, then goes on for real.

    Where the path leaves the recorded one (another plan), the rest of the record is left aside.
    """
    waiting = list(steps)

    def answer(rate_per_s: float, purpose: str) -> JudgedStep:
        if waiting and (waiting[0].rate_per_s, waiting[0].purpose) == (rate_per_s, purpose):
            return waiting.pop(0)
        waiting.clear()
        return step(rate_per_s, purpose)

    return answer
