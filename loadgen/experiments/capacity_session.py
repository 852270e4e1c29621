"""A capacity search over real runs: what was asked, checked whole; its steps as open-loop runs; its record and answer.

Each step is a run of its own with its own warm-up and, unless a topic is named, its own topic, so that no step pays for
the log that another one wrote. A flat-out probe comes first: it sets where to start, and what all steps together will
send at most, which is told and capped before the first of them. Not here: the search (`capacity`), text and pictures.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from loadgen.errors import NotValid, UsageError
from loadgen.experiments.capacity import MAX_RUNS, CapacityPlan, Found, Search, replayed
from loadgen.experiments.record import Recorder
from loadgen.experiments.run_door import Address, Request, RunDoor, RunOutcome
from loadgen.experiments.step import JudgedStep, judge_step
from loadgen.judge.percentile import values_needed
from loadgen.profile import resolve
from loadgen.quantities import parse_bytes, parse_duration_s, parse_events_per_s
from loadgen.slo import Rule, parse_rule, value_at

DEFAULT_SLO = ("response.p99<50ms",)
SEARCH_S, WARMUP_S, CONFIRM_S, PROBE_S, PROBE_WARMUP_S = 10.0, 3.0, 60.0, 5.0, 2.0
CONFIRM_RUNS = 3
START_SHARE = 0.25  # of the flat-out rate: an open loop holds less, and the way up is short
LEAST_SHARE = 0.001
EXPECTED_RUNS = 18  # in the middle of simulated searches
OVERHEAD_S = 1.0
EXIT_CODES = {"interval": 0, "at_least": 0, "below_min": 99, "unsteady": 6}


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
        each = self.warmup_s + OVERHEAD_S
        confirm = self.confirm_runs * (self.confirm_s + each)
        return PROBE_S + PROBE_WARMUP_S + EXPECTED_RUNS * (self.search_s + each) + confirm + (self.soak_s or 0.0)


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
        max_bytes=max_bytes or 50 << 30,
    )
    judgeable = least_judgeable_per_s(request)
    if low is not None and low < judgeable:
        worst = max(rules, key=_quantile).text
        raise UsageError(
            f"--min {least}: {worst} needs {judgeable * request.search_s:,.0f} records a run, which is {judgeable:,.0f}/s "
            f"at -d {request.search_s:g}s; a higher --min or a longer -d"
        )
    return request


class Probe(msgspec.Struct, frozen=True):
    """The flat-out run before the search: what it reached, the mean payload of a record, the broker's kind and number."""

    acked_per_s: float
    bytes_per_record: float
    on_mock: bool
    brokers: int
    folder: str


class CapacityRuns:
    """Steps as real runs (`capacity.Step`).

    Attributes:
        sent_bytes: of payload so far, warm-up included.
        inside_s: wall time that runs were sending or draining; the rest is ours.
    """

    def __init__(
        self,
        request: CapacityRequest,
        recorder: Recorder,
        door: RunDoor,
        broker: Address | None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request, self.recorder, self.door, self.broker, self.now_s = request, recorder, door, broker, now_s
        self.sent_bytes = 0.0
        self.inside_s = 0.0
        self.started_s = now_s()
        self.probed: Probe | None = None

    def probe(self) -> Probe:
        """The flat-out run.

        Raises:
            NotValid: nothing was acknowledged, or the run cannot be believed.
        """
        flags = {**self.request.flags, "duration": f"{PROBE_S:g}s", "warmup": f"{PROBE_WARMUP_S:g}s"}
        outcome = self._run(flags, "probe", PROBE_S + PROBE_WARMUP_S)
        result = outcome.result
        acked, payload = value_at(result, "messages.acked"), value_at(result, "bytes.payload")
        rate = value_at(result, "throughput.acked_per_s")
        if not acked or not rate or payload is None:
            raise NotValid(
                "the flat-out probe got nothing acknowledged, so there is no rate to begin with: loadgen doctor"
            )
        broker = result.get("broker", {})
        self.probed = Probe(
            rate, payload / acked, broker.get("kind") == "mock", broker.get("brokers", 1), outcome.folder
        )
        return self.probed

    def plan(self, probe: Probe) -> CapacityPlan:
        """Where to search, from what was asked and what the probe reached."""
        least = self.request.least_per_s or max(
            probe.acked_per_s * LEAST_SHARE, least_judgeable_per_s(self.request), 1.0
        )
        most = self.request.most_per_s or 1e9
        return CapacityPlan(
            start_per_s=min(max(probe.acked_per_s * START_SHARE, least), most),
            least_per_s=least,
            most_per_s=max(most, least),
            confirm_runs=self.request.confirm_runs,
            soak=self.request.soak_s is not None,
        )

    def most_bytes(self, probe: Probe) -> float:
        """What the search can send at most, about: every run at the rate that the probe reached."""
        each = self.request.warmup_s
        seconds = MAX_RUNS * (self.request.search_s + each) + self.request.confirm_runs * (
            self.request.confirm_s + each
        )
        return (seconds + (self.request.soak_s or 0.0)) * probe.acked_per_s * probe.bytes_per_record

    def __call__(self, rate_per_s: float, purpose: str) -> JudgedStep:
        """One step (`capacity.Step`).

        Raises:
            UsageError: it would exceed --max-bytes.
        """
        length_s = self.request.lengths_s()[purpose]
        per_record = self.probed.bytes_per_record if self.probed else 0.0
        ahead = rate_per_s * (length_s + self.request.warmup_s) * per_record
        if self.sent_bytes + ahead > self.request.max_bytes:
            raise UsageError(
                f"--max-bytes {self.request.max_bytes / (1 << 30):.1f} GiB: {self.sent_bytes / (1 << 30):.1f} are sent and the "
                f"next step adds {ahead / (1 << 30):.1f}; raise it and --resume {self.recorder.path}"
            )
        flags = {
            **self.request.flags,
            "rate": f"{rate_per_s:.0f}",
            "duration": f"{length_s:g}s",
            "warmup": f"{self.request.warmup_s:g}s",
        }
        at_s = self.now_s() - self.started_s
        outcome = self._run(flags, purpose, length_s + self.request.warmup_s)
        return judge_step(
            outcome.result,
            outcome.intervals,
            self.request.rules,
            rate_per_s,
            purpose=purpose,
            at_s=at_s,
            folder=outcome.folder,
        )

    def _run(self, flags: dict[str, Any], label: str, length_s: float) -> RunOutcome:
        outcome = self.door(Request(flags=flags, folder=self.recorder.run_folder(label), broker=self.broker))
        self.inside_s += length_s
        self.recorder.add_run(outcome.folder, label)
        share = (value_at(outcome.result, "plan.warmup_s") or 0.0) / max(length_s, 1e-9)
        self.sent_bytes += (value_at(outcome.result, "bytes.payload") or 0.0) / max(1 - share, 0.1)
        return outcome


def least_judgeable_per_s(request: CapacityRequest) -> float:
    """The rate below which a run of the search has too few records for the SLO's percentile."""
    return max(
        (values_needed(_quantile(rule)) * 1.1 / request.search_s for rule in request.rules if _quantile(rule)),
        default=0.0,
    )


def _quantile(rule: Rule) -> float:
    """Of `…p99_9` 0.999; 0: the rule is of no percentile."""
    digits = rule.metric.rpartition(".p")[2] if rule.is_latency and ".p" in rule.metric else ""
    return float(f"0.{digits.replace('_', '')}") if digits else 0.0


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
        "flags": {name: value for name, value in request.flags.items() if name != "X"},
    }


