"""The gate: two variants run in interleaved pairs until the pairs allow a verdict. Pure but for the callable it drives.

pair by pair, in a drawn order → both sides checked to be comparable → at each planned look `verdict.judge` → stop when
it is settled. What runs is behind `Measure`: a real run, or a simulated system in a test. Not here: what a run is made
of, files, text (`cli`, `gate_text`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from loadgen.errors import NotValid
from loadgen.judge.conditions import PAYLOAD, Difference, differences
from loadgen.judge.limit import Limit
from loadgen.judge.looks import LEAST_PAIRS, Looks
from loadgen.judge.order import Order, pair_order
from loadgen.judge.variant import Variant, may_differ
from loadgen.judge.verdict import GateVerdict, Sample, judge
from loadgen.report.result import Doubt

Side = Literal["baseline", "candidate"]

OF_A_PAIR = frozenset({PAYLOAD})


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One side of one pair.

    Attributes:
        metrics: by path; a missing or null one is left out.
        conditions: everything that must be equal between runs (`conditions.conditions`).
        complaints: why this run cannot stand in a comparison.
        doubts: codes of what may be doubted about it.
        folders: where its runs are kept.
    """

    metrics: dict[str, float]
    conditions: dict[str, Any] = {}
    complaints: list[str] = []
    doubts: list[str] = []
    folders: list[str] = []


Measure = Callable[[Side, int], Measured]


class GatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate was asked to find out.

    Attributes:
        seed: of the order inside each pair.
        budget_s: stop after the pair in which it runs out; None: no budget.
        tries: how many times this gate may be started on one change.
    """

    baseline: Variant
    candidate: Variant
    limits: list[Limit]
    looks: Looks
    seed: int = 1
    budget_s: float | None = None
    tries: int = 1


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One pair as it was run."""

    order: Order
    baseline: Measured
    candidate: Measured


class GateRun(msgspec.Struct, frozen=True, kw_only=True):
    """A finished gate: its verdict, every pair in the order it was run, what differed."""

    verdict: GateVerdict
    pairs: list[Pair]
    changed: list[Difference]
    stopped_by: Literal["verdict", "last look", "budget"]


def carry_out(
    plan: GatePlan,
    measure: Measure,
    now_s: Callable[[], float],
    on_pair: Callable[[Sequence[Pair], GateVerdict | None], None] | None = None,
) -> GateRun:
    """Run pairs until the verdict is settled, all pairs are run, or the budget is spent.

    Args:
        measure: runs one side of one pair.
        now_s: a clock, for the budget.
        on_pair: called after each pair, with the verdict where a look was planned.

    Raises:
        NotValid: a run that cannot stand, two runs that cannot be compared, a deciding metric without a value, or a
            budget that ended before the fewest pairs that can show anything.
    """
    started_s = now_s()
    pairs: list[Pair] = []
    while True:
        pairs.append(_measured_pair(plan, measure, len(pairs)))
        _check_steady(pairs)
        n = len(pairs)
        spent_s = now_s() - started_s
        # the next pair will take as long as the mean of those that were run
        exhausted = plan.budget_s is not None and spent_s * (n + 1) / n > plan.budget_s
        last = exhausted or n >= plan.looks.pairs[-1]
        if not last and n not in plan.looks.pairs:
            if on_pair:
                on_pair(pairs, None)
            continue
        if exhausted and n < min(LEAST_PAIRS, plan.looks.pairs[-1]):
            raise NotValid(
                f"the budget of {plan.budget_s:.0f} s was enough for {n} pairs, {LEAST_PAIRS} are the fewest that show "
                f"anything: --budget {spent_s / n * LEAST_PAIRS * 1.1:.0f}s or more, or shorter runs"
            )
        verdict = judge(samples(pairs, plan.limits), plan.limits, plan.looks, last=last)
        if on_pair:
            on_pair(pairs, verdict)
        if verdict.settled:
            break
    changed = differences(pairs[0].baseline.conditions, pairs[0].candidate.conditions)
    verdict = msgspec.structs.replace(verdict, doubts=[*verdict.doubts, *_run_doubts(pairs)])
    by_plan: Literal["verdict", "last look"] = "last look" if len(pairs) >= plan.looks.pairs[-1] else "verdict"
    early = len(pairs) not in plan.looks.pairs
    return GateRun(verdict=verdict, pairs=pairs, changed=changed, stopped_by="budget" if early else by_plan)


