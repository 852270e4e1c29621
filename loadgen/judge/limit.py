"""A limit in words: `throughput.acked_per_s-10%`, `cost.cpu_us_per_message+10%`. The sign is the direction that hurts.

Only what is a ratio by nature can be limited so: a metric that may be 0 or negative has no logarithm. Not here: values
(`slo.value_at`), verdicts.
"""

import math
import re

import msgspec

from loadgen.errors import UsageError
from loadgen.properties import nearest
from loadgen.slo import LATENCIES, STATISTICS

LESS_IS_WORSE = frozenset(
    {
        "throughput.acked_per_s",
        "throughput.payload_mib_per_s",
        "bytes.messages_per_request",
        "bytes.batch_fill_pct",
        "bytes.compression_ratio",
    }
)
MORE_IS_WORSE = frozenset(
    {f"latency_us.{latency}.{statistic}" for latency in LATENCIES for statistic in STATISTICS}
    | {"cost.cpu_us_per_message", "cost.rss_mib_max", "bytes.wire_per_message"}
)
GATED = LESS_IS_WORSE | MORE_IS_WORSE
DEFAULT_LIMITS = ("throughput.acked_per_s-10%", "cost.cpu_us_per_message+10%")


def less_is_worse(metric: str) -> bool:
    """Whether a fall of this metric is a loss."""
    return metric in LESS_IS_WORSE


def full_name(name: str) -> str:
    """A metric's whole path: `response.p99` is latency_us.response.p99, `p99.9` is p99_9."""
    path = f"latency_us.{name}" if name.split(".")[0] in LATENCIES else name
    return re.sub(r"(p99)\.(9+)$", r"\1_\2", path)


class Limit(msgspec.Struct, frozen=True):
    """One deciding metric and how much of it may be lost.

    Attributes:
        text: as it was written.
        metric: the whole path.
        log_loss: the limit as a natural logarithm, above 0: −10 % is −ln 0.9 = 0.105, +10 % is ln 1.1 = 0.095.
    """

    text: str
    metric: str
    log_loss: float

    def loss(self, log_ratio: float) -> float:
        """A log-ratio candidate ÷ baseline as a loss: above 0 is worse."""
        return -log_ratio if less_is_worse(self.metric) else log_ratio

    def tightened(self, log_loss: float) -> "Limit":
        """The same metric with another limit, its text made anew."""
        return limit_of(self.metric, log_loss)


def limit_of(metric: str, log_loss: float) -> Limit:
    """A limit from a metric's path and a loss as a logarithm."""
    percent = 100 * (-math.expm1(-log_loss) if less_is_worse(metric) else math.expm1(log_loss))
    return Limit(f"{metric}{'-' if less_is_worse(metric) else '+'}{percent:.3g}%", metric, log_loss)


def parse_limit(text: str) -> Limit:
    """A limit from its words.

    Raises:
        UsageError: not of the form, a metric that cannot be gated (with the nearest that can), or a sign that calls a
            gain a loss.
    """
    match = re.fullmatch(r"\s*([a-z0-9_.]+?)\s*([+-])\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if match is None:
        raise UsageError(f"--fail-if {text!r}: write it like {DEFAULT_LIMITS[0]} or response.p99+20%")
    name, sign, number = match.groups()
    metric, percent = full_name(name), float(number)
    if metric not in GATED:
        shown = [known.removeprefix("latency_us.") for known in sorted(GATED)]
        raise UsageError(f"--fail-if {text!r}: {name} cannot be gated by a ratio{nearest(name, shown)}")
    if (sign == "-") != less_is_worse(metric):
        meant = text.strip().replace(sign, "+" if sign == "-" else "-")
        raise UsageError(f"--fail-if {text!r}: a change in that direction is a gain; did you mean {meant}?")
    if not 0 < percent < (100 if sign == "-" else 1000):
        raise UsageError(f"--fail-if {text!r}: {number} % must be above 0 and below {'100' if sign == '-' else '1000'}")
    return Limit(text.strip(), metric, -math.log1p(-percent / 100) if sign == "-" else math.log1p(percent / 100))
