"""The highest rate that holds an SLO: bracket by doubling, close in on the edge, confirm there. Pure over `Step`.

Doubling from the start, or halving, finds a rate shown to hold and one shown not to; then each run is placed where it
tells most: in the middle of what is unknown, or, once there are runs on both sides near the bound, beside the fitted edge
(`edge`). It ends when the interval is narrow enough or the runs are used up, which the answer's width then says. The
lower end is confirmed by longer runs; a rate that does not hold in all of them is followed by a lower one. A generator
that cannot offer a rate ends the way up: the answer is then "at least". Given the same outcomes in the same order the
search takes the same path, which is how a resumed one goes on. Not here: what a step is made of (`step`,
`capacity_runs`), text and pictures.
"""

import math
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from loadgen.experiments.edge import Edge, Run, by_rate, fitted_edge, pooled_spread, side_of
from loadgen.experiments.step import JudgedStep
from loadgen.report.result import Doubt

Bound = Literal["interval", "at_least", "below_min", "unsteady"]

TOLERANCE = 0.04  # of high ÷ low − 1: where the search ends
GENERATOR_TOLERANCE = 0.1  # of a rate that this host can offer: nobody needs that finer
MAX_RUNS = 26  # of the search, without confirmation
LEAST_OFFSET, MOST_OFFSET = 0.01, 0.06  # of the fitted edge: how far beside it the next runs are
CONFIRM_BACKOFF = 0.02  # a rate that was not confirmed is followed by one that much lower, then by twice as much
MAX_CONFIRM_RATES = 5
SHORED_RUNS = 3  # at the upper end, where single runs and no fit say where it is
MOST_LENGTH = 6.0  # a longer run is surer than a short one, but not without end: it may be of another hour
CHANGED_ERRORS = 4.0  # of the margins at one rate, now and earlier: the cluster is another one
CONTRADICTION = 1.05  # a rate that held over a lower one that did not
NEARLY_ONE_RATE, TWO_ANSWERS_RUNS, BY_FAR = 0.03, 4, 0.35  # ln of rates; runs; ln of measured over bound


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
    stopped_by: Literal["slo", "max", "generator", "min", "unsteady", "invalid"]
    doubts: list[Doubt]


