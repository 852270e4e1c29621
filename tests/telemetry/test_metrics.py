"""Prometheus sees the publisher's own sums."""

import sys

import pytest

from loadgen.clock import ManualClock
from loadgen.errors import UsageError
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.telemetry.metrics import watch_publishers
from tests.producer.samples import MS, order, publisher_in_memory

prometheus_client = pytest.importorskip("prometheus_client")


def test_every_sum_of_the_ledger_is_there() -> None:
    """Sent, acked, failed by reason, refused, queue depth, latency, circuit; read at the scrape."""
    script = [Answer(30 * MS), Answer(30 * MS, 29), Answer(30 * MS, -192)]
    transport = MemoryTransport(
        lambda number: script[number] if number < 3 else Answer(None), clock=ManualClock(), largest_bytes=500
    )
    publisher, _ = publisher_in_memory(transport)
    registry = prometheus_client.CollectorRegistry()
    watch_publishers(publisher, registry=registry)
    for name in "abc":
        publisher.publish_order(order(name))
    publisher.flush()
    publisher.publish_order(order("waits"))
    publisher.publish_batch([order("large", items=50)])

    def value(name: str, **labels: str) -> float | None:
        found: float | None = registry.get_sample_value(f"loadgen_publisher_{name}", {"topic": "orders", **labels})
        return found

    assert value("accepted_total") == 4
    assert value("acked_total") == 1
    assert value("failed_total", reason="TOPIC_AUTHORIZATION_FAILED") == 1
    assert value("unknown_total", reason="_MSG_TIMED_OUT") == 1
    assert value("refused_total", reason="MSG_SIZE_TOO_LARGE") == 1
    assert value("outstanding") == 1
    assert value("circuit") == 0
    assert value("latency_seconds_count") == 1
    assert value("latency_seconds_sum") == pytest.approx(0.03)
    assert value("latency_seconds_bucket", le="0.02") == 0
    assert value("latency_seconds_bucket", le="0.05") == 1
    assert value("latency_seconds_bucket", le="+Inf") == 1


def test_two_publishers_are_told_apart() -> None:
    """By topic."""
    registry = prometheus_client.CollectorRegistry()
    first, _ = publisher_in_memory(MemoryTransport())
    second, _ = publisher_in_memory(MemoryTransport())
    second.topic = "returns"
    watch_publishers(first, second, registry=registry)
    second.publish_order(order())
    second.flush()

    assert registry.get_sample_value("loadgen_publisher_acked_total", {"topic": "orders"}) == 0
    assert registry.get_sample_value("loadgen_publisher_acked_total", {"topic": "returns"}) == 1


def test_the_text_passes_prometheus_own_rules() -> None:
    """Names, types and help as the exposition format wants them."""
    registry = prometheus_client.CollectorRegistry()
    publisher, _ = publisher_in_memory(MemoryTransport())
    watch_publishers(publisher, registry=registry)
    text = prometheus_client.generate_latest(registry).decode()

    assert text.count("# TYPE") == text.count("# HELP") == 12
    assert 'loadgen_publisher_acked_total{topic="orders"} 0.0' in text


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the command."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UsageError, match=r"pip install 'kafka-loadgen\[prometheus\]'"):
        watch_publishers()
