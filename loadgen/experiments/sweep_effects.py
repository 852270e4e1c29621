"""Which setting moved what, from the runs of a grid. Pure.

An effect compares one value of a parameter with its first, matched on block and on all other parameters, by the
sign-flip test of `judge.stats`; Holm over all effects on one metric. An effect that is one thing beside one value of
another parameter and another thing beside another is told as an interaction, because its mean is neither.
"""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from loadgen.experiments.grid import Combination, Parameter, combinations, named
from loadgen.experiments.sweep import SweepRun
from loadgen.judge.holm import holm
from loadgen.judge.limit import less_is_worse
from loadgen.judge.stats import MAX_PAIRS, SignFlips
from loadgen.report.result import Doubt

ALPHA = 0.05
CONFIDENCE = 0.95


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a parameter against its first: ratio with interval, two-sided p after Holm."""

    metric: str
    parameter: str
    value: str
    reference: str
    pairs: int
    ratio: float
    low: float | None
    high: float | None
    p: float
    differs: bool


class SweepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep found; medians: of each metric by combination, in the grid's order."""

    parameters: list[Parameter]
    blocks: int
    effects: list[Effect]
    medians: list[tuple[Combination, dict[str, float]]]
    doubts: list[Doubt]


def least_pairs(effects: int) -> int:
    """The fewest matched pairs that can show one of so many effects on a metric.

    The least p of the two-sided sign-flip test is 2 · 2⁻ⁿ of n pairs, and Holm multiplies it by the effects.
    """
    return math.ceil(math.log2(2 * effects / ALPHA))


def answer_of(parameters: Sequence[Parameter], runs: Sequence[SweepRun], metrics: Sequence[str]) -> SweepAnswer:
    """Effects and medians of finished runs.

    Args:
        metrics: in the order in which they are told; those that a run lacks are left out.
    """
    good = [run for run in runs if run.complaint is None]
    present = [name for name in metrics if good and all(run.metrics.get(name, 0) > 0 for run in good)]
    effects: list[Effect] = []
    doubts = _run_doubts(runs)
    for metric in present:
        found = [
            (parameter, value, _matched(good, parameter, value, metric))
            for parameter in parameters
            for value in parameter.values[1:]
        ]
        told = [(parameter, value, pairs) for parameter, value, pairs in found if pairs]
        flips = [_flips(pairs) for _, _, pairs in told]
        adjusted = holm([min(1.0, 2 * min(each.p_above(), each.p_below())) for each in flips])
        for (parameter, value, pairs), each, p in zip(told, flips, adjusted, strict=True):
            effects.append(_effect(metric, parameter, value, each, p))
            doubts += _interactions(metric, parameter, value, pairs, parameters)
    return SweepAnswer(
        parameters=list(parameters),
        blocks=len({run.block for run in runs}),
        effects=effects,
        medians=_medians(parameters, good, present),
        doubts=[*doubts, *_pair_doubts(effects)],
    )


Matched = dict[tuple[int, tuple[tuple[str, str], ...]], float]


def _matched(runs: Sequence[SweepRun], parameter: Parameter, value: str, metric: str) -> Matched:
    """Log-ratios of a value to the first, keyed by block and the other parameters' values."""
    by_rest: dict[tuple[int, tuple[tuple[str, str], ...]], dict[str, float]] = {}
    for run in runs:
        rest = tuple(sorted((name, other) for name, other in run.combination.items() if name != parameter.name))
        by_rest.setdefault((run.block, rest), {})[run.combination[parameter.name]] = run.metrics[metric]
    reference = parameter.values[0]
    return {
        key: float(np.log(values[value]) - np.log(values[reference]))
        for key, values in by_rest.items()
        if value in values and reference in values
    }


def _flips(pairs: Matched) -> SignFlips:
    """The test over matched pairs; more than it can count are averaged within their blocks first."""
    if len(pairs) <= MAX_PAIRS:
        return SignFlips(list(pairs.values()))
    by_block: dict[int, list[float]] = {}
    for (block, _), log in pairs.items():
        by_block.setdefault(block, []).append(log)
    return SignFlips([statistics.fmean(logs) for logs in by_block.values()])


