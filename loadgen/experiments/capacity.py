"""The highest rate that holds an SLO: bracket by doubling, close in on the edge, confirm there. Pure over `Step`.

Doubling from the start, or halving, finds a rate shown to hold and one shown not to; then each run is placed where it
tells most: in the middle of what is unknown, or, once there are runs on both sides near the bound, beside the fitted edge
(`edge`). It ends when the interval is narrow enough or the runs are used up, which the answer's width then says. The
lower end is confirmed by longer runs; a rate that does not hold in all of them is followed by a lower one, as long as
there are runs left. A generator that cannot offer a rate ends the way up: the answer is then "at least". Given the same
outcomes in the same order the search takes the same path, which is how a resumed one goes on. Not here: where the next
run is placed (`placement`), what a step is made of (`step`, `capacity_session`), whether the cluster is one
(`one_cluster`), text and pictures.
"""

import math
from collections.abc import Callable

from loadgen.experiments.capacity_found import (
    CapacityPlan,
    Found,
    Step,
    below_min,
    bounds_within,
    held_answer,
    without_answer,
)
from loadgen.experiments.edge import Run, by_rate, pooled_spread, sides_of, single_bounds
from loadgen.experiments.one_cluster import (
    NotSteady,
    changed,
    changed_since,
    check_levels,
    check_order,
    grew,
    levels_of,
    levels_suspected,
)
from loadgen.experiments.placement import never_held, never_missed, next_rate, within
from loadgen.experiments.step import JudgedStep
from loadgen.report.result import Doubt

GENERATOR_TOLERANCE = 0.1  # of a rate that this host can offer: nobody needs that finer
MAX_RUNS = 18  # of the search, without confirmation
MORE_LONG_RUNS = 3  # beyond the confirming ones: what rates that do not hold may take, or a search has no end
# After a rate that did not hold: lower by what lowers latency by so many spreads of ln(p99) between runs, where latency's
# logarithm grows SLOPE times as fast as the rate's, as a queue's does at 91 % of its capacity (ρ ÷ (1 − ρ)).
BACKOFF_SPREADS, SLOPE = 6.0, 10.0
SPARE_RUNS = 5  # of the search, in the time of a long run that confirmation did not need
SHORED_RUNS = 3  # at the upper end, where single runs and no fit say where it is


