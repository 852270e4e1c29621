"""Is it one cluster, with one answer? What runs at near rates said earlier and later, or in a coin's order. Pure.

A cluster that slows half-way, or whose p99 has two levels, has no rate that could be told with an interval; the mean of its
two answers is neither. So each of these ends the search, and the doubt says what was seen.
"""

import math
from collections.abc import Sequence

from loadgen.experiments.edge import GUESSED_SPREAD, Run, by_rate, pooled_spread, sides_of
from loadgen.experiments.step import JudgedStep
from loadgen.report.result import Doubt

CHANGED_ERRORS = 4.0  # of the margins at one rate, now and earlier: the cluster is another one
CONTRADICTION = 1.05  # a rate that held over a lower one that did not
NEARLY_ONE_RATE, BY_FAR = 0.03, 0.35  # ln of rates; ln of measured over bound
SUSPECTED_RUNS = 2  # of either answer: it is asked again there
SHOWN_RUNS = 3  # of either answer: it is said
APART = 5.0  # standard deviations within each of two answers that lie between them; noise alone leaves less
LEVEL_GUESS_RUNS = 2  # how many runs' worth the guessed spread is: two that happen to be equal are no level


class NotSteady(Exception):
    """The cluster has no one answer; holds why."""

    def __init__(self, doubt: Doubt) -> None:
        self.doubt = doubt


def changed_since(runs: Sequence[Run], first_per_s: float, failed: Sequence[Sequence[JudgedStep]]) -> bool:
    """Whether the search's runs up to the first rate that was confirmed, which met the SLO, and the confirming ones at the
    two rates that failed last are of two clusters.

    One rate says nothing of that: beside a steep edge a long run misses what a short one met, and at one below it a pause
    may spoil a minute. Nor do runs in which the latency grew to their end: the rate is above what the cluster takes, and the
    search's runs were too short to show it.

    Args:
        runs: of the search, without the confirming ones.
        failed: by rate, from the first down, the confirming runs of those that did not hold.
    """
    if len(failed) < 2 or any(not step.settled for step in failed[-1]):
        return False
    return all(_missed_since(runs, first_per_s, steps) for steps in failed[-2:])


def _missed_since(runs: Sequence[Run], first_per_s: float, steps: Sequence[JudgedStep]) -> bool:
    """Whether a rate's confirming runs surely missed what the search's runs from there up to the first rate met."""
    latest_per_s = steps[0].rate_per_s
    now = [step.margin for step in steps if step.margin is not None]
    before = [run.margin for run in runs if 0.9 * latest_per_s <= run.rate_per_s <= 1.001 * first_per_s]
    if not before or not now:
        return False
    spread, _ = pooled_spread(by_rate(runs))
    held_then, held_now = sum(before) / len(before), sum(now) / len(now)
    sure = CHANGED_ERRORS * spread
    apart = held_now - held_then > sure * math.sqrt(1 / len(before) + 1 / len(now))
    return held_then < 0 and held_now > sure / math.sqrt(len(now)) and apart


def grew(steps: Sequence[JudgedStep]) -> bool:
    """Whether most of a rate's runs found no steady state, though they held: the latency grew, or the rate never settled."""
    return sum(not step.settled for step in steps) * 2 > len(steps)


def levels_of(steps: Sequence[JudgedStep]) -> list[Doubt]:
    """What to say when the seconds of most runs have two levels; the answer stands."""
    levels = [step.levels for step in steps if step.levels]
    if len(levels) * 2 <= len(steps):
        return []
    told = f"the seconds of the confirming runs have {levels[-1]}"
    return [Doubt("two_levels", told, "look at what happens in the slow ones")]


def check_order(runs: Sequence[Run]) -> None:
    """Whether no rate was shown to hold well above one shown not to: between the two the cluster became another one.

    Raises:
        NotSteady: one was.
    """
    sides = sides_of(runs)
    held = max((rate for rate, side in sides.items() if side == "below"), default=0.0)
    missed = min((rate for rate, side in sides.items() if side == "above"), default=math.inf)
    if held > missed * CONTRADICTION:
        order = [run.rate_per_s for run in runs]
        raise NotSteady(changed(missed, "slower" if order.index(held) < order.index(missed) else "faster"))


def check_levels(runs: Sequence[Run]) -> None:
    """Whether the runs near the latest one's rate have one answer.

    Raises:
        NotSteady: they have two, shown often enough.
    """
    held, missed = _two_answers(runs)
    if min(held, missed) >= SHOWN_RUNS:
        raise NotSteady(
            Doubt(
                "two_answers",
                f"near {runs[-1].rate_per_s:,.0f}/s {held} runs met the SLO and {missed} missed it by far, none in "
                "between: two levels, and their mean is neither",
                "longer runs hold both levels; look at what differs between two of these runs",
            )
        )


def levels_suspected(runs: Sequence[Run]) -> bool:
    """Whether the runs near the latest one's rate may have two answers, which more of them will show or refute."""
    return min(_two_answers(runs)) >= SUSPECTED_RUNS


def _two_answers(runs: Sequence[Run]) -> tuple[int, int]:
    """How many runs near the latest one's rate met the SLO, and how many missed it: by far, none in between and not in the
    order of their rates, which is two answers and no mean of them; 0, 0: it is one.
    """
    if not runs:
        return 0, 0
    # of one length: a latency that grows, or a rare hiccup, makes a long run another than a short one at any one level
    latest = runs[-1]
    near = [
        run
        for run in runs
        if abs(math.log(run.rate_per_s / latest.rate_per_s)) < NEARLY_ONE_RATE and run.length_s == latest.length_s
    ]
    held, missed = [run for run in near if run.margin < 0], [run for run in near if run.margin > 0]
    # one of either kind is a wild run and no level
    if min(len(held), len(missed)) < SUSPECTED_RUNS or min(abs(run.margin) for run in near) < BY_FAR:
        return 0, 0
    in_order = max(run.rate_per_s for run in held) < min(run.rate_per_s for run in missed)
    return (0, 0) if in_order or not _apart(held, missed) else (len(held), len(missed))


def _apart(held: Sequence[Run], missed: Sequence[Run]) -> bool:
    """Whether what lies between two groups of margins is much wider than either: two levels, not the two sides of one."""
    squares = LEVEL_GUESS_RUNS * GUESSED_SPREAD**2
    for group in (held, missed):
        mean = sum(run.margin for run in group) / len(group)
        squares += sum((run.margin - mean) ** 2 for run in group)
    within = math.sqrt(squares / (len(held) + len(missed) - 2 + LEVEL_GUESS_RUNS))
    return min(run.margin for run in missed) - max(run.margin for run in held) > APART * within


def changed(rate: float, how: str) -> Doubt:
    """What is said of a cluster that became slower or faster while it was searched."""
    return Doubt(
        "cluster_changed",
        f"what runs near {rate:,.0f}/s said at first and what they said later does not fit: "
        f"the cluster became {how} during the search",
        "look at the broker (compaction, disk, neighbours) and at the steps' times, and repeat",
    )
