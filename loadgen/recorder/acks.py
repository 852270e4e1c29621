"""The pure-Python instrument: counts and times each record where its delivery callback is served.

It fills the same slab as the C instrument. Its one error is stated in the result: a callback runs when the sending loop
polls, so every latency contains that wait, at most the longest gap between two polls. It knows nothing of requests
(round trip, bytes on the wire), which stay empty.
"""

import time
from collections.abc import Callable
from typing import Protocol

from loadgen.recorder.histogram import HALF_BITS, MAX_VALUE_US, SUB_BUCKET_BITS
from loadgen.recorder.outcomes import Outcome
from loadgen.recorder.slab import (
    CODE_OFFSET,
    CODES,
    CODES_AT,
    Count,
    Header,
    Metric,
    Phase,
    Slab,
    Slot,
    histogram_at,
    metric_sum_at,
    producer_at,
    set_at,
)


class DeliveryError(Protocol):
    """What a delivery callback gets for a record that failed."""

    def code(self) -> int: ...


class Delivered(Protocol):
    """What a delivery callback gets of the record."""

    def latency(self) -> float | None: ...

    def __len__(self) -> int: ...


OutcomeOf = Callable[[int], str]
"""librdkafka's error code → "failed" (definite) or "unknown"."""

OnAck = Callable[[int, int, DeliveryError | None, Delivered], None]
"""(sequence, intended ns of the monotonic clock or 0, error, message)."""


class Acks:
    """Counts the outcomes of one producer's records into its slab.

    Args:
        slab, slot: where.
        timed: False with acks=0, whose reports say only that the socket took the record.
        outcome_of: tells definite from indefinite errors.
        mark: notes each sequence's outcome, when outcomes are kept.

    Attributes:
        count: the delivery callback, a closure over plain integers (an enum's arithmetic would cost 2 µs a record).
            0.9 µs a record flat out, 1.6 in open loop.
        answered: one cell: records whose outcome is known; what was accepted minus this is outstanding.
        on_failed: called with (sequence, code, message) for each record that was not acknowledged.
    """

    def __init__(
        self,
        slab: Slab,
        slot: int,
        *,
        timed: bool,
        outcome_of: OutcomeOf,
        mark: Callable[[int, int], None] | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.slab, self.slot, self.outcome_of, self.mark = slab, slot, outcome_of, mark
        self.answered = [0]
        self.on_failed: Callable[[int, int, Delivered], None] | None = None
        self.count = self._counter(timed, now_ns)

    def _counter(self, timed: bool, now_ns: Callable[[], int]) -> OnAck:
        words, answered, mark = self.slab.words, self.answered, self.mark
        first_measured_at = producer_at(self.slot) + int(Slot.FIRST_MEASURED)
        warmup, measured = (set_at(self.slot, phase) for phase in Phase)
        acked, payload, last_ack = int(Count.ACKED), int(Count.PAYLOAD_BYTES), int(Count.LAST_ACK_NS)
        errors_at = int(Header.CALLBACK_ERRORS)
        service_of, response_of, lateness_of = (
            tuple(self._record(phase, metric) for phase in Phase)
            for metric in (Metric.SERVICE, Metric.RESPONSE, Metric.LATENESS)
        )

        def count(sequence: int, intended_ns: int, error: DeliveryError | None, message: Delivered) -> None:
            # It never raises: an exception in a delivery callback would take other records' reports with it.
            try:
                now = now_ns()
                phase = sequence >= words[first_measured_at]
                base = measured if phase else warmup
                answered[0] += 1
                if error is not None:
                    self._not_acked(base, sequence, error, message)
                    return
                words[base + acked] += 1
                words[base + payload] += len(message)
                words[base + last_ack] = now
                if mark is not None:
                    mark(sequence, Outcome.ACKED)
                if timed:
                    service_us = round((message.latency() or 0.0) * 1e6)
                    service_of[phase](service_us)
                    if intended_ns:
                        # instants are floored, as librdkafka's are, not their difference: that could be one below zero
                        response_us = now // 1000 - intended_ns // 1000
                        response_of[phase](response_us)
                        lateness_of[phase](response_us - service_us)
            except Exception:  # counted: the ledger then shows a record open, and the run says why
                words[errors_at] += 1

        return count

    def _not_acked(self, base: int, sequence: int, error: DeliveryError, message: Delivered) -> None:
        code = error.code()
        words = self.slab.words
        failed = self.outcome_of(code) == "failed"
        words[base + (Count.FAILED if failed else Count.UNKNOWN)] += 1
        if failed and self.mark is not None:
            self.mark(sequence, Outcome.FAILED)
        words[base + CODES_AT + min(max(code + CODE_OFFSET, 0), CODES - 1)] += 1
        if self.on_failed is not None:
            self.on_failed(sequence, code, message)

    def _record(self, phase: Phase, metric: Metric) -> Callable[[int], None]:
        """A function that counts one value in µs into one histogram. 250 ns."""
        words = self.slab.words
        sum_at = metric_sum_at(self.slot, phase, metric)
        max_at, overflow_at = sum_at + 1, sum_at + 2
        negative_at = set_at(self.slot, phase) + int(Count.NEGATIVE)
        cells_at = histogram_at(self.slot, phase, metric)

        def record(value_us: int) -> None:
            if value_us < 0:
                words[negative_at] += 1
                value_us = 0
            words[sum_at] += value_us
            if value_us > words[max_at]:
                words[max_at] = value_us
            if value_us > MAX_VALUE_US:
                words[overflow_at] += 1
                return
            shift = value_us.bit_length() - SUB_BUCKET_BITS
            words[cells_at + (value_us if shift <= 0 else (shift << HALF_BITS) + (value_us >> shift))] += 1

        return record
