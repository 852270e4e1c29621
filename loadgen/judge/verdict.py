"""From pairs to a verdict: pass, regressed, improved or inconclusive; per deciding metric, then for the gate.

The rule, for each deciding metric, at each look:
  regressed     the exact one-sided p, after Holm, is at most the look's error, and the estimated loss exceeds the limit
  improved      the mirror image: swapping the variants turns the one into the other
  pass          the upper bound of the loss, at the look's error, lies below the limit
  inconclusive  none of these, so neither "no loss" nor "a loss" may be said
One regressed metric makes the gate regressed; the gate passes only if every deciding metric does. Watched metrics are
shown and decide nothing. Assumptions and what may be doubted come with the numbers (`stats`, `modes`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from loadgen.errors import NotValid
from loadgen.judge.holm import holm
from loadgen.judge.limit import Limit
from loadgen.judge.looks import Looks
from loadgen.judge.modes import two_levels
from loadgen.judge.power import smallest_detectable, tightest_limit
from loadgen.judge.stats import Paired, SignFlips, log_ratios, paired
from loadgen.report.result import Doubt

Outcome = Literal["pass", "regressed", "improved", "inconclusive"]
Shown = Literal["pass", "regressed", "improved", "inconclusive", "differs", "~"]

EXIT_CODES: dict[Outcome, int] = {"pass": 0, "improved": 0, "regressed": 98, "inconclusive": 6}
CONFIDENCE = 0.95
IMPLAUSIBLE_RATIO = 200.0  # ms taken for µs is 1,000; no change of a setting that a gate guards is as large


class Sample(NamedTuple):
    """One metric of all pairs so far, in the order of the pairs."""

    baseline: Sequence[float]
    candidate: Sequence[float]


class MetricVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one metric; None where a value cannot be had.

    Attributes:
        baseline, candidate: medians, in the metric's unit.
        ratio, low, high: candidate ÷ baseline with its 95 % interval.
        p: exact, one-sided against "no loss"; of a watched metric two-sided.
        p_holm: adjusted for the other deciding metrics.
        smallest_detectable: the loss, as a share, that this spread and these pairs catch nine times of ten.
    """

    name: str
    decides: bool
    limit: str | None
    baseline: float
    candidate: float
    ratio: float
    low: float | None
    high: float | None
    p: float
    p_holm: float | None
    pairs: int
    spread: float | None
    smallest_detectable: float | None
    verdict: Shown
    doubts: list[Doubt]


class GateVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's answer after some pairs.

    Attributes:
        settled: nothing that further pairs could add would be allowed to change it.
        alarm_error, pass_error: what this look was allowed to spend.
    """

    verdict: Outcome
    settled: bool
    pairs: int
    alarm_error: float
    pass_error: float
    metrics: list[MetricVerdict]
    doubts: list[Doubt]

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def judge(samples: Mapping[str, Sample], limits: Sequence[Limit], looks: Looks, *, last: bool = False) -> GateVerdict:
    """The verdict at one look.

    Args:
        samples: every metric measured; those with a limit decide.
        limits: at least one, each of another metric.
        last: this is the last look, whatever the plan said (a budget ran out).

    Raises:
        NotValid: a deciding metric is missing, or any value has no logarithm.
    """
    missing = [limit.metric for limit in limits if limit.metric not in samples]
    if missing or not limits:
        raise NotValid(
            f"no value of {', '.join(missing) or 'any deciding metric'}; a gate cannot pass what it did not see"
        )
    ratios = {name: log_ratios(sample.baseline, sample.candidate, name) for name, sample in samples.items()}
    pairs = {len(values) for values in ratios.values()}
    if len(pairs) > 1:
        raise NotValid(f"metrics with different numbers of pairs: {sorted(pairs)}")
    n = pairs.pop()
    estimates = {name: paired(values, confidence=CONFIDENCE) for name, values in ratios.items()}
    adjusted = holm([_p_loss(limit, estimates[limit.metric]) for limit in limits])
    mirrored = holm([_p_gain(limit, estimates[limit.metric]) for limit in limits])
    _check_plausible(estimates)
    told: list[MetricVerdict] = []
    for limit, p_loss, p_gain in zip(limits, adjusted, mirrored, strict=True):
        estimate = estimates[limit.metric]
        flips = SignFlips(ratios[limit.metric])
        outcome = _outcome(limit, estimate, flips, p_loss, p_gain, looks)
        told.append(_metric(limit.metric, samples, estimate, outcome, limit, p_loss, looks, len(limits)))
    deciding = {limit.metric for limit in limits}
    told += [
        _metric(name, samples, estimate, "~" if estimate.log_low <= 0 <= estimate.log_high else "differs")
        for name, estimate in estimates.items()
        if name not in deciding
    ]
    verdict = _together([metric.verdict for metric in told if metric.decides])
    return GateVerdict(
        verdict=verdict,
        settled=last or n >= looks.pairs[-1] or verdict != "inconclusive",
        pairs=n,
        alarm_error=looks.alarm_error,
        pass_error=looks.pass_error,
        metrics=told,
        doubts=_gate_doubts(n, limits, estimates, looks),
    )


def _check_plausible(estimates: Mapping[str, Paired]) -> None:
    for name, estimate in estimates.items():
        if abs(estimate.log_ratio) > math.log(IMPLAUSIBLE_RATIO):
            raise NotValid(
                f"{name} differs by a factor of {math.exp(abs(estimate.log_ratio)):,.0f} between the sides: "
                "that is another unit or another load, not a change; look at one result.json of each"
            )


def _p_loss(limit: Limit, estimate: Paired) -> float:
    return estimate.p_higher if limit.loss(1.0) > 0 else estimate.p_lower


def _p_gain(limit: Limit, estimate: Paired) -> float:
    return estimate.p_lower if limit.loss(1.0) > 0 else estimate.p_higher


def _outcome(limit: Limit, estimate: Paired, flips: SignFlips, p_loss: float, p_gain: float, looks: Looks) -> Outcome:
    loss = limit.loss(estimate.log_ratio)
    if p_loss <= looks.alarm_error and loss > limit.log_loss:
        return "regressed"
    if p_gain <= looks.alarm_error and -loss > limit.log_loss:
        return "improved"
    error = looks.pass_error
    worst = flips.upper(error) if limit.loss(1.0) > 0 else -flips.lower(error)
    return "pass" if worst < limit.log_loss else "inconclusive"


def _together(outcomes: Sequence[Shown]) -> Outcome:
    if "regressed" in outcomes:
        return "regressed"
    if "inconclusive" in outcomes:
        return "inconclusive"
    return "improved" if "improved" in outcomes else "pass"


def _metric(
    name: str,
    samples: Mapping[str, Sample],
    estimate: Paired,
    outcome: Shown,
    limit: Limit | None = None,
    p_holm: float | None = None,
    looks: Looks | None = None,
    deciding: int = 1,
) -> MetricVerdict:
    detectable = None
    if limit is not None and looks is not None:
        error = looks.alarm_error / deciding  # the strictest step of Holm: the first metric to be called
        log_loss = smallest_detectable(estimate.spread, estimate.pairs, error=error, limit=limit.log_loss)
        detectable = _share_lost(limit, log_loss)
    return MetricVerdict(
        name=name,
        decides=limit is not None,
        limit=limit.text if limit else None,
        baseline=float(np.median(samples[name].baseline)),
        candidate=float(np.median(samples[name].candidate)),
        ratio=estimate.ratio,
        low=math.exp(estimate.log_low) if math.isfinite(estimate.log_low) else None,
        high=math.exp(estimate.log_high) if math.isfinite(estimate.log_high) else None,
        p=_p_loss(limit, estimate) if limit else min(1.0, 2 * min(estimate.p_higher, estimate.p_lower)),
        p_holm=p_holm,
        pairs=estimate.pairs,
        spread=None if math.isnan(estimate.spread) else estimate.spread,
        smallest_detectable=detectable,
        verdict=outcome,
        doubts=[*estimate.doubts, *_level_doubts(samples[name])],
    )


def _share_lost(limit: Limit, log_loss: float) -> float | None:
    if not math.isfinite(log_loss):
        return None
    return -math.expm1(-log_loss) if limit.loss(-1.0) > 0 else math.expm1(log_loss)


def _level_doubts(sample: Sample) -> list[Doubt]:
    return [
        Doubt(
            "two_levels",
            f"the {variant} has {levels}; a ratio of centres says little about it",
            "look at one run of each level; longer runs hold both",
        )
        for variant, values in (("baseline", sample.baseline), ("candidate", sample.candidate))
        if (levels := two_levels(values)) is not None
    ]


def _gate_doubts(n: int, limits: Sequence[Limit], estimates: Mapping[str, Paired], looks: Looks) -> list[Doubt]:
    found: list[Doubt] = []
    if any(estimate.resolution > looks.alarm_error / len(limits) for estimate in estimates.values()):
        found.append(
            Doubt(
                "cannot_alarm",
                f"{n} pairs give no p below {2.0**-n:.2g}; an alarm needs {looks.alarm_error / len(limits):.2g}",
                f"--pairs {math.ceil(-math.log2(looks.alarm_error / len(limits)))} or more",
            )
        )
    for limit in limits:
        spread = estimates[limit.metric].spread
        if math.isnan(spread) or n < 2:
            continue
        reachable = tightest_limit(spread, looks.pairs[-1], error=looks.pass_error)
        if reachable > limit.log_loss and math.isfinite(reachable):
            found.append(
                Doubt(
                    "limit_too_tight",
                    f"{limit.text}: with a spread of {spread:.1%} between pairs, equal variants pass "
                    f"19 times of 20 only at {limit.tightened(reachable).text}",
                    "loadgen gate --calibrate, longer runs, more pairs or a quieter host",
                )
            )
    return found
