"""What a capacity search was asked: from flags, checked whole before anything runs. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.experiments.capacity import MAX_RUNS, MORE_LONG_RUNS, SPARE_RUNS
from loadgen.experiments.guarded_runs import MOST_WARM_UPS
from loadgen.experiments.record import kept_flags
from loadgen.experiments.search_flags import SearchFlags
from loadgen.judge.percentile import values_needed
from loadgen.profile import resolve
from loadgen.quantities import parse_duration_s, parse_events_per_s
from loadgen.slo import Rule

SEARCH_S, WARMUP_S, CONFIRM_S, PROBE_S, PROBE_WARMUP_S = 8.0, 2.0, 60.0, 5.0, 2.0
CONFIRM_RUNS = 3
EXPECTED_RUNS = 17  # in the middle of simulated searches
OVERHEAD_S = 1.5  # of a run, outside of its sending: on a Kafka beside it, whose queue is drained then
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

    def longest_s(self) -> float:
        """How long it takes at most, about: all runs used up that there can be."""
        probes = 1 + (MOST_WARM_UPS if self.flags.get("start") not in (None, "mock") else 0)
        return probes * (PROBE_S + PROBE_WARMUP_S + OVERHEAD_S) + self.most_s(self.warmup_s + OVERHEAD_S)

    def most_s(self, beside_s: float) -> float:
        """How long all runs take that there can be after the probe.

        Args:
            beside_s: what each takes beside its measured phase.
        """
        search_s, confirm_s = self.search_s + beside_s, self.confirm_s + beside_s
        confirming = self.confirm_runs + MORE_LONG_RUNS
        # one long run at the end may be exchanged for short ones
        spare_s = max(SPARE_RUNS * search_s - confirm_s, 0.0)
        soak_s = self.soak_s + beside_s if self.soak_s else 0.0
        return MAX_RUNS * search_s + confirming * confirm_s + spare_s + soak_s

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
    read = SearchFlags(dict(flags))
    read.refuse(
        ("rate", "ramp", "steps", "count", "verify"),
        "what a capacity search finds or sets by itself; bounds are --min and --max",
    )
    request = CapacityRequest(
        rules=read.rules(),
        least_per_s=read.parsed("--min", least, parse_events_per_s),
        most_per_s=read.parsed("--max", most, parse_events_per_s),
        confirm_runs=confirm_runs,
        confirm_s=read.parsed("--confirm-for", confirm_for, parse_duration_s) or CONFIRM_S,
        soak_s=read.parsed("--soak", soak, parse_duration_s),
        search_s=read.duration_s(SEARCH_S),
        warmup_s=read.warmup_s(WARMUP_S),
        max_bytes=read.max_bytes(),
        flags=read.given,
    )
    read.check(*_contradictions(request))
    resolve({**request.flags, "rate": "1000/s", "duration": "1s"})
    judgeable = least_judgeable_per_s(request)
    if request.least_per_s is not None and request.least_per_s < judgeable:
        worst = max(request.rules, key=_quantile).text
        raise UsageError(
            f"--min {least}: {worst} needs {judgeable * request.search_s:,.0f} records a run, which is {judgeable:,.0f}/s "
            f"at -d {request.search_s:g}s; a higher --min or a longer -d"
        )
    return request


def _contradictions(request: CapacityRequest) -> list[str]:
    """What is wrong with flags that can each be read."""
    problems = []
    low, high = request.least_per_s, request.most_per_s
    if low is not None and high is not None and low > high:
        problems.append(f"--min {low:,.0f}/s lies above --max {high:,.0f}/s")
    if not 1 <= request.confirm_runs <= 100:
        problems.append(f"--confirm-runs {request.confirm_runs} must be 1 to 100")
    return problems + [
        f"--slo {rule.text}: is known only at one rate and its answer; the search needs a rule that a rate can miss"
        for rule in request.rules
        if rule.metric in {"throughput.acked_per_s", "throughput.payload_mib_per_s"}
    ]


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
