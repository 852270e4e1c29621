"""The one command that a reader of this result most likely wants next, to be typed as it is. Pure."""

from loadgen.report.result import Result, RuleOutcome
from loadgen.report.wording import rule_of

_START = {"kafka": "--start kafka", "redpanda": "--start redpanda", "mock": "--start mock", "external": "-b …"}


def next_step(result: Result) -> str | None:
    """A command and why, or None when the doubts already say what to do."""
    if not result.verdict.valid or result.verdict.exit_code in {3, 4, 130, 143}:
        return None
    where = _START[result.broker.kind]
    missed = next((outcome for outcome in result.verdict.slo if outcome.ok is not True), None)
    if missed is not None:
        return _after_miss(result, where, missed)
    if result.broker.kind == "mock":
        return "loadgen run --start kafka   (a real broker; it needs a container engine, or Java and Maven)"
    if result.plan.loop == "closed":
        return f"loadgen run {where} -r 70%   (a latency needs a rate that leaves room)"
    if result.delivered.verified is None and result.plan.events in {"stamped", "fresh"}:
        return f"loadgen run {where} -r {flag_rate(result)} --verify   (is every record stored, once and in order?)"
    return None


def _after_miss(result: Result, where: str, missed: RuleOutcome) -> str | None:
    rule = rule_of(missed)
    offered = result.plan.offered_per_s
    if rule is None or offered is None:
        return None
    if rule.is_latency:
        return f"loadgen run {where} -r {_rate(offered / 2)} --slo '{rule.text}'   (does half the rate hold it?)"
    if rule.metric == "throughput.achieved_ratio" and result.throughput.acked_per_s > 1:
        return f"loadgen run {where} -r {_rate(result.throughput.acked_per_s * 0.9)}   (a rate that it may keep)"
    return None


def flag_rate(result: Result) -> str:
    """The run's rate as `-r` takes it."""
    return _rate(result.plan.offered_per_s or 0.0)


def _rate(per_s: float) -> str:
    whole = max(1, round(per_s))
    return f"{whole // 1000}k/s" if whole % 1000 == 0 else f"{whole}"