class _NotSteady(Exception):
    """The cluster has no one answer; holds why."""

    def __init__(self, doubt: Doubt) -> None:
        self.doubt = doubt


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
                return self._below_min()
            self._close_in()
            return self._confirmed()
        except _NotSteady as unsteady:
            self.doubts.append(unsteady.doubt)
            return self._without_answer()

    def edge(self) -> Edge | None:
        """The fitted edge, around the middle of what single rates say; None while there is none."""
        low, high = self._single_bounds()
        if low is None or math.isinf(high):
            return None
        found = fitted_edge(self.runs, math.sqrt(low * high))
        # once more around itself, where the runs are
        return found and fitted_edge(self.runs, found.rate_per_s)

    def bounds(self) -> tuple[float | None, float]:
        """The highest rate shown to hold and the lowest shown not to, by single rates and by the fit; None, inf: none."""
        low, high = self._single_bounds()
        edge = self.edge()
        if edge is not None and low is not None:
            if max(low, edge.low) < min(high, edge.high):
                low, high = max(low, edge.low), min(high, edge.high)
            else:
                # the two ways disagree, so what either allows counts
                low, high = min(low, edge.low), max(high, edge.high)
        if low is not None:
            low = min(max(low, self.plan.least_per_s), self.plan.most_per_s)
        return low, high

    def _single_bounds(self) -> tuple[float | None, float]:
        margins = by_rate(self.runs)
        spread = pooled_spread(margins)
        sides = {rate: side_of(each, *spread) for rate, each in margins.items()}
        high = min((rate for rate, side in sides.items() if side == "above"), default=math.inf)
        # a rate shown to hold above one shown not to is no lower end: one of the two was wrong, and the edge is below
        low = max((rate for rate, side in sides.items() if side == "below" and rate < high), default=None)
        return low, high

    # the way up or down to two rates, one on either side of the edge

    def _bracket(self) -> None:
        rate = self._within(self.plan.start_per_s)
        self._run(rate)
        while len(self.steps) < MAX_RUNS:
            low, high = self._single_bounds()
            if low is not None and not math.isinf(min(high, self.generator_per_s)):
                return
            if low is None and rate <= self.plan.least_per_s and self._decided(rate):
                return
            if low is not None and low >= self.plan.most_per_s:
                return
            top = min(high, self.generator_per_s)
            if low is None:
                rate = self._within(min(min((run.rate_per_s for run in self.runs), default=rate), top) / 2)
            else:
                rate = self._within(max(run.rate_per_s for run in self.runs) * 2)
                if rate >= self.generator_per_s:
                    rate = self._within(math.sqrt(low * self.generator_per_s))
            self._run(rate)

    def _decided(self, rate: float) -> bool:
        margins = by_rate(self.runs)
        return rate >= self.generator_per_s or side_of(margins.get(rate, []), *pooled_spread(margins)) != "undecided"

    # closing in

    def _close_in(self) -> None:
        while len(self.steps) < MAX_RUNS:
            low, high = self.bounds()
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
            self._run(self._next_rate(low, top))

    def _next_rate(self, low: float, top: float) -> float:
        edge = self.edge()
        if edge is None or not low <= edge.rate_per_s <= top:
            return self._within(math.sqrt(low * top))
        # on either side in turn, so that the line's slope is known where it is needed
        offset = min(max(edge.width / 2, LEAST_OFFSET), MOST_OFFSET)
        factor = 1 + offset if len(self.runs) % 2 else 1 - offset
        return self._within(min(max(edge.rate_per_s * factor, low / (1 + MOST_OFFSET)), top * (1 + MOST_OFFSET)))

    # confirmation

    def _confirmed(self) -> Found:
        low, _ = self.bounds()
        if low is None:
            raise _NotSteady(
                Doubt(
                    "no_lower_end",
                    "the rates that held at first no longer did later: the cluster changed, or noise drowns the SLO",
                    "longer runs, a quieter cluster, or an SLO on a quantile that a run knows better",
                )
            )
        rate = self._within(low, down=True)
        for attempt in range(MAX_CONFIRM_RATES):
            steps = [self._purposed(rate, "confirm") for _ in range(self.plan.confirm_runs)]
            if any(step.generator for step in steps):
                self.generator_per_s = min(self.generator_per_s, rate)
            elif all(step.held for step in steps):
                self._told_of(steps)
                for step in steps:
                    self._remember(step)
                if self.plan.soak:
                    self._soak(rate)
                return self._answer(rate, steps)
            else:
                self._check_unchanged(rate, steps)
                for step in steps:
                    self._remember(step)
            rate = self._within(rate / (1 + CONFIRM_BACKOFF * 2**attempt))
        raise _NotSteady(
            Doubt(
                "not_confirmed",
                f"rates from {low:,.0f} down to {rate:,.0f}/s held in the search and none in all of its confirming runs",
                "a longer --warmup, a quieter cluster; or --confirm-for as long as the search's runs",
            )
        )

    def _check_unchanged(self, rate: float, steps: list[JudgedStep]) -> None:
        """Whether the search's runs just below this rate, which met the SLO, and the confirming ones are of one cluster."""
        now = [step.margin for step in steps if step.margin is not None]
        before = [run.margin for run in self.runs if 0.9 * rate <= run.rate_per_s <= 1.001 * rate and run.margin < 0]
        if not before or not now:
            return
        spread, _ = pooled_spread(by_rate(self.runs))
        sure = CHANGED_ERRORS * spread
        held_then = -sum(before) / len(before) > sure / math.sqrt(len(before))
        if held_then and sum(now) / len(now) > sure / math.sqrt(len(now)):
            raise _NotSteady(_changed(rate, "slower"))

    def _check_order(self) -> None:
        """A rate shown to hold well above one shown not to: between the two the cluster became another one."""
        margins = by_rate(self.runs)
        spread = pooled_spread(margins)
        sides = {rate: side_of(each, *spread) for rate, each in margins.items()}
        held = max((rate for rate, side in sides.items() if side == "below"), default=0.0)
        missed = min((rate for rate, side in sides.items() if side == "above"), default=math.inf)
        if held > missed * CONTRADICTION:
            order = [run.rate_per_s for run in self.runs]
            raise _NotSteady(_changed(missed, "slower" if order.index(held) < order.index(missed) else "faster"))

    def _soak(self, rate: float) -> None:
        step = self._purposed(rate, "soak")
        if not step.held or not step.settled:
            raise _NotSteady(
                Doubt(
                    "soak_failed",
                    f"{rate:,.0f}/s held in the confirming runs and not in the soak",
                    "a lower rate; the soak's report",
                )
            )

    def _told_of(self, steps: list[JudgedStep]) -> None:
        levels = [step.levels for step in steps if step.levels]
        if len(levels) * 2 > len(steps):
            self.doubts.append(
                Doubt(
                    "two_levels",
                    f"the seconds of the confirming runs have {levels[-1]}",
                    "look at what happens in the slow ones",
                )
            )
        if sum(not step.settled for step in steps) * 2 > len(steps):
            raise _NotSteady(
                Doubt(
                    "growing",
                    f"at {steps[0].rate_per_s:,.0f}/s the latency grew through every confirming run: no steady state",
                    "a longer --confirm-for shows where it ends",
                )
            )

    # asking

    def _run(self, rate: float) -> None:
        """A run of the search; remembered where it says something of the SLO."""
        step = self._purposed(rate, "search")
        if step.generator:
            self.generator_per_s = min(self.generator_per_s, rate)
            return
        self._remember(step)
        self._check_order()

    def _remember(self, step: JudgedStep) -> None:
        if step.margin is not None:
            shortest = min((each.length_s for each in self.steps if each.length_s > 0), default=0.0)
            length = min(step.length_s / shortest, MOST_LENGTH) if shortest else 1.0
            self.runs.append(Run(step.rate_per_s, step.margin, length))
            self._check_levels()

    def _check_levels(self) -> None:
        """Runs at nearly one rate met the SLO and missed it, by far, none in between and not in the order of their rates:
        two answers, and no mean of them.
        """
        latest = self.runs[-1].rate_per_s
        near = [run for run in self.runs if abs(math.log(run.rate_per_s / latest)) < NEARLY_ONE_RATE]
        held, missed = [run for run in near if run.margin < 0], [run for run in near if run.margin > 0]
        if len(near) < TWO_ANSWERS_RUNS or not held or not missed:
            return
        if (
            min(abs(run.margin) for run in near) < BY_FAR
            or max(held, key=_rate).rate_per_s < min(missed, key=_rate).rate_per_s
        ):
            return
        raise _NotSteady(
            Doubt(
                "two_answers",
                f"near {latest:,.0f}/s {len(held)} runs met the SLO and {len(missed)} missed it by far, none in between: "
                "two levels, and their mean is neither",
                "longer runs hold both levels; look at what differs between two of these runs",
            )
        )

    def _purposed(self, rate: float, purpose: str) -> JudgedStep:
        step = self._step(rate, purpose)
        self.steps.append(step)
        if self._on_step:
            self._on_step(self, step)
        if step.invalid is not None:
            raise _NotSteady(
                Doubt(
                    "invalid_step", f"a run at {rate:,.0f}/s cannot be judged: {step.invalid}", "see its report; repeat"
                )
            )
        return step

    def _within(self, rate: float, *, down: bool = False) -> float:
        """Between the least and the most, to three and a half digits: a rate in a report can be asked for as it stands."""
        step = 10.0 ** max(math.floor(math.log10(rate)) - 3, 0)
        rounded = (math.floor(rate / step) if down else round(rate / step)) * step
        return min(max(rounded, self.plan.least_per_s), self.plan.most_per_s)

    # answering

    def _answer(self, held: float, steps: list[JudgedStep]) -> Found:
        low, high = self.bounds()
        low = low or held
        generator = self.generator_per_s <= high and not math.isinf(self.generator_per_s)
        at_least = math.isinf(high) or generator
        edge = self.edge()
        middle = edge.rate_per_s if edge is not None and low <= edge.rate_per_s <= high else math.sqrt(low * high)
        return Found(
            bound="at_least" if at_least else "interval",
            rate_per_s=held if at_least else middle,
            low=held if at_least else low,
            high=None if at_least else high,
            held_per_s=held,
            held_runs=len(steps),
            stopped_by="generator" if generator else "max" if at_least else "slo",
            doubts=self.doubts,
        )

    def _below_min(self) -> Found:
        _, high = self.bounds()
        generator = math.isinf(high) and not math.isinf(self.generator_per_s)
        return Found(
            bound="below_min",
            rate_per_s=None,
            low=None,
            high=None if math.isinf(high) else high,
            held_per_s=None,
            held_runs=0,
            stopped_by="generator" if generator else "min",
            doubts=self.doubts,
        )

    def _without_answer(self) -> Found:
        low, high = self._single_bounds()
        return Found(
            bound="unsteady",
            rate_per_s=None,
            low=low,
            high=None if math.isinf(high) else high,
            held_per_s=None,
            held_runs=0,
            stopped_by="invalid" if self.doubts[-1].code == "invalid_step" else "unsteady",
            doubts=self.doubts,
        )


def _rate(run: Run) -> float:
    return run.rate_per_s


def _changed(rate: float, how: str) -> Doubt:
    return Doubt(
        "cluster_changed",
        f"what runs near {rate:,.0f}/s said at first and what they said later does not fit: "
        f"the cluster became {how} during the search",
        "look at the broker (compaction, disk, neighbours) and at the steps' times, and repeat",
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