def samples(pairs: Sequence[Pair], limits: Sequence[Limit]) -> dict[str, Sample]:
    """Each metric of all pairs: those with a limit as they are, others where every run has a value above 0."""
    deciding = {limit.metric for limit in limits}
    everywhere = set.intersection(
        *({name for name, value in side.metrics.items() if value > 0} for pair in pairs for side in _sides(pair))
    )
    found: dict[str, Sample] = {}
    for name in [limit.metric for limit in limits] + sorted(everywhere - deciding):
        values = [[side.metrics.get(name) for side in _sides(pair)] for pair in pairs]
        if any(value is None for both in values for value in both):
            raise NotValid(
                f"{name} is missing in pair {_first_without(values) + 1}; a gate cannot pass what it did not see"
            )
        found[name] = Sample([both[0] for both in values], [both[1] for both in values])  # type: ignore[misc]
    return found


def _sides(pair: Pair) -> tuple[Measured, Measured]:
    return pair.baseline, pair.candidate


def _first_without(values: Sequence[Sequence[float | None]]) -> int:
    return next(index for index, both in enumerate(values) if None in both)


def _measured_pair(plan: GatePlan, measure: Measure, index: int) -> Pair:
    order = pair_order(plan.seed, index)
    sides: tuple[Side, Side] = ("candidate", "baseline") if order == "candidate first" else ("baseline", "candidate")
    measured: Mapping[Side, Measured] = {side: _standing(measure(side, index), side, index) for side in sides}
    pair = Pair(order=order, baseline=measured["baseline"], candidate=measured["candidate"])
    _check_comparable(plan, pair, index)
    return pair


def _standing(measured: Measured, side: Side, index: int) -> Measured:
    if measured.complaints:
        where = f" ({measured.folders[-1]})" if measured.folders else ""
        raise NotValid(f"{side} of pair {index + 1} cannot be compared: {'; '.join(measured.complaints)}{where}")
    return measured


def _check_comparable(plan: GatePlan, pair: Pair, index: int) -> None:
    found = [
        difference
        for difference in differences(pair.baseline.conditions, pair.candidate.conditions)
        if not may_differ(difference.condition, plan.baseline, plan.candidate)
    ]
    if found:
        raise NotValid(
            f"pair {index + 1}: not named by a variant, yet not equal: {'; '.join(str(each) for each in found[:3])}"
            f"{f' and {len(found) - 3} more' if len(found) > 3 else ''}; name it in --baseline and --candidate, or make it equal"
        )


def _check_steady(pairs: Sequence[Pair]) -> None:
    """Nothing changed between the first pair and this one: a broker that was restarted is another broker."""
    first, last = pairs[0], pairs[-1]
    for side, then, now in zip(("baseline", "candidate"), _sides(first), _sides(last), strict=True):
        # each pair has a seed and so orders of its own, which weigh a little more or less
        found = [one for one in differences(then.conditions, now.conditions) if one.condition not in OF_A_PAIR]
        if found:
            raise NotValid(
                f"pair {len(pairs)}: {side} is no longer what it was in the first pair: "
                f"{'; '.join(str(each) for each in found[:3])}; start again once nothing changes any more"
            )


def _run_doubts(pairs: Sequence[Pair]) -> list[Doubt]:
    """What single runs doubted of themselves, counted: a gate survives one stall, a session of them it does not."""
    counts: dict[str, int] = {}
    for pair in pairs:
        for side in _sides(pair):
            for code in set(side.doubts):
                counts[code] = counts.get(code, 0) + 1
    runs = 2 * len(pairs)
    return [
        Doubt(f"runs_{code}", f"{count} of {runs} runs doubted themselves: {code}", "look at one: loadgen report RUN")
        for code, count in sorted(counts.items())
        if code != "mock_broker" and count > runs / 4  # the mock is said in the first line already
    ]
