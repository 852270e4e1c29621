"""A lane that sends through confluent_kafka: for events made in Python, own functions, headers, and without the C part.

Flat out it hands over batches (`produce_batch`), which drop headers; with headers every record goes alone. The hot
lines' costs are in ns, measured on 2 cores of a shared machine.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from loadgen.arrivals.plan import Schedule
from loadgen.messages.source import EventSource
from loadgen.producer.transport import QueueFull, Transport
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
        announce: tells the C instrument which sequences come next (first, count); None without it.
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
        announce: Callable[[int, int], None] | None = None,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        self.transport, self.topic, self.source = transport, topic, source
        self.schedule, self.t0_ns, self.on_ack, self.announce = schedule, t0_ns, on_ack, announce
        self.headers = [(name, value.encode()) for name, value in headers or []]
        self.last_poll_ns = 0
        self.poll_gap_ns_max = 0
        self.accepted = 0

    def send(self, first_sequence: int, count: int) -> Sent:
        """Build and hand over `count` records from `first_sequence` on."""
        if self.announce is not None:
            self.announce(first_sequence, count)
        sent = self._send_singly(first_sequence, count) if self.headers else self._send_batch(first_sequence, count)
        self.accepted += sent.accepted
        return sent

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
        return Sent(outcome.accepted, len(outcome.refused))

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
            except Exception as error:
                # refused by produce() itself: definite, counted as rejected; a fatal error ends the worker
                if getattr(error, "fatal", False):
                    raise
                rejected += 1
        return Sent(count - rejected, rejected)

    def poll(self) -> None:
        """Serve delivery reports; the longest gap between two polls bounds the error of every latency."""
        self.transport.poll(0.0)
        now_ns = time.monotonic_ns()
        if self.last_poll_ns and now_ns - self.last_poll_ns > self.poll_gap_ns_max:
            self.poll_gap_ns_max = now_ns - self.last_poll_ns
        self.last_poll_ns = now_ns