def run_search(
    request: CapacityRequest, runs: CapacityRuns, recorder: Recorder, on_step: Callable[[Search, JudgedStep], None]
) -> tuple[Found, dict[str, Any]]:
    """Search and write the record as it goes; a record that has steps is gone on with.

    Returns:
        What was found, and the answer by the contract's keys.

    Raises:
        LoadgenError, KeyboardInterrupt: it ended early; the record says so and can be resumed.
    """
    before = [msgspec.convert(step, JudgedStep) for step in recorder.experiment.steps]
    try:
        kept = recorder.experiment.rule.get("probe")
        probe = msgspec.convert(kept, Probe) if kept else runs.probe()
        runs.probed = probe
        recorder.write(rule={**rule_of(request), "probe": probe}, on_mock=probe.on_mock)
        plan = runs.plan(probe)

        def after(search: Search, step: JudgedStep) -> None:
            recorder.write(steps=list(search.steps))
            on_step(search, step)

        search = Search(plan, replayed(before, runs), after)
        found = search.find()
    except BaseException:
        recorder.write(state="interrupted")
        raise
    answer = answer_of(request, found, search.steps, probe)
    elapsed_s = runs.now_s() - runs.started_s
    answer["overhead_share"] = max(1 - runs.inside_s / elapsed_s, 0.0) if elapsed_s > 0 else 0.0
    recorder.write(state="done", answer=answer)
    return found, answer


def answer_of(request: CapacityRequest, found: Found, steps: list[JudgedStep], probe: Probe) -> dict[str, Any]:
    """The answer by the contract's keys."""
    confirmed = [
        step for step in steps if step.purpose == "confirm" and step.rate_per_s == found.held_per_s and step.held
    ]
    shown = found.rate_per_s or found.held_per_s
    mib_per_s = shown * probe.bytes_per_record / (1 << 20) if shown else None
    return {
        "rate_per_s": found.rate_per_s,
        "low": found.low,
        "high": found.high,
        "bound": found.bound,
        "stopped_by": found.stopped_by,
        "limited_by": limited_by(found, steps),
        "held_per_s": found.held_per_s,
        "held_s": request.confirm_s if confirmed else None,
        "confirmed_runs": [step.folder for step in confirmed],
        "mib_per_s": mib_per_s,
        "per_broker_per_s": shown / max(probe.brokers, 1) if shown else None,
        "slo": [rule.text for rule in request.rules],
        "doubts": found.doubts,
        "exit_code": exit_code(found),
    }


def limited_by(found: Found, steps: list[JudgedStep]) -> str:
    """Who was the limit: of the runs that missed the SLO near the edge, what most of them say."""
    if found.stopped_by == "generator":
        return "generator"
    if found.bound == "at_least":
        return "plan"
    missed = [step.limited_by for step in steps if not step.held and not step.generator and step.limited_by != "plan"]
    return statistics.mode(missed) if missed else "broker" if found.bound == "interval" else "unknown"


def exit_code(found: Found) -> int:
    """0 interval, or at least because of --max; 5 the generator or a run that cannot be judged; 99 below; 6 unsteady."""
    if found.stopped_by in {"generator", "invalid"}:
        return 5
    return EXIT_CODES[found.bound]
