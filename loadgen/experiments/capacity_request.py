"""What a capacity search was asked: from flags, checked whole before anything runs. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.experiments.guarded_runs import GIB
from loadgen.experiments.record import kept_flags
from loadgen.judge.percentile import values_needed
from loadgen.profile import resolve
from loadgen.quantities import parse_bytes, parse_duration_s, parse_events_per_s
from loadgen.slo import Rule, parse_rule

DEFAULT_SLO = ("response.p99<50ms",)
SEARCH_S, WARMUP_S, CONFIRM_S, PROBE_S, PROBE_WARMUP_S = 10.0, 3.0, 60.0, 5.0, 2.0
CONFIRM_RUNS = 3
DEFAULT_MAX_BYTES = 50 * GIB
EXPECTED_RUNS = 18  # in the middle of simulated searches
OVERHEAD_S = 1.0  # of a run, outside of its sending
ENOUGH_RECORDS = 1.1  # times what the SLO's percentile needs


class CapacityRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A search, checked whole.

    Attributes:
        flags: of every run.
        rules: the SLO.
        least_per_s, most_per_s: as the user gave them; None: from the probe, without an end.
        max_bytes: of payload, all runs together.
    """

    flags: dict[str, Any]
    rules: list[Rule]
    least_per_s: float | None
    most_per_s: float | None
    confirm_runs: int
    confirm_s: float
    search_s: float
    warmup_s: float
    soak_s: float | None
    max_bytes: int

    def lengths_s(self) -> dict[str, float]:
        """Of a step's measured phase, by purpose."""
        return {"search": self.search_s, "confirm": self.confirm_s, "soak": self.soak_s or 0.0}

    def expected_s(self) -> float:
        """How long it takes, about."""
        return PROBE_S + PROBE_WARMUP_S + self.left_s([])

    def left_s(self, done: Sequence[str]) -> float:
        """How long it still takes, about.

        Args:
            done: the purposes of the steps so far.
        """
        each_s = self.warmup_s + OVERHEAD_S
        confirming = done.count("confirm")
        searching = 0 if confirming else max(EXPECTED_RUNS - len(done), 1)
        confirm_s = max(self.confirm_runs - confirming, 0) * (self.confirm_s + each_s)
        soak_s = self.soak_s + each_s if self.soak_s and "soak" not in done else 0.0
        return searching * (self.search_s + each_s) + confirm_s + soak_s


def rule_of(request: CapacityRequest) -> dict[str, Any]:
    """What was asked, for experiment.json; enough to go on from."""
    return {
        "slo": [rule.text for rule in request.rules],
        "min": request.least_per_s,
        "max": request.most_per_s,
        "confirm_runs": request.confirm_runs,
        "confirm_s": request.confirm_s,
        "search_s": request.search_s,
        "warmup_s": request.warmup_s,
        "soak_s": request.soak_s,
        "flags": kept_flags(request.flags),
    }


def request_of(
    flags: Mapping[str, Any],
    *,
    least: str | None = None,
    most: str | None = None,
    confirm_runs: int = CONFIRM_RUNS,
    confirm_for: str | None = None,
    soak: str | None = None,
) -> CapacityRequest:
    """A search from flags.

    Raises:
        UsageError: everything that is wrong, before anything runs.
    """
    given = dict(flags)
    for name in ("rate", "ramp", "steps", "count", "verify"):
        if given.pop(name, None):
            raise UsageError(f"--{name} is what a capacity search finds or sets by itself; bounds are --min and --max")
    problems: list[str] = []

    def parsed(flag: str, text: str | None, parse: Callable[[str], Any]) -> Any:
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            problems.append(f"{flag} {error}")
            return None

    rules = [parsed("--slo", text, parse_rule) for text in (given.pop("slo", None) or DEFAULT_SLO)]
    low, high = parsed("--min", least, parse_events_per_s), parsed("--max", most, parse_events_per_s)
    confirm_s = parsed("--confirm-for", confirm_for, parse_duration_s)
    soak_s = parsed("--soak", soak, parse_duration_s)
    search_s = parsed("-d", given.pop("duration", None), parse_duration_s)
    warmup_s = parsed("--warmup", given.pop("warmup", None), lambda text: parse_duration_s(text, zero=True))
    max_bytes = parsed("--max-bytes", given.pop("max_bytes", None), parse_bytes)
    if low is not None and high is not None and low > high:
        problems.append(f"--min {least} lies above --max {most}")
    if not 1 <= confirm_runs <= 100:
        problems.append(f"--confirm-runs {confirm_runs} must be 1 to 100")
    problems += [
        f"--slo {rule.text}: is known only at one rate and its answer; the search needs a rule that a rate can miss"
        for rule in rules
        if rule is not None and rule.metric in {"throughput.acked_per_s", "throughput.payload_mib_per_s"}
    ]
    if problems:
        raise UsageError(*problems)
    # every rule is read by now, and none is missing
    resolve({**given, "rate": "1000/s", "duration": "1s"})
    request = CapacityRequest(
        flags=given,
        rules=rules,
        least_per_s=low,
        most_per_s=high,
        confirm_runs=confirm_runs,
        confirm_s=confirm_s or CONFIRM_S,
        search_s=search_s or SEARCH_S,
        warmup_s=WARMUP_S if warmup_s is None else warmup_s,
        soak_s=soak_s,
        max_bytes=max_bytes or DEFAULT_MAX_BYTES,
    )
    judgeable = least_judgeable_per_s(request)
    if low is not None and low < judgeable:
        worst = max(rules, key=_quantile).text
        raise UsageError(
            f"--min {least}: {worst} needs {judgeable * request.search_s:,.0f} records a run, which is {judgeable:,.0f}/s "
            f"at -d {request.search_s:g}s; a higher --min or a longer -d"
        )
    return request


def least_judgeable_per_s(request: CapacityRequest) -> float:
    """The rate below which a run of the search has too few records for the SLO's percentile."""
    return least_rate_for(request.rules, request.search_s)


def least_rate_for(rules: Sequence[Rule], length_s: float) -> float:
    """The rate below which a run of that length has too few records for a rule's percentile; 0: no rule has one."""
    needed = [values_needed(_quantile(rule)) for rule in rules if _quantile(rule)]
    return max(needed, default=0) * ENOUGH_RECORDS / length_s


def _quantile(rule: Rule) -> float:
    """Of `…p99_9` 0.999; 0: the rule is of no percentile."""
    digits = rule.metric.rpartition(".p")[2] if rule.is_latency and ".p" in rule.metric else ""
    return float(f"0.{digits.replace('_', '')}") if digits else 0.0
