"""Trials of a search over settings: what one found, which are better, and by how much they miss an SLO. Pure."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec

from loadgen.experiments.grid import Combination

Objective = Literal["throughput", "latency", "cpu", "wire"]

OBJECTIVES: dict[str, tuple[str, bool]] = {  # the axis, and whether more is better
    "throughput": ("rate_per_s", True),
    "latency": ("p99_us", False),
    "cpu": ("cpu_us", False),
    "wire": ("wire_bytes", False),
}


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One trial.

    Attributes:
        values: by axis (`pareto.AXES`); what the run did not have is left out.
        margin: of the SLO, below 0 met; None: no SLO, or not known.
        complaint: why it cannot be judged; pruned: it was ended early, far behind the best.
        shown: figures of its batches, for the reasons (`tune_reasons`).
        origin: who proposed it: start, a profile's name, spread, surface, estimator, one change, repeat, confirm.
    """

    combination: Combination
    values: dict[str, float] = {}
    margin: float | None = None
    complaint: str | None = None
    pruned: bool = False
    shown: dict[str, float] = {}
    origin: str = ""
    folders: list[str] = []


def is_judged(trial: Trial, objective: Objective) -> bool:
    """Whether it says something of the objective."""
    return trial.complaint is None and trial.values.get(OBJECTIVES[objective][0], 0) > 0


def loss(trial: Trial, objective: Objective) -> float:
    """The logarithm of the objective, turned so that less is better."""
    axis, more = OBJECTIVES[objective]
    return -math.log(trial.values[axis]) if more else math.log(trial.values[axis])


class Trials:
    """All trials of a search, and the order of their combinations.

    Attributes:
        all: in the order in which they were made.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective: Objective = objective
        self.all: list[Trial] = []

    def __len__(self) -> int:
        return len(self.all)

    def judged(self) -> list[Trial]:
        """Those that say something of the objective."""
        return [trial for trial in self.all if is_judged(trial, self.objective)]

    def of(self, combination: Combination) -> list[Trial]:
        """The judged trials of one combination that went to their end: one that was ended early is never the best."""
        return [trial for trial in self.judged() if trial.combination == combination and not trial.pruned]

    def tried(self) -> list[Combination]:
        """Every combination that was tried, once."""
        unique = {tuple(sorted(trial.combination.items())): trial.combination for trial in self.all}
        return list(unique.values())

    def score(self, combination: Combination) -> tuple[float, float] | None:
        """(SLO margin where it is missed, loss), both to be small; None: nothing to judge by."""
        runs = self.of(combination)
        if not runs:
            return None
        margins = [trial.margin for trial in runs if trial.margin is not None]
        missed = max(statistics.median(margins), 0.0) if margins else 0.0
        return missed, statistics.median(loss(trial, self.objective) for trial in runs)

    def ranked(self) -> list[Combination]:
        """Combinations by score, the best first."""
        scored = [(score, each) for each in self.tried() if (score := self.score(each)) is not None]
        return [combination for _, combination in sorted(scored, key=lambda each: each[0])]

    def best(self) -> Trial | None:
        """The best combination by the median of its runs, as its median trial; those that meet the SLO go first."""
        ranked = self.ranked()
        return median_trial(self.of(ranked[0]), self.objective) if ranked else None


def median_trial(runs: Sequence[Trial], objective: Objective) -> Trial:
    """Of trials of one combination the one in the middle."""
    return sorted(runs, key=lambda trial: loss(trial, objective))[len(runs) // 2]
