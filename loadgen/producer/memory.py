"""A transport without a broker, with scripted answers: for tests.

Goal: the same promises as the real client, broken loudly where the real one breaks them silently (headers in a batch).
Non-goal: partitions' contents, consumers. `loadgen.testing` builds on this.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple
from zlib import crc32

from loadgen.clock import Clock, SystemClock
from loadgen.producer.errors import (
    MSG_SIZE_TOO_LARGE,
    PURGE_IN_FLIGHT,
    PURGE_QUEUE,
    ClientClosed,
    KafkaProducerError,
    QueueFull,
    RecordRefused,
    delivery_error,
    meaning_of,
)
from loadgen.producer.transport import BatchOutcome, DeliveryCallback, Headers, header_pairs

UNKNOWN_PARTITION = -190


class Answer(NamedTuple):
    """What a scripted cluster says to one record.

    Attributes:
        after_ns: how long after the hand-over; None never.
        code: 0 acknowledges, else librdkafka's error code.
        in_flight: the record has left the client's queue; a purge of it is then not definite.
    """

    after_ns: int | None = 0
    code: int = 0
    in_flight: bool = True


class MemoryDeliveryError:
    """Looks like confluent_kafka's KafkaError."""

    def __init__(self, code: int) -> None:
        self._code = code

    def code(self) -> int:
        return self._code

    def name(self) -> str:
        return meaning_of(self._code).name

    def fatal(self) -> bool:
        return meaning_of(self._code).fatal

    def retriable(self) -> bool:
        return meaning_of(self._code).transient

    def __str__(self) -> str:
        return meaning_of(self._code).name

    str = __str__


class MemoryMessage:
    """Looks like confluent_kafka's Message, as a delivery callback gets it."""

    __slots__ = ("_headers", "_key", "_latency_s", "_offset", "_partition", "_topic", "_value")

    def __init__(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Headers | None, partition: int, offset: int
    ) -> None:
        self._topic, self._value, self._key, self._headers = topic, value, key, headers
        self._partition, self._offset, self._latency_s = partition, offset, 0.0

    def topic(self) -> str:
        return self._topic

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes | None:
        return self._key

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        """None in a delivery callback, as the real client has it; a transport's `log` keeps them."""
        return header_pairs(self._headers) or None

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def latency(self) -> float | None:
        return self._latency_s

    def __len__(self) -> int:
        return len(self._value or b"")


class _Pending(NamedTuple):
    due_ns: int
    number: int
    sent_ns: int
    code: int
    in_flight: bool
    message: MemoryMessage
    headers: Headers | None
    callback: DeliveryCallback | None


def _acknowledge(_number: int) -> Answer:
    return Answer()


