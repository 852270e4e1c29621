"""Rules in words: `response.p99<25ms`, `throughput.achieved_ratio>=0.99`. A metric is its path in result.json.

`latency_us.` may be left out. A latency needs a unit; an unknown metric is refused before the run, not passed silently.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from loadgen.properties import nearest
from loadgen.quantities import parse_duration_s

LATENCIES = ("service", "response", "lateness", "request_rtt", "end_to_end")
STATISTICS = ("mean", "p50", "p90", "p99", "p99_9", "p99_99", "max")
PLAIN = (
    "throughput.acked_per_s",
    "throughput.achieved_ratio",
    "throughput.payload_mib_per_s",
    "throughput.wire_mib_per_s",
    "messages.failed_ratio",
    "messages.failed",
    "messages.unknown",
    "messages.rejected",
    "bytes.wire",
    "bytes.messages_per_request",
    "bytes.batch_fill_pct",
    "bytes.compression_ratio",
    "cost.cpu_us_per_message",
    "cost.rss_mib_max",
    "cost.headroom",
    "steady.drift_pct",
)
METRICS = tuple(f"latency_us.{latency}.{statistic}" for latency in LATENCIES for statistic in STATISTICS) + PLAIN
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Rule(msgspec.Struct, frozen=True):
    """One rule.

    Attributes:
        text: as it was written.
        metric: the whole path, such as latency_us.response.p99.
        bound: in the metric's own unit.
    """

    text: str
    metric: str
    comparison: str
    bound: float

    @property
    def is_latency(self) -> bool:
        return self.metric.startswith("latency_us.")

    def holds(self, value: float) -> bool:
        """Whether a measured value keeps the rule."""
        return _OPERATORS[self.comparison](value, self.bound)


def parse_rule(text: str) -> Rule:
    """A rule from its words.

    Raises:
        ValueError: no comparison, an unknown metric (with the nearest known), a latency without a unit.
    """
    match = re.fullmatch(r"\s*([a-z0-9_.]+?)\s*(<=|>=|<|>)\s*(\S+)\s*", text)
    if match is None:
        raise ValueError(f"{text!r} is not a rule; write it like response.p99<25ms")
    name, comparison, bound = match.groups()
    metric = f"latency_us.{name}" if name.split(".")[0] in LATENCIES else name
    metric = re.sub(r"(p99)\.(9+)$", r"\1_\2", metric)
    if metric not in METRICS:
        shown = [known.removeprefix("latency_us.") for known in METRICS]
        raise ValueError(f"{text!r}: unknown metric {name}{nearest(name, shown)}")
    if metric.startswith("latency_us."):
        if re.fullmatch(r"[\d.]+", bound):
            raise ValueError(f"{text!r}: a time needs a unit, like {name}{comparison}{bound}ms")
        return Rule(text, metric, comparison, round(parse_duration_s(bound) * 1e6, 3))
    try:
        return Rule(text, metric, comparison, float(bound))
    except ValueError:
        raise ValueError(f"{text!r}: {bound!r} is not a number") from None


def value_at(result: Mapping[str, Any], metric: str) -> float | None:
    """What a result (as plain data) says of a metric; None when it is null there."""
    at: Any = result
    for part in metric.split("."):
        at = at.get(part) if isinstance(at, Mapping) else None
    return float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None
