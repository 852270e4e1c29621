"""Limits in words."""

import math

import pytest

from loadgen.errors import UsageError
from loadgen.judge.limit import DEFAULT_LIMITS, GATED, limit_of, parse_limit


@pytest.mark.parametrize(
    ("text", "metric", "log_loss"),
    [
        ("throughput.acked_per_s-10%", "throughput.acked_per_s", -math.log(0.9)),
        ("cost.cpu_us_per_message + 10 %", "cost.cpu_us_per_message", math.log(1.1)),
        ("response.p99+20%", "latency_us.response.p99", math.log(1.2)),
        ("service.p99.9+2.5%", "latency_us.service.p99_9", math.log(1.025)),
    ],
)
def test_a_limit_is_a_metric_and_a_loss(text: str, metric: str, log_loss: float) -> None:
    """The sign is the direction that hurts, the loss a logarithm above 0."""
    limit = parse_limit(text)

    assert (limit.metric, limit.log_loss) == (metric, pytest.approx(log_loss))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("throughput.acked_per_s+10%", "is a gain; did you mean throughput.acked_per_s-10%"),
        ("cost.cpu_us_per_message-10%", "is a gain"),
        ("reponse.p99+20%", "did you mean response.p99"),
        ("messages.failed+10%", "cannot be gated"),
        ("throughput.acked_per_s-100%", "below 100"),
        ("response.p99+0%", "above 0"),
        ("response.p99<25ms", "write it like"),
        ("response.p99+20", "write it like"),
    ],
)
def test_a_wrong_limit_is_refused_with_the_right_form(text: str, complaint: str) -> None:
    """Nothing that calls a gain a loss, has no ratio or is misspelt is taken."""
    with pytest.raises(UsageError, match=complaint.replace("+", r"\+")):
        parse_limit(text)


@pytest.mark.parametrize("text", DEFAULT_LIMITS)
def test_the_defaults_are_limits(text: str) -> None:
    """Both are read, and a loss in one's own direction is above 0."""
    limit = parse_limit(text)

    assert limit.loss(-1 if "-" in text else 1) == 1


@pytest.mark.parametrize("metric", sorted(GATED))
def test_a_limit_made_from_a_loss_reads_back(metric: str) -> None:
    """What calibration writes into gate.toml is what the gate reads, to three digits."""
    limit = limit_of(metric, 0.0723)

    assert parse_limit(limit.text).log_loss == pytest.approx(0.0723, rel=0.01)
    assert parse_limit(limit.text).metric == metric
