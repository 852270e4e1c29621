"""What a capacity search is given and what it gives: its plan, the runs it may ask for, its answer. Pure."""

from typing import Literal, Protocol

import msgspec

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
