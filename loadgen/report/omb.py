"""A run as an OpenMessaging Benchmark result, with the further keys of Redpanda's fork. Pure.

Their publish latency is from send to acknowledgement (our service, ms), their publish delay from intended to sent (our
lateness, µs). Response has no place there and stays in result.json. A list holds one sample for ten seconds of the measured
phase, which is what their chart scripts put on the time axis; percentiles of a sample come from its histogram, never
from percentiles. Where the run kept one histogram for all its time, the latency lists have that one sample.
Without consumers their result has zeros for what was read, and so has this one.
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from loadgen.errors import UsageError
from loadgen.recorder.histogram import CELLS, bounds_of, middle_of
from loadgen.report import ground
from loadgen.report.curves import percentile_curve
from loadgen.report.result import Interval
from loadgen.report.stored import Run

SAMPLE_S = 10
SHARES = (
    ("50pct", 0.5),
    ("75pct", 0.75),
    ("95pct", 0.95),
    ("99pct", 0.99),
    ("999pct", 0.999),
    ("9999pct", 0.9999),
    ("99999pct", 0.99999),
)


class Naming(NamedTuple):
    """Their name of a latency, our metric, how many microseconds its unit has, and whether it is whole there."""

    name: str
    metric: str
    unit_us: int
    is_whole: bool = False


LATENCIES = (
    Naming("publishLatency", "service", 1000),
    Naming("publishDelayLatency", "lateness", 1, is_whole=True),
    Naming("scheduleLatency", "lateness", 1000),  # the fork's name and unit of the same
    Naming("endToEndLatency", "end_to_end", 1000),
)
Counts = npt.NDArray[np.int64]


def omb(run: Run) -> dict[str, Any]:
    """The keys of their TestResult, filled."""
    result = run.result
    rows = [row for row in run.intervals if row.phase == "measured"]
    samples = [list(part) for _, part in itertools.groupby(rows, _sample_of(rows))]
    length_s = ground.measured_s(result) or 0.0
    try:
        begin = datetime.fromisoformat(result.started_at) + timedelta(seconds=result.plan.warmup_s)
        end = begin + timedelta(seconds=length_s)
    except OverflowError:
        raise UsageError(
            f"{run.name}: ends after the year 9999, so its result was changed; no OMB file of it"
        ) from None
    told: dict[str, Any] = {
        "workload": run.name,
        "driver": ("MOCK " if result.broker.kind == "mock" else "") + ground.broker(result),
        "version": result.environment.get("loadgen"),
        "beginTime": begin.isoformat(timespec="milliseconds"),
        "endTime": end.isoformat(timespec="milliseconds"),
        "sampleRateMillis": SAMPLE_S * 1000,
        "messageSize": round(result.bytes.payload / result.messages.acked) if result.messages.acked else 0,
        "topics": 1,
        "partitions": result.plan.partitions,
        "producersPerTopic": result.plan.producers,
        "consumersPerTopic": 0,
        "sent": [sum(row.acked for row in sample) for sample in samples],
        "publishFailed": [sum(row.failed + row.unknown + row.rejected for row in sample) for sample in samples],
        "consumed": [0 for _ in samples],
        "consumeFailed": [0 for _ in samples],
        "publishRate": [_per_s(sample, "acked") for sample in samples],
        "publishErrorRate": [_per_s(sample, "failed", "unknown", "rejected") for sample in samples],
        "consumeRate": [0.0 for _ in samples],
        "backlog": [0 for _ in samples],
    }
    for naming in LATENCIES:
        told |= _latency(run, naming)
    return told


def _sample_of(rows: Sequence[Interval]) -> Any:
    """Which ten seconds of the measured phase a row lies in, by its middle."""
    start_s = rows[0].second - rows[0].length_s if rows else 0.0
    return lambda row: int((row.second - row.length_s / 2 - start_s) // SAMPLE_S)


def _per_s(sample: Sequence[Interval], *names: str) -> float:
    records: int = sum(getattr(row, name) for row in sample for name in names)
    return records / sum(row.length_s for row in sample)


def _latency(run: Run, naming: Naming) -> dict[str, Any]:
    """The lists, the aggregate and the quantiles of one latency."""
    name, metric, unit_us, is_whole = naming
    whole = np.asarray(run.histograms.get(metric, np.zeros(CELLS, np.int64)), dtype=np.int64)
    samples = [_statistics(counts) for counts in _samples(run, metric)] or [_statistics(whole)]
    aggregate = _statistics(whole)
    exact = getattr(run.result.latency_us, metric)
    if exact is not None:
        aggregate |= {"Avg": exact.mean, "Max": exact.max}
    curve = percentile_curve(whole, exact.max if exact is not None else float("inf"))
    quantiles = {} if curve is None else dict(zip(map(_percent, curve.rarity), curve.value_ms, strict=True))
    if curve is not None:
        quantiles["100.0"] = curve.value_ms[-1]

    def told(key: str, value_us: float) -> float:
        return round(value_us) if is_whole and key != "Avg" else value_us / unit_us

    prefix = f"aggregated{name[0].upper()}{name[1:]}"
    return {
        **{f"{name}{key}": [told(key, sample[key]) for sample in samples] for key in aggregate},
        **{f"{prefix}{key}": told(key, value) for key, value in aggregate.items()},
        f"{prefix}Quantiles": {share: told("", value * 1000) for share, value in quantiles.items()},
    }


def _percent(rarity: float) -> str:
    return repr(100 - 100 / rarity)


def _samples(run: Run, metric: str) -> Iterable[Counts]:
    """The histograms of a metric, ten seconds together; none when the run kept only one for all its time."""
    intervals = [interval for interval in run.interval_histograms if interval.metric == metric]
    if len(intervals) < 2:
        return []
    groups = itertools.groupby(intervals, lambda interval: int(interval.start_s // SAMPLE_S))
    return [np.sum([np.asarray(interval.counts, dtype=np.int64) for interval in group], axis=0) for _, group in groups]


def _statistics(counts: Counts) -> dict[str, float]:
    """Least, mean, percentiles and largest of counts, µs; zeros when there are none, as theirs."""
    filled = np.flatnonzero(counts)
    if not len(filled):
        return dict.fromkeys(["Min", "Avg", *(key for key, _ in SHARES), "Max"], 0.0)
    cumulative = np.cumsum(counts[filled])
    n = int(cumulative[-1])
    values = np.array([middle_of(int(cell)) for cell in filled])
    told = {"Min": float(values[0]), "Avg": float((values * counts[filled]).sum() / n)}
    for key, share in SHARES:
        told[key] = float(values[np.searchsorted(cumulative, max(1, int(np.ceil(share * n - 1e-9))))])
    return told | {"Max": float(bounds_of(int(filled[-1]))[1])}