class MemoryTransport:
    """A cluster in memory that answers by a script.

    Args:
        answer: number of the record, from 0 in order of acceptance → its answer; absent: acknowledged at the next poll.
        clock: of the answers; a poll waits on it.
        capacity: records that may be unreported, as queue.buffering.max.messages.
        largest_bytes: of a value, as message.max.bytes.
        partitions: of every topic.

    Attributes:
        log: the messages that were acknowledged, in that order: what a consumer would read.
        accepted: how many records were ever taken; closed: nothing is taken any more.
    """

    NEVER_NS = 1 << 62

    def __init__(
        self,
        answer: Callable[[int], Answer] = _acknowledge,
        *,
        clock: Clock | None = None,
        capacity: int = 100_000,
        largest_bytes: int = 1_000_000,
        partitions: int = 1,
    ) -> None:
        self.answer, self.clock = answer, clock or SystemClock()
        self.capacity, self.largest_bytes, self.partitions = capacity, largest_bytes, partitions
        self.fatal: KafkaProducerError | None = None
        self.log: list[MemoryMessage] = []
        self.accepted = 0
        self._offsets: dict[tuple[str, int], count[int]] = {}
        self._answered_until_ns: dict[tuple[str, int], int] = {}
        self._pending: list[_Pending] = []
        self.closed = False
        self._serving = False

    def __len__(self) -> int:
        return len(self._pending)

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        partition: int = -1,
        on_delivery: DeliveryCallback | None = None,
    ) -> None:
        code = self._take(topic, value, key, headers, partition, on_delivery)
        if code is not None:
            raise RecordRefused(meaning_of(code).name, code=code)

    def send_batch(self, topic: str, messages: list[dict[str, Any]]) -> BatchOutcome:
        refused: list[tuple[int, int]] = []
        for message in messages:
            if "headers" in message:
                raise TypeError("a batch cannot carry headers: the real client drops them silently")
            for part in (message.get("value"), message.get("key")):
                if not isinstance(part, bytes | str | None):
                    raise TypeError(f"a value or key must be bytes or text, not {type(part).__name__}")
        for index, message in enumerate(messages):
            try:
                code = self._take(
                    topic,
                    message.get("value"),
                    message.get("key"),
                    None,
                    message.get("partition", -1),
                    message.get("callback"),
                )
            except QueueFull:
                return BatchOutcome(index - len(refused), refused)
            if code is not None:
                refused.append((index, code))
        return BatchOutcome(len(messages) - len(refused), refused)

    def poll(self, timeout_s: float) -> int:
        if served := self._serve():
            return served
        wait_ns = round(timeout_s * 1e9)
        if self._pending:
            wait_ns = min(wait_ns, max(self._pending[0].due_ns - self.clock.now_ns(), 0))
        if wait_ns > 0:
            self.clock.sleep_ns(wait_ns)
        return self._serve()

    def purge(self) -> None:
        now_ns = self.clock.now_ns()
        for place, pending in enumerate(sorted(self._pending)):
            code = PURGE_IN_FLIGHT if pending.in_flight else PURGE_QUEUE
            self._pending[place] = pending._replace(due_ns=now_ns, code=code)

    def prime(self, topic: str, timeout_s: float) -> int:  # noqa: ARG002  # the real client's arguments
        """The number of partitions; nothing has to be connected."""
        return self.partitions

    def close(self, timeout_s: float) -> None:  # noqa: ARG002  # what is purged is reported at once
        if not self.closed:
            self.purge()
            self.poll(0.0)
            self.closed = True

    def _take(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | str | None,
        headers: Headers | None,
        partition: int,
        callback: DeliveryCallback | None,
    ) -> int | None:
        """Accept one record; the code if it is refused for good."""
        if self.closed:
            raise ClientClosed("this transport is closed: make a new one")
        if self.fatal is not None:
            raise self.fatal
        if len(self._pending) >= self.capacity:
            raise QueueFull
        data = value.encode() if isinstance(value, str) else value
        key_bytes = key.encode() if isinstance(key, str) else key
        if len(data or b"") + len(key_bytes or b"") > self.largest_bytes:
            return MSG_SIZE_TOO_LARGE
        if partition >= self.partitions:
            return UNKNOWN_PARTITION
        if partition < 0:
            partition = crc32(key_bytes or b"") % self.partitions
        number, sent_ns = self.accepted, self.clock.now_ns()
        self.accepted += 1
        after_ns, code, in_flight = self.answer(number)
        due_ns = self.NEVER_NS if after_ns is None else sent_ns + after_ns
        if after_ns is not None:
            # a partition answers in the order of its records
            due_ns = self._answered_until_ns[topic, partition] = max(
                due_ns, self._answered_until_ns.get((topic, partition), 0)
            )
        message = MemoryMessage(topic, data, key_bytes, None, partition, -1001)
        heappush(self._pending, _Pending(due_ns, number, sent_ns, code, in_flight, message, headers, callback))
        return None

    def _serve(self) -> int:
        """Report everything that is due, each once; a callback that raises takes no other report with it."""
        assert not self._serving, "poll() within a callback: librdkafka would abort the process"
        self._serving = True
        try:
            return self._report_due()
        finally:
            self._serving = False

    def _report_due(self) -> int:
        served = 0
        now_ns = self.clock.now_ns()
        while self._pending and self._pending[0].due_ns <= now_ns:
            pending = heappop(self._pending)
            message = pending.message
            message._latency_s = (now_ns - pending.sent_ns) / 1e9
            if pending.code == 0:
                place = self._offsets.setdefault((message._topic, message._partition), count())
                offset = message._offset = next(place)
                self.log.append(
                    MemoryMessage(
                        message._topic, message._value, message._key, pending.headers, message._partition, offset
                    )
                )
            elif meaning_of(pending.code).fatal and self.fatal is None:
                self.fatal = delivery_error(pending.code, "scripted")
            served += 1
            if pending.callback is not None:
                pending.callback(MemoryDeliveryError(pending.code) if pending.code else None, message)
        return served
