"""One run's result as the judge reads it: values of metrics, and why the run may not be judged at all.

A run is one value of each metric, whatever it held inside. Not here: the judgement of a single run
(`report.validity`), whose answer is taken over.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from loadgen.judge.conditions import at
from loadgen.judge.limit import GATED
from loadgen.slo import value_at

WIRE_PER_MESSAGE = "bytes.wire_per_message"
KEPT_RATIO = 0.99
# What is shown of every run beside what decides; a latency needs a run at a rate.
WATCHED_FLAT_OUT = ("throughput.acked_per_s", "cost.cpu_us_per_message", WIRE_PER_MESSAGE, "cost.rss_mib_max")
WATCHED_AT_RATE = ("latency_us.response.p50", "latency_us.response.p99", "latency_us.service.p99")


def metric_value(data: Mapping[str, Any], metric: str) -> float | None:
    """A metric of a result as plain data; None when the run has no such value."""
    if metric == WIRE_PER_MESSAGE:
        wire, acked = value_at(data, "bytes.wire"), value_at(data, "messages.acked")
        return wire / acked if wire is not None and acked else None
    return value_at(data, metric)


def needs_rate(metric: str) -> bool:
    """Whether a metric has a meaning only at one equal offered rate: latencies, and what an open loop is made of."""
    return metric.startswith("latency_us.")


def values(data: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, float]:
    """Those of some metrics that the run has."""
    found = {metric: metric_value(data, metric) for metric in metrics}
    return {metric: value for metric, value in found.items() if value is not None}


def all_values(data: Mapping[str, Any]) -> dict[str, float]:
    """Every metric that could be compared by a ratio: present and above 0."""
    return {metric: value for metric, value in values(data, sorted(GATED)).items() if value > 0}


def complaints(data: Mapping[str, Any], *, at_rate: bool) -> list[str]:
    """Why a run cannot stand in a comparison; none when it can.

    Args:
        at_rate: the run was to keep an offered rate, so that its latencies may be compared.
    """
    found: list[str] = []
    if at(data, "verdict.valid") is not True:
        told = at(data, "verdict.doubts")
        doubts = told if isinstance(told, list) else []
        found += [str(doubt.get("message")) for doubt in doubts if isinstance(doubt, Mapping) and doubt.get("invalid")]
        found = found or ["the run does not say that it is valid"]
    acked = value_at(data, "messages.acked")
    if not acked:
        found.append("nothing was acknowledged")
    for what in ("failed", "unknown"):
        count = value_at(data, f"messages.{what}")
        if count is None or not math.isfinite(count):
            found.append(f"messages.{what} is missing or no number")
        elif acked and count > acked * 1e-4:
            found.append(f"{count:,.0f} records {what} of {acked:,.0f}: what is faster at losing is not faster")
    if at_rate:
        found += _rate_complaints(data)
    return found


def _rate_complaints(data: Mapping[str, Any]) -> list[str]:
    achieved = value_at(data, "throughput.achieved_ratio")
    if achieved is None or not math.isfinite(achieved):
        return ["no achieved ratio: the run had no rate, so its latencies cannot be compared"]
    found = []
    if achieved < KEPT_RATIO:
        found.append(f"only {achieved:.1%} of the offered rate was achieved")
    if at(data, "verdict.limited_by") == "generator":
        found.append("the generator was the limit, so the latencies are its own")
    return found
