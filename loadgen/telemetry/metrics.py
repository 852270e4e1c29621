"""Prometheus, behind one door: a publisher's ledger, read when it is scraped and never per message.

Goal: the numbers that an application watches, from the publisher's own sums. Non-goal: counting; whoever is collected
has done that. The library is an extra: `pip install 'kafka-loadgen[prometheus]'`.

| metric | type | labels |
| --- | --- | --- |
| loadgen_publisher_accepted_total, _acked_total, _retried_total, _dead_lettered_total | counter | topic |
| loadgen_publisher_failed_total, _unknown_total, _refused_total | counter | topic, reason |
| loadgen_publisher_callback_errors_total, _dead_letters_lost_total | counter | topic |
| loadgen_publisher_outstanding | gauge | topic: the queue's depth |
| loadgen_publisher_circuit | gauge | topic: 0 closed, 1 half open, 2 open |
| loadgen_publisher_latency_seconds | histogram | topic: from hand-over to acknowledgement |
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from loadgen.errors import UsageError

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

PREFIX = "loadgen_publisher"
CIRCUIT_STATES = {"closed": 0, "half_open": 1, "open": 2}


class Ledger(Protocol):
    """The sums of a publisher, as `producer.counts.PublisherMetrics` has them."""

    accepted: int
    acked: int
    failed: dict[str, int]
    unknown: dict[str, int]
    refused: dict[str, int]
    retried: int
    dead_lettered: int
    lost: int
    callback_errors: int
    outstanding: int
    circuit: str
    latency_bounds_s: tuple[float, ...]
    latency_counts: list[int]
    latency_sum_s: float


class Watched(Protocol):
    """A publisher, sync or async."""

    @property
    def topic(self) -> str: ...

    def metrics(self) -> Any: ...


class PublisherCollector:
    """What prometheus_client calls at each scrape.

    Args:
        publishers: the ones to tell of; their topics are the label, so give each its own.
    """

    def __init__(self, publishers: Sequence[Watched]) -> None:
        self._publishers = publishers

    def collect(self) -> Iterator[Any]:
        """Every metric with its values now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        ledgers: list[tuple[str, Ledger]] = [(one.topic, one.metrics()) for one in self._publishers]
        plain = {
            "accepted": "Orders taken.",
            "acked": "Orders acknowledged by the broker.",
            "retried": "Repeats by the publisher itself.",
            "dead_lettered": "Orders kept as dead letters.",
            "callback_errors": "Exceptions that the application's callback let out.",
        }
        for name, help_text in plain.items():
            family = CounterMetricFamily(f"{PREFIX}_{name}", help_text, labels=["topic"])
            for topic, ledger in ledgers:
                family.add_metric([topic], getattr(ledger, name))
            yield family
        lost = CounterMetricFamily(f"{PREFIX}_dead_letters_lost", "Letters that found no place.", labels=["topic"])
        outstanding = GaugeMetricFamily(f"{PREFIX}_outstanding", "Orders accepted and undecided.", labels=["topic"])
        circuit = GaugeMetricFamily(f"{PREFIX}_circuit", "0 closed, 1 half open, 2 open.", labels=["topic"])
        latency = HistogramMetricFamily(
            f"{PREFIX}_latency_seconds", "From hand-over to acknowledgement.", labels=["topic"]
        )
        for topic, ledger in ledgers:
            lost.add_metric([topic], ledger.lost)
            outstanding.add_metric([topic], ledger.outstanding)
            circuit.add_metric([topic], CIRCUIT_STATES[ledger.circuit])
            bounds = [*map(str, ledger.latency_bounds_s), "+Inf"]
            cumulative = accumulate(ledger.latency_counts)
            latency.add_metric([topic], list(zip(bounds, cumulative, strict=True)), ledger.latency_sum_s)
        yield from (lost, outstanding, circuit, latency)
        by_reason = {
            "failed": "Orders that are certainly not in the topic.",
            "unknown": "Orders without an answer, perhaps in the topic.",
            "refused": "Orders turned away at the door.",
        }
        for name, help_text in by_reason.items():
            family = CounterMetricFamily(f"{PREFIX}_{name}", help_text, labels=["topic", "reason"])
            for topic, ledger in ledgers:
                for reason, count in getattr(ledger, name).items():
                    family.add_metric([topic, reason], count)
            yield family


def watch_publishers(*publishers: Watched, registry: "CollectorRegistry | None" = None) -> PublisherCollector:
    """Tell Prometheus of publishers, from the next scrape on.

    Args:
        registry: None: the library's own.

    Raises:
        UsageError: prometheus_client is not installed.
    """
    try:
        from prometheus_client import REGISTRY
    except ImportError:
        raise UsageError("Prometheus metrics need prometheus_client: pip install 'kafka-loadgen[prometheus]'") from None
    collector = PublisherCollector(publishers)
    (registry or REGISTRY).register(collector)
    return collector
