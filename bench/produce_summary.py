"""Runs of the produce path as rows, and what they say together.

Place: `produce_path.py` fills the rows, `plots.py` draws the summaries.
"""

import math
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.event_cost import EventCosts
from bench.interval import MedianInterval, median_interval
from loadgen.errors import UsageError
from loadgen.judge.stats import paired

FILE = "produce.json"
Phase = Literal["flat_out", "at_rate"]
REFERENCE = "msgspec"

METRICS = (
    "acked_per_s",
    "cpu_us_per_message",
    "service_p50_us",
    "service_p99_us",
    "response_p50_us",
    "response_p99_us",
)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Figures are None when the run was not valid, `problem` then says why; or when it has no such figure."""

    target: str
    phase: Phase
    round: int
    serializer: str
    problem: str | None = None
    offered_per_s: float | None = None
    acked_per_s: float | None = None
    cpu_us_per_message: float | None = None
    service_p50_us: float | None = None
    service_p99_us: float | None = None
    response_p50_us: float | None = None
    response_p99_us: float | None = None
    instrument: str | None = None
    limited_by: str | None = None
    doubts: list[str] = []

    @classmethod
    def of(cls, target: str, phase: Phase, number: int, serializer: str, result: dict[str, Any]) -> "Run":
        """The row of a run from its result.json, or from what stood in its place."""
        if "error" in result:
            return cls(target=target, phase=phase, round=number, serializer=serializer, problem=result["error"])
        verdict, messages = result["verdict"], result["messages"]
        problem = None
        if not verdict["valid"]:
            problem = f"not valid: {verdict['headline']}"
        elif messages["acked"] != messages["attempted"]:
            problem = f"{messages['attempted'] - messages['acked']} messages were not acknowledged"
        figures = {} if problem else _figures(result)
        return cls(
            target=target,
            phase=phase,
            round=number,
            serializer=serializer,
            problem=problem,
            offered_per_s=result["plan"]["offered_per_s"],
            instrument=result["client"]["instrument"],
            limited_by=verdict["limited_by"],
            doubts=[doubt["code"] for doubt in verdict["doubts"]],
            **figures,
        )

    def as_line(self) -> str:
        """For a person who waits."""
        head = f"{self.target:10} {self.phase:8} round {self.round + 1}  {self.serializer:10}"
        if self.problem:
            return f"{head} {self.problem}"
        cpu = "" if self.cpu_us_per_message is None else f"{self.cpu_us_per_message:8.2f} µs CPU/msg"
        p99 = "" if self.response_p99_us is None else f"  response p99 {self.response_p99_us / 1000:8.2f} ms"
        return f"{head} {self.acked_per_s:10,.0f} msg/s {cpu}{p99}"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the valid runs of one serializer in one phase of one target say.

    Args:
        runs: valid ones, of `rounds`.
        metrics: name → median, low, high, coverage of the interval (`interval.py`).
        ratio_to_msgspec: name → estimate, low, high of the metric ÷ msgspec's, paired by round; the 95 % interval
            inverts the gate's sign-flip test, None where there are too few rounds for one.
        make_us: CPU of making and translating one order.
        serialize_us: CPU of one serialization alone.
        serialize_share: of the CPU of a whole message.
    """

    target: str
    phase: Phase
    serializer: str
    runs: int
    rounds: int
    offered_per_s: float | None
    metrics: dict[str, MedianInterval]
    ratio_to_msgspec: dict[str, tuple[float, float | None, float | None]]
    make_us: float
    serialize_us: float
    serialize_share: float | None


class Record(msgspec.Struct):
    """`produce.json`: what was asked, on which machine, and what came out."""

    commands: list[str] = []
    settings: dict[str, Any] = {}
    machine: dict[str, Any] = {}
    summaries: list[Summary] = []


