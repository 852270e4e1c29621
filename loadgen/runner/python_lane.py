"""A lane that sends through confluent_kafka: for events made in Python, own functions, headers, and without the C part.

Flat out it hands over batches (`produce_batch`), which drop headers; with headers every record goes alone. The hot
lines' costs are in ns, measured on 2 cores of a shared machine.
"""

import time
from array import array
from collections.abc import Callable
from functools import partial
from typing import Any

from loadgen.arrivals.plan import Schedule
from loadgen.messages.source import EventSource
from loadgen.producer.errors import QueueFull, RecordRefused
from loadgen.producer.transport import Transport
from loadgen.recorder.outcomes import Outcome
from loadgen.runner.hot_loop import Sent


class PythonLane:
    """One producer, sent to from Python.

    Args:
        transport: the client.
        topic: where to.
        source: what to send.
        schedule: when events are due; None flat out.
        t0_ns: a function that gives the start, known only once the run begins.
        on_ack: the instrument's callback (sequence, intended ns or 0, error, message); None when C counts.
        client: the C instrument of mode "python", told of each batch before it is handed over; None without it.
        mark: notes the outcome of what the client refuses, when outcomes are kept without the C instrument.
        headers: sent with every record.
    """

    def __init__(
        self,
        transport: Transport,
        topic: str,
        source: EventSource,
        schedule: Schedule | None,
        t0_ns: Callable[[], int],
        *,
        on_ack: Callable[[int, int, Any, Any], None] | None,
        client: Any = None,
        mark: Callable[[int, int], None] | None = None,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        self.transport, self.topic, self.source = transport, topic, source
        self.schedule, self.t0_ns, self.on_ack, self.client = schedule, t0_ns, on_ack, client
        self.mark = mark
        self.headers = [(name, value.encode()) for name, value in headers or []]
        self.last_poll_ns = 0
        self.poll_gap_ns_max = 0
        self.accepted = 0

    def send(self, first_sequence: int, count: int) -> Sent:
        """Build and hand over `count` records from `first_sequence` on."""
        if self.client is not None:
            self._announce(first_sequence, count)
        sent = self._send_singly(first_sequence, count) if self.headers else self._send_batch(first_sequence, count)
        if self.client is not None:
            self.client.settle()
        self.accepted += sent.accepted
        return sent

    def _announce(self, first: int, count: int) -> None:
        """Tell the C instrument which records come next, and when they were due."""
        if self.schedule is None:
            self.client.expect(first, count)
        else:
            self.client.expect(first, count, array("q", map(self.schedule.intended_ns, range(first, first + count))))

    def _send_batch(self, first: int, count: int) -> Sent:
        record, on_ack = self.source.record, self.on_ack
        messages: list[dict[str, Any]] = []
        if self.schedule is None:
            for sequence in range(first, first + count):
                key, value = record(sequence, sequence)  # 450 ns stamped
                messages.append({"value": value, "key": key})  # 90 ns
            if on_ack is not None:
                for sequence, message in enumerate(messages, first):
                    message["callback"] = partial(on_ack, sequence, 0)  # 120 ns
        else:
            t0_ns, intended_of = self.t0_ns(), self.schedule.intended_ns
            for sequence in range(first, first + count):
                intended_ns = intended_of(sequence)  # 350 ns
                key, value = record(sequence, intended_ns // 1000)
                message = {"value": value, "key": key}
                if on_ack is not None:
                    message["callback"] = partial(on_ack, sequence, t0_ns + intended_ns)
                messages.append(message)
        outcome = self.transport.send_batch(self.topic, messages)  # 550 ns a record
        for index, _ in outcome.refused:
            self._refused(first + index)
        return Sent(outcome.accepted, len(outcome.refused))

    def _refused(self, sequence: int) -> None:
        """Note that produce() itself refused a record, for good."""
        if self.client is not None:
            self.client.mark_rejected(sequence)
        elif self.mark is not None:
            self.mark(sequence, Outcome.REJECTED)

    def _send_singly(self, first: int, count: int) -> Sent:
        record, on_ack, send, headers = self.source.record, self.on_ack, self.transport.send, self.headers
        t0_ns = self.t0_ns()
        rejected = 0
        for sequence in range(first, first + count):
            intended_ns = self.schedule.intended_ns(sequence) if self.schedule else 0
            key, value = record(sequence, intended_ns // 1000 if self.schedule else sequence)
            callback = None
            if on_ack is not None:
                callback = partial(on_ack, sequence, t0_ns + intended_ns if self.schedule else 0)
            try:
                send(self.topic, value, key, headers, -1, callback)
            except QueueFull:
                return Sent(sequence - first - rejected, rejected)
            except RecordRefused:
                rejected += 1
                self._refused(sequence)
        return Sent(count - rejected, rejected)

    def poll(self) -> None:
        """Serve delivery reports; the longest gap between two polls bounds the error of every latency."""
        self.transport.poll(0.0)
        now_ns = time.monotonic_ns()
        if self.last_poll_ns and now_ns - self.last_poll_ns > self.poll_gap_ns_max:
            self.poll_gap_ns_max = now_ns - self.last_poll_ns
        self.last_poll_ns = now_ns
