"""One call for every kind of broker."""

from pathlib import Path

import pytest

from loadgen.brokers.target import start_broker
from loadgen.errors import UsageError
from tests.brokers.waiting import wait_until


def test_a_mock_says_first_that_no_kafka_was_involved() -> None:
    """Everything that is told of it begins so; it ends with the block."""
    with start_broker("mock", brokers=2) as broker:
        assert broker.note.startswith("MOCK  no Kafka was involved")
        assert (broker.kind, broker.version, broker.running) == ("mock", None, True)
        assert broker.bootstrap.count(",") == 1
        assert broker.mock is not None
        broker.mock.close()
        wait_until(lambda: not broker.running)


def test_an_external_cluster_is_named_and_not_touched() -> None:
    """No connection is tried."""
    with start_broker("external", bootstrap="h1:9092,h2:9092") as broker:
        assert (broker.kind, broker.bootstrap, broker.running) == ("external", "h1:9092,h2:9092", True)


def test_a_container_that_ends_is_noticed(fake_docker: Path) -> None:
    """By its client's process."""
    with start_broker("redpanda") as broker:
        assert (broker.kind, broker.running) == ("redpanda", True)
        broker.processes[0].kill()
        assert not broker.running


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        ("external", {}, "-b HOST:PORT, or --start kafka, or --start mock"),
        ("pulsar", {}, "--start pulsar: must be mock, kafka or redpanda"),
        ("mock", {"port": 9092}, "--port 9092: .* chooses its ports itself"),
        ("mock", {"brokers": 0}, "--brokers 0: a local mock has 1 to 32"),
        ("kafka", {"brokers": 6}, "--brokers 6: a local kafka has 1 to 5"),
        ("redpanda", {"brokers": 2}, "--brokers 2: a local redpanda has 1 to 1"),
    ],
)
def test_what_cannot_be_started_is_one_clear_line(kind: str, settings: dict[str, int], reason: str) -> None:
    """Which value, its bounds, what to do."""
    with pytest.raises(UsageError, match=reason), start_broker(kind, **settings):  # type: ignore[arg-type]
        pass
