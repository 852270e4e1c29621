"""Rules in words."""

import msgspec
import pytest

from loadgen.report.result import Bytes, Cost, Latency, Messages, Steady, Throughput
from loadgen.slo import METRICS, parse_rule, value_at


def test_a_latency_rule_is_in_microseconds_whatever_unit_was_written() -> None:
    """25 ms and 25000 us are the same bound, and `latency_us.` may be left out."""
    rules = [parse_rule(text) for text in ("response.p99<25ms", "latency_us.response.p99 < 25000us")]

    assert [(rule.metric, rule.bound) for rule in rules] == [("latency_us.response.p99", 25_000)] * 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("reponse.p99<25ms", "did you mean response.p99"),
        ("response.p98<25ms", "unknown metric"),
        ("response.p99<25", "needs a unit"),
        ("response.p99", "not a rule"),
        ("response.p99=25ms", "not a rule"),
        ("throughput.acked_per_s>fast", "not a number"),
    ],
)
def test_a_wrong_rule_is_refused_before_the_run(text: str, complaint: str) -> None:
    """An unknown metric or a bound without a unit never passes silently."""
    with pytest.raises(ValueError, match=complaint):
        parse_rule(text)


@pytest.mark.parametrize(
    ("text", "value", "holds"), [("<5", 5, False), ("<=5", 5, True), (">5", 5, False), (">=5", 5, True)]
)
def test_comparisons_at_the_bound(text: str, value: float, holds: bool) -> None:
    """The bound itself belongs to <= and >= only."""
    assert parse_rule(f"bytes.wire{text}").holds(value) is holds


def test_p99_9_may_be_written_as_people_say_it() -> None:
    """p99.9 is the key p99_9."""
    assert parse_rule("service.p99.9<1s").metric == "latency_us.service.p99_9"


def test_every_metric_is_a_key_of_the_result() -> None:
    """No rule can be accepted whose metric a result does not have."""
    sections = {
        "latency_us": Latency,
        "throughput": Throughput,
        "messages": Messages,
        "bytes": Bytes,
        "cost": Cost,
        "steady": Steady,
    }
    for metric in METRICS:
        section, name, *_ = metric.split(".")
        assert name in sections[section].__struct_fields__, metric


def test_a_null_keeps_no_rule() -> None:
    """A value that could not be taken is None, not 0 and not a pass."""
    assert value_at(msgspec.to_builtins(Latency()), "service.p99") is None
    assert value_at({"latency_us": {"response": None}}, "latency_us.response.p99") is None