def read_record(folder: Path) -> Record:
    """The record of a folder.

    Raises:
        UsageError: it holds something else.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Record)
    except msgspec.DecodeError as error:
        raise UsageError(f"{folder / FILE}: not what python -m bench produce writes: {error}") from error


def summarize(runs: list[Run], costs: EventCosts) -> list[Summary]:
    """One summary for each target, phase and serializer that has a valid run, in the order of their first runs.

    Args:
        runs: rows, invalid ones included.
        costs: of making and of serializing an event.
    """
    groups: dict[tuple[str, Phase, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.target, run.phase, run.serializer), []).append(run)
    summaries = []
    for (target, phase, serializer), group in groups.items():
        valid = [run for run in group if run.problem is None]
        if not valid:
            continue
        metrics = {name: median_interval(values) for name in METRICS if (values := _values(valid, name))}
        cpu = metrics.get("cpu_us_per_message")
        reference = groups.get((target, phase, REFERENCE), [])
        summaries.append(
            Summary(
                target=target,
                phase=phase,
                serializer=serializer,
                runs=len(valid),
                rounds=len(group),
                offered_per_s=valid[0].offered_per_s,
                metrics=metrics,
                ratio_to_msgspec={name: ratio for name in METRICS if (ratio := _ratio(valid, reference, name))},
                make_us=costs.make_us,
                serialize_us=costs.serialize_us[serializer],
                serialize_share=costs.serialize_us[serializer] / cpu.median if cpu else None,
            )
        )
    return summaries


LATENCY_COLUMNS = ("service p50", "service p99", "response p50", "response p99")


def table(summaries: list[Summary]) -> str:
    """The summaries for a person, a block for each target and phase; intervals of medians in brackets."""
    lines = []
    for target, phase in dict.fromkeys((summary.target, summary.phase) for summary in summaries):
        block = [summary for summary in summaries if (summary.target, summary.phase) == (target, phase)]
        offered = block[0].offered_per_s
        load = "flat out" if phase == "flat_out" else f"offered {offered or 0:,.0f} msg/s to each"
        mock = "MOCK, no Kafka was involved: " if target == "mock" else ""
        latencies = LATENCY_COLUMNS if phase == "at_rate" else ()
        lines.append(f"\n{mock}{target}, {load}; medians of {block[0].rounds} rounds")
        lines.append(
            f"  {'serializer':10} {'msg/s':>24} {'µs CPU a message':>20} {'serializing':>11}"
            + "".join(f" {name + ' ms':>22}" for name in latencies)
        )
        for summary in sorted(block, key=lambda summary: summary.serializer):
            share = "" if summary.serialize_share is None else f"{summary.serialize_share:.0%}"
            lines.append(
                f"  {summary.serializer:10} {_spread(summary.metrics.get('acked_per_s'), 1, ',.0f'):>24}"
                f" {_spread(summary.metrics.get('cpu_us_per_message'), 1, '.1f'):>20} {share:>11}"
                + "".join(
                    f" {_spread(summary.metrics.get(name.replace(' ', '_') + '_us'), 1000, '.2f'):>22}"
                    for name in latencies
                )
                + ("" if summary.runs == summary.rounds else f"  {summary.runs} of {summary.rounds} runs valid")
            )
    return "\n".join(lines)


def _figures(result: dict[str, Any]) -> dict[str, float | None]:
    latency, figures = result["latency_us"], {}
    for name in ("service", "response"):
        for quantile in ("p50", "p99"):
            figures[f"{name}_{quantile}_us"] = latency[name][quantile] if latency[name] else None
    figures["acked_per_s"] = result["throughput"]["acked_per_s"]
    figures["cpu_us_per_message"] = result["cost"]["cpu_us_per_message"]
    return figures


def _values(runs: list[Run], name: str) -> list[float]:
    return [value for run in runs if (value := getattr(run, name)) is not None]


def _ratio(runs: list[Run], reference: list[Run], name: str) -> tuple[float, float | None, float | None] | None:
    """Metric ÷ msgspec's of the same round: what slowed a round down slowed both."""
    of_reference = {run.round: getattr(run, name) for run in reference}
    logs = [
        math.log(value / base)
        for run in runs
        if (value := getattr(run, name)) and (base := of_reference.get(run.round))
    ]
    if not logs:
        return None
    found = paired(logs)
    if not math.isfinite(found.log_low):
        return found.ratio, None, None
    return found.ratio, math.exp(found.log_low), math.exp(found.log_high)


def _spread(figure: MedianInterval | None, divisor: float, form: str) -> str:
    if figure is None:
        return ""
    middle, low, high = (format(value / divisor, form) for value in figure[:3])
    return f"{middle} [{low}–{high}]"
