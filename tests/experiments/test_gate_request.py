"""What was asked of a gate, from flags and file, and what is refused before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import UsageError
from loadgen.experiments.gate_request import request_of
from tests.experiments.test_gate_session import MOCK, elsewhere

__all__ = ["elsewhere"]


@pytest.mark.parametrize(
    ("flags", "plant"),
    [
        ({}, {"events": "fresh"}),
        ({"record_size": "200"}, {"instrument": "python"}),
        ({"events": "fresh"}, {"instrument": "python"}),
    ],
)
def test_what_is_planted_leaves_the_records_as_they_are(flags: dict[str, str], plant: dict[str, str]) -> None:
    """A loss is planted where it does not change the payload: the same orders made one by one, or timed in Python."""
    request = request_of({**MOCK, **flags}, mode="self-test")

    assert request.plan.candidate.settings == plant


def test_flags_go_before_the_file_and_the_file_before_what_was_calibrated(tmp_path: Path) -> None:
    """Each source wins over the next."""
    calibrated = '[calibrated]\nfail_if = ["throughput.acked_per_s-7%"]\n'
    Path("gate.toml").write_text('[run]\nduration = "2s"\nworkers = 2\n' + "[candidate]\nlinger.ms = 20\n" + calibrated)
    from_calibration = request_of(MOCK)
    Path("gate.toml").write_text(
        'pairs = 20\nfail_if = ["throughput.acked_per_s-5%"]\n[candidate]\nlinger.ms = 20\n' + calibrated
    )
    from_file = request_of(MOCK)
    from_flags = request_of(MOCK, fail_if=["response.p99+20%"], pairs=10)

    assert from_calibration.plan.limits[0].text == "throughput.acked_per_s-7%"
    assert from_calibration.flags["duration"] == "2s"
    assert (from_file.plan.limits[0].text, from_file.plan.looks.pairs[-1]) == ("throughput.acked_per_s-5%", 20)
    assert (from_flags.plan.limits[0].text, from_flags.plan.looks.pairs[-1]) == ("response.p99+20%", 10)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "both variants are the same"),
        ({"candidate": "linger.ms=900001"}, "candidate: .*linger.ms"),
        ({"candidate": "compression.type=gzipp"}, "compression.type"),
        ({"candidate": "serializer=json"}, "serializer"),
        ({"candidate": "linger.ms=20", "fail_if": ["throughput.acked_per_s-5%", "throughput.acked_per_s-6%"]}, "twice"),
        ({"candidate": "linger.ms=20", "inconclusive": "maybe"}, "must be fail or pass"),
        ({"candidate": "linger.ms=20", "budget": "soon"}, "is not a time"),
        ({"candidate": "linger.ms=20", "pairs": -1}, "start at 1"),
    ],
)
def test_a_wrong_gate_is_refused_before_the_first_run(given: dict[str, Any], complaint: str) -> None:
    """What librdkafka or a run would refuse is named with its side, before anything is started."""
    with pytest.raises(UsageError, match=complaint):
        request_of(MOCK, **given)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [({"slo": ["response.p99<5ms"]}, "slo"), ({"steps": "1k/s,2k/s"}, "steps"), ({"rate": "5MiB/s"}, "same records")],
)
def test_flags_that_make_no_gate_are_refused(flags: dict[str, Any], complaint: str) -> None:
    """Rules, steps and byte rates are a run's, not a gate's."""
    with pytest.raises(UsageError, match=complaint):
        request_of({**MOCK, **flags}, candidate="linger.ms=20")


def test_a_latency_limit_needs_a_rate() -> None:
    """Flat out, a latency is the client's own queue."""
    with pytest.raises(UsageError, match="needs an offered rate"):
        request_of({**MOCK, "rate": "max"}, candidate="linger.ms=20", fail_if=["response.p99+20%"])
