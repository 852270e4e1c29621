"""The publisher's own ledger and what is told of it: sent, acknowledged, failed by reason, latency, queue, circuit.

Goal: every accepted order is in exactly one place: acked, failed, unknown or outstanding; what was refused at the door
is counted apart. Non-goal: publishing the numbers; `telemetry/metrics.py` reads them when it is asked.
"""

from bisect import bisect_left
from collections import Counter

import msgspec

from loadgen.producer.breaker import Breaker

LATENCY_BOUNDS_S = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
"""Upper bounds of the latency buckets, in seconds; one more bucket is beyond."""


class PublisherMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger at an instant; accepted = acked + failed + unknown + outstanding.

    Attributes:
        accepted: orders taken.
        acked: answered by the broker with success.
        failed, unknown: given up, by librdkafka's name of the error; unknown ones may be in the topic.
        refused: turned away at the door, by name; the caller got an exception.
        retried: repeats by the publisher, not by librdkafka.
        dead_lettered: letters taken by the dead letter queue; lost: those that it could not take.
        callback_errors: exceptions that a callback of the application let out.
        outstanding: accepted and not yet decided, of which `waiting_to_retry` wait here and the rest in the client.
        circuit: "closed", "half_open" or "open"; circuit_opened: how often.
        latency_counts: acknowledgements by bucket of latency_bounds_s, the last one beyond; from hand-over to answer,
            as the client measured it; latency_sum_s their sum.
    """

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
    waiting_to_retry: int
    circuit: str
    circuit_opened: int
    latency_counts: list[int]
    latency_sum_s: float
    latency_bounds_s: tuple[float, ...] = LATENCY_BOUNDS_S

    @property
    def given_up(self) -> int:
        """Accepted orders that were not acknowledged and no longer wait."""
        return sum(self.failed.values()) + sum(self.unknown.values())


class Counts:
    """The cells that the ledger is made of; written by one thread at a time."""

    __slots__ = (
        "acked",
        "callback_errors",
        "cluster_failures",
        "dead_lettered",
        "failed",
        "latency_cells",
        "latency_sum_s",
        "lost",
        "refused",
        "retried",
        "unknown",
        "unmeasured",
    )

    def __init__(self) -> None:
        self.unmeasured = 0  # acknowledged, but the client could not say after how long
        self.acked = self.retried = self.dead_lettered = self.lost = self.callback_errors = 0
        self.cluster_failures = 0  # what speaks of the cluster, not of one record: the circuit breaker's input
        self.failed: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.latency_cells = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.latency_sum_s = 0.0

    def acknowledged(self, latency_s: float) -> None:
        """The latency of one success; `acked` is counted before."""
        self.latency_sum_s += latency_s
        self.latency_cells[bisect_left(LATENCY_BOUNDS_S, latency_s)] += 1

    def ledger(self, accepted: int, waiting_to_retry: int, breaker: Breaker | None) -> PublisherMetrics:
        """The sums as they are told.

        Args:
            accepted: records taken, ever; waiting_to_retry: those of them that wait here.
            breaker: or None, when there is none.
        """
        failed, unknown, acked = dict(self.failed), dict(self.unknown), self.acked
        return PublisherMetrics(
            accepted=accepted,
            acked=acked,
            failed=failed,
            unknown=unknown,
            refused=dict(self.refused),
            retried=self.retried,
            dead_lettered=self.dead_lettered,
            lost=self.lost,
            callback_errors=self.callback_errors,
            outstanding=accepted - acked - sum(failed.values()) - sum(unknown.values()),
            waiting_to_retry=waiting_to_retry,
            circuit="closed" if breaker is None else breaker.state.name.lower(),
            circuit_opened=0 if breaker is None else breaker.opened,
            latency_counts=list(self.latency_cells),
            latency_sum_s=self.latency_sum_s,
        )
