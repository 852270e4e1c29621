"""One step of a capacity search: a run at a rate, judged by the SLO and by whether it may be judged at all. Pure.

A step counts only if the rate was truly offered. If it was not because this host could not, the step says nothing of the
cluster (`generator`); if the cluster could not take it, that is an answer: above the edge, whatever its latencies say.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loadgen.judge.modes import two_levels
from loadgen.judge.steady import steady_part
from loadgen.slo import Rule, value_at

KEPT_RATIO = 0.99
MOST_MARGIN = 2.0  # e² beyond the bound: further tells nothing more, and one such run must not outweigh others
GROWTH = 1.5  # of a run's last third over its first: a queue that grows has no p99
RISING_SHARE = 0.75  # of all pairs of seconds; one half without a trend (Kendall's τ of 0.5)
SHOWN = ("p50", "p90", "p99", "p99_9")


class JudgedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step's outcome.

    Attributes:
        purpose: search, confirm or soak.
        margin: ln(measured ÷ bound) of the worst rule, within ± MOST_MARGIN; None: the step says nothing of the SLO.
        worst: the rule it is of.
        generator: this host was the limit.
        overloaded: the cluster did not take the rate.
        settled: False where latencies kept growing or the rate of acknowledgements found no steady part.
        levels: two levels of the seconds' p99, in words.
        response_us: by quantile, of the whole run.
        wire_mib_per_s, payload_mib_per_s: of this run.
        at_s: seconds since the search began; length_s: of the measured phase.
    """

    rate_per_s: float
    purpose: str
    margin: float | None
    worst: str
    generator: bool = False
    overloaded: bool = False
    settled: bool = True
    levels: str | None = None
    values: dict[str, float] = {}
    response_us: dict[str, float | None] = {}
    payload_mib_per_s: float = 0.0
    wire_mib_per_s: float | None = None
    limited_by: str = "unknown"
    invalid: str | None = None
    at_s: float = 0.0
    length_s: float = 0.0
    folder: str | None = None

    @property
    def held(self) -> bool:
        """Whether every rule was met."""
        return self.margin is not None and self.margin < 0


def judge_step(
    result: Mapping[str, Any],
    intervals: Sequence[Mapping[str, Any]],
    rules: Sequence[Rule],
    rate_per_s: float,
    *,
    purpose: str = "search",
    at_s: float = 0.0,
    folder: str | None = None,
) -> JudgedStep:
    """A finished run as a step.

    Args:
        result: result.json as plain data; intervals: its one-second rows.
        rules: the SLO.
        rate_per_s: what was offered.
    """
    limited_by = str(result.get("verdict", {}).get("limited_by", "unknown"))
    achieved = value_at(result, "throughput.achieved_ratio") or 0.0
    kept = achieved >= KEPT_RATIO
    # a run can be invalid and say enough: the generator's limit is one answer, any other reason is none
    generator = not kept and limited_by == "generator"
    invalid = None if generator or result.get("verdict", {}).get("valid") else _why_invalid(result)
    overloaded = not kept and not generator and invalid is None
    measured = {rule.text: value_at(result, rule.metric) for rule in rules}
    margins = {rule.text: margin_of(rule, measured[rule.text]) for rule in rules}
    worst = max(margins, key=lambda text: margins[text])
    margin: float | None = MOST_MARGIN if overloaded else margins[worst]
    if generator or invalid is not None:
        margin = None
    seconds = [float(row["p99_us"]) for row in intervals if row.get("phase") == "measured" and row.get("p99_us")]
    levels = two_levels(seconds)
    response = result.get("latency_us", {}).get("response") or {}
    return JudgedStep(
        rate_per_s=rate_per_s,
        purpose=purpose,
        margin=margin,
        worst="the rate itself" if overloaded else worst,
        generator=generator,
        overloaded=overloaded,
        settled=not (_grows(seconds) or _never_steady(intervals)),
        levels=str(levels) if levels else None,
        values={text: value for text, value in measured.items() if value is not None},
        response_us={name: response.get(name) for name in SHOWN},
        payload_mib_per_s=value_at(result, "throughput.payload_mib_per_s") or 0.0,
        wire_mib_per_s=value_at(result, "throughput.wire_mib_per_s"),
        limited_by=limited_by,
        invalid=invalid,
        at_s=at_s,
        length_s=value_at(result, "plan.duration_s") or 0.0,
        folder=folder,
    )


def margin_of(rule: Rule, value: float | None) -> float:
    """ln(measured ÷ bound), turned so that below 0 is met, within ± MOST_MARGIN; a value that is not there misses."""
    if value is None or not math.isfinite(value):
        return MOST_MARGIN
    if value <= 0 or rule.bound <= 0:
        return -MOST_MARGIN if rule.holds(value) else MOST_MARGIN
    ratio = math.log(value / rule.bound) if rule.comparison.startswith("<") else math.log(rule.bound / value)
    within = min(max(ratio, -MOST_MARGIN), MOST_MARGIN)
    # exactly at the bound: `<` is missed there, `<=` is met
    return within or (-1e-9 if rule.holds(value) else 1e-9)


def _why_invalid(result: Mapping[str, Any]) -> str:
    doubts = [doubt for doubt in result.get("verdict", {}).get("doubts", []) if doubt.get("invalid")]
    return str(doubts[0].get("message")) if doubts else "the run is not valid"


def _never_steady(intervals: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what was acknowledged a second found no steady part, by MSER-5; runs below a minute are too short to tell."""
    rows = [float(row["acked_per_s"]) for row in intervals if row.get("phase") == "measured" and "acked_per_s" in row]
    return any(doubt.code == "no_steady_state" for doubt in steady_part(rows).doubts)


def _grows(seconds: Sequence[float]) -> bool:
    """Whether the seconds' p99 rises through the whole run: most pairs of seconds in order, and well above the first."""
    third = len(seconds) // 3
    if third < 3:
        return False
    first, last = sorted(seconds[:third]), sorted(seconds[-third:])
    if last[third // 2] < GROWTH * first[third // 2]:
        return False
    pairs = len(seconds) * (len(seconds) - 1) / 2
    rising = sum(later > earlier for at, earlier in enumerate(seconds) for later in seconds[at + 1 :])
    return rising / pairs > RISING_SHARE