class Search:
    """One search and what it has seen.

    Attributes:
        steps: every step in its order.
        runs: the rates and margins of those that say something of the SLO.
        generator_per_s: the lowest rate that this host could not offer; inf: none was met.
    """

    def __init__(
        self, plan: CapacityPlan, step: Step, on_step: Callable[["Search", JudgedStep], None] | None = None
    ) -> None:
        self.plan, self._step, self._on_step = plan, step, on_step
        self.steps: list[JudgedStep] = []
        self.runs: list[Run] = []
        self.generator_per_s = math.inf
        self.doubts: list[Doubt] = []

    def find(self) -> Found:
        """Carry the search out."""
        try:
            self._bracket()
            low, _ = self.bounds()
            if low is None:
                return below_min(self.runs, self.generator_per_s, self.doubts)
            self._close_in()
            return self._confirmed()
        except NotSteady as unsteady:
            self.doubts.append(unsteady.doubt)
            return without_answer(self.runs, self.doubts)

    def bounds(self) -> tuple[float | None, float]:
        """The highest rate shown to hold and the lowest shown not to, within the plan's range; None, inf: none."""
        return bounds_within(self.plan, self.runs)

    # the way up or down to two rates, one on either side of the edge

    def _bracket(self) -> None:
        rate = within(self.plan, self.plan.start_per_s)
        self._run(rate)
        while len(self.steps) < MAX_RUNS:
            low, high = single_bounds(self.runs)
            if low is not None and not math.isinf(min(high, self.generator_per_s)):
                return
            if low is None and rate <= self.plan.least_per_s and self._decided(rate):
                return
            if low is not None and low >= self.plan.most_per_s:
                return
            top = min(high, self.generator_per_s)
            if low is None:
                rate = within(self.plan, min(min((run.rate_per_s for run in self.runs), default=rate), top) / 2)
            else:
                rate = within(self.plan, max(run.rate_per_s for run in self.runs) * 2)
                if rate >= self.generator_per_s:
                    rate = within(self.plan, math.sqrt(low * self.generator_per_s))
            self._run(rate)

    def _decided(self, rate: float) -> bool:
        return rate >= self.generator_per_s or sides_of(self.runs).get(rate, "undecided") != "undecided"

    # closing in

    def _close_in(self) -> None:
        while len(self.steps) < MAX_RUNS:
            low, high = self.bounds()
            again = self._asked_again(low, high)
            if again is not None:
                self._run(again)
                continue
            if low is None:
                return
            top = min(high, self.generator_per_s)
            tolerance = self.plan.tolerance if high <= self.generator_per_s else GENERATOR_TOLERANCE
            if math.isinf(top) or top / low <= 1 + tolerance:
                single = by_rate(self.runs).get(high, [])
                if not 0 < len(single) < SHORED_RUNS:
                    return
                # the upper end was one run's word, and no slope stands behind it: the lower one is confirmed, so is this
                self._run(high)
                continue
            self._run(next_rate(self.plan, self.runs, low, top))

    def _asked_again(self, low: float | None, high: float) -> float | None:
        """What held, or did not: one wild run swells the spread until no rate is sure any more."""
        if low is None:
            return never_missed(self.plan, self.runs)
        return never_held(self.plan, self.runs) if math.isinf(high) else None

    # confirmation

    def _confirmed(self) -> Found:
        low, _ = self.bounds()
        if low is None:
            raise NotSteady(
                Doubt(
                    "no_lower_end",
                    "the rates that held at first no longer did later: the cluster changed, or noise drowns the SLO",
                    "longer runs, a quieter cluster, or an SLO on a quantile that a run knows better",
                )
            )
        first = rate = within(self.plan, low, down=True)
        searched, failed = list(self.runs), list[list[JudgedStep]]()
        spread, _ = pooled_spread(by_rate(searched))
        while sum(len(steps) for steps in failed) <= MORE_LONG_RUNS:
            steps = self._confirming(rate)
            if any(step.generator for step in steps):
                self.generator_per_s = min(self.generator_per_s, rate)
            elif not all(step.held for step in steps):
                self._remember(steps)
            elif not grew(steps):
                return self._held(rate, steps, spare=sum(len(steps) for steps in failed) < MORE_LONG_RUNS)
            failed.append(steps)
            if changed_since(searched, first, failed):
                raise NotSteady(changed(rate, "slower"))
            rate = within(self.plan, rate * math.exp(-BACKOFF_SPREADS * spread / SLOPE), down=True)
        raise NotSteady(_unconfirmed(first, failed[-1]))

    def _confirming(self, rate: float) -> list[JudgedStep]:
        """Longer runs at a rate; none follows one that did not hold, or when most of them cannot be steady any more."""
        steps: list[JudgedStep] = []
        most = self.plan.confirm_runs
        while len(steps) < most and all(step.held for step in steps):
            if sum(not step.settled for step in steps) * 2 > most:
                break
            steps.append(self._purposed(rate, "confirm"))
        return steps

    def _held(self, rate: float, steps: list[JudgedStep], *, spare: bool) -> Found:
        """What all confirming runs held.

        Args:
            spare: a long run is left that no rate needed.
        """
        self.doubts += levels_of(steps)
        self._remember(steps)
        if spare:
            self._look_up()
        if self.plan.soak:
            self._soak(rate)
        return held_answer(self.plan, self.runs, self.generator_per_s, rate, len(steps), self.doubts)

    def _look_up(self) -> None:
        """Where noise drowned the upper end: what never held is asked again, in the time of a long run that is left."""
        for _ in range(SPARE_RUNS):
            _, high = self.bounds()
            again = never_held(self.plan, self.runs)
            if again is None or not math.isinf(min(high, self.generator_per_s)):
                return
            self._run(again)

    def _soak(self, rate: float) -> None:
        step = self._purposed(rate, "soak")
        if not step.held or not step.settled:
            raise NotSteady(
                Doubt(
                    "soak_failed",
                    f"{rate:,.0f}/s held in the confirming runs and not in the soak",
                    "a lower rate; the soak's report",
                )
            )

    # asking

    def _run(self, rate: float) -> None:
        """A run of the search; remembered where it says something of the SLO, and repeated where that may be two things."""
        asked = True
        while asked:
            step = self._purposed(rate, "search")
            if step.generator:
                self.generator_per_s = min(self.generator_per_s, rate)
                return
            self._remember([step])
            check_order(self.runs)
            asked = len(self.steps) < MAX_RUNS and levels_suspected(self.runs)

    def _remember(self, steps: list[JudgedStep]) -> None:
        for step in steps:
            if step.margin is not None:
                self.runs.append(Run(step.rate_per_s, step.margin, step.length_s))
                check_levels(self.runs)

    def _purposed(self, rate: float, purpose: str) -> JudgedStep:
        step = self._step(rate, purpose)
        self.steps.append(step)
        if self._on_step:
            self._on_step(self, step)
        if step.invalid is not None:
            raise NotSteady(
                Doubt(
                    "invalid_step", f"a run at {rate:,.0f}/s cannot be judged: {step.invalid}", "see its report; repeat"
                )
            )
        return step


def _unconfirmed(first_per_s: float, latest: list[JudgedStep]) -> Doubt:
    """What is said when no rate was confirmed.

    Args:
        latest: the confirming runs of the lowest rate.
    """
    rate = latest[-1].rate_per_s
    if all(step.held for step in latest) and grew(latest):
        return Doubt(
            "growing",
            f"at {rate:,.0f}/s the latency grew through every confirming run: no steady state",
            "a longer --confirm-for shows where it ends",
        )
    return Doubt(
        "not_confirmed",
        f"rates from {first_per_s:,.0f} down to {rate:,.0f}/s held in the search and none in all of its confirming runs",
        "a longer --warmup, a quieter cluster; or --confirm-for as long as the search's runs",
    )