def _effect(metric: str, parameter: Parameter, value: str, flips: SignFlips, p: float) -> Effect:
    low, high = flips.lower((1 - CONFIDENCE) / 2), flips.upper((1 - CONFIDENCE) / 2)
    return Effect(
        metric=metric,
        parameter=parameter.name,
        value=value,
        reference=parameter.values[0],
        pairs=flips.pairs,
        ratio=math.exp(flips.centre),
        low=math.exp(low) if math.isfinite(low) else None,
        high=math.exp(high) if math.isfinite(high) else None,
        p=p,
        differs=p <= ALPHA,
    )


def _interactions(
    metric: str, parameter: Parameter, value: str, pairs: Matched, parameters: Sequence[Parameter]
) -> list[Doubt]:
    """Where intervals of one effect, taken beside two values of another parameter, do not touch."""
    found = []
    for other in parameters:
        if other.name == parameter.name:
            continue
        bounds = {}
        for level in other.values:
            beside = {key: log for key, log in pairs.items() if (other.name, level) in key[1]}
            if beside:
                flips = _flips(beside)
                bounds[level] = (flips.lower(ALPHA / 2), flips.upper(ALPHA / 2), flips.centre)
        least, most = (
            min(bounds, key=lambda level: bounds[level][2], default=None),
            max(bounds, key=lambda level: bounds[level][2], default=None),
        )
        if least is not None and most is not None and bounds[least][1] < bounds[most][0]:
            found.append(
                Doubt(
                    "interaction",
                    f"{parameter.name} {parameter.values[0]} → {value} changes {metric} by "
                    f"{math.expm1(bounds[least][2]):+.0%} beside {other.name}={least} and by "
                    f"{math.expm1(bounds[most][2]):+.0%} beside {other.name}={most}",
                    "read the table of combinations, not the mean effect",
                )
            )
    return found


def _medians(
    parameters: Sequence[Parameter], runs: Sequence[SweepRun], metrics: Sequence[str]
) -> list[tuple[Combination, dict[str, float]]]:
    found = []
    for combination in combinations(parameters):
        same = [run for run in runs if run.combination == combination]
        if same:
            found.append(
                (combination, {name: statistics.median(run.metrics[name] for run in same) for name in metrics})
            )
    return found


def best_of(answer: SweepAnswer, metric: str) -> tuple[Combination, float]:
    """The combination with the best median of a metric, and that median."""
    best = max if less_is_worse(metric) else min
    combination, medians = best(answer.medians, key=lambda row: row[1][metric])
    return combination, medians[metric]


def _run_doubts(runs: Sequence[SweepRun]) -> list[Doubt]:
    complaints: dict[str, list[Mapping[str, str]]] = {}
    for run in runs:
        if run.complaint is not None:
            complaints.setdefault(named(run.combination), []).append({"why": run.complaint})
    return [
        Doubt("runs_left_out", f"{combination}: {len(rows)} runs left out: {rows[0]['why']}", "see their reports")
        for combination, rows in complaints.items()
    ]


def _pair_doubts(effects: Sequence[Effect]) -> list[Doubt]:
    together = Counter(effect.metric for effect in effects)
    few = [effect for effect in effects if effect.pairs < least_pairs(together[effect.metric])]
    if not few:
        return []
    worst = min(few, key=lambda effect: effect.pairs)
    what = few_pairs(worst.pairs, together[worst.metric])
    return [Doubt("few_pairs", what, "a larger --repeat")]


def few_pairs(pairs: int, effects: int) -> str:
    """Why so few pairs say nothing, in words."""
    among = "an effect" if effects == 1 else f"any of {effects} effects"
    return f"{pairs} matched pairs cannot show {among} at 95 %, however large; {least_pairs(effects)} can"
