"""A cluster that fails everything: the run stops loading it, then gives it up; one that recovers is loaded again."""

import pytest

from loadgen.brokers.target import start_broker
from loadgen.profile import resolve
from loadgen.runner.coordinator import Run, carry_out

pytestmark = pytest.mark.faults

NOT_ENOUGH_REPLICAS = 19
PRODUCE = 0


def run_with_errors(count: int, duration: str) -> Run:
    """A paced run on a mock cluster that answers its next ProduceRequests with errors; nothing is tried again."""
    given = {
        "start": "mock",
        "rate": "1k/s",
        "duration": duration,
        "warmup": "1s",
        "workers": "2",
        "X": ["enable.idempotence=false", "retries=0", "linger.ms=50"],
    }
    with start_broker("mock") as broker:
        assert broker.mock is not None
        broker.mock.push_errors(PRODUCE, [NOT_ENOUGH_REPLICAS] * count)
        return carry_out(resolve(given, {}), broker=broker)


def test_a_cluster_that_keeps_failing_is_given_up() -> None:
    """Asked for a minute, ended by itself: exit 3 with the cause, every record accounted for, and little of the plan sent."""
    run = run_with_errors(100_000, "60s")
    result = run.result

    assert result.verdict.exit_code == 3
    assert result.verdict.headline.startswith("GIVEN UP  the cluster kept failing")
    assert "failed within 10 s" in result.verdict.headline
    assert run.intervals[-1].second < 30
    ledger, warmup = result.messages, result.messages.warmup
    assert (ledger.open, warmup.open, ledger.acked, warmup.acked) == (0, 0, 0, 0)
    assert 20 <= ledger.attempted + warmup.attempted < 12_000
    assert "circuit_opened" in {doubt.code for doubt in result.verdict.doubts}


def test_a_cluster_that_recovers_is_loaded_again() -> None:
    """Some errors, then none: what fell due while the circuit was open is sent late, none is dropped."""
    result = run_with_errors(30, "12s").result

    assert "circuit_opened" in {doubt.code for doubt in result.verdict.doubts}
    assert result.verdict.exit_code != 3
    assert result.messages.attempted == 12_000
    assert result.messages.acked > 6_000
    assert result.latency_us.response is not None
    assert result.latency_us.response.max > 2_000_000, (
        "events waited for the circuit, and their waiting is in the response"
    )
