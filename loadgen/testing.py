"""For people who test their own code against the publisher: a fake that behaves like it, and assertions.

Goal: no broker, no waiting, and the same refusals, errors and order as the real one, because all but the transport is
the real one. Non-goal: testing Kafka; `loadgen up mock` or testcontainers do that.

    def test_checkout_publishes_the_order():
        with FakePublisher() as publisher:
            checkout(cart, publisher)
        assert_published(publisher, "order-1", total_price=19.98)
"""

from collections import deque
from typing import Any, NamedTuple, Unpack

import msgspec

from loadgen.clock import ManualClock
from loadgen.producer.async_publisher import AsyncOrderEventPublisher
from loadgen.producer.errors import TABLE
from loadgen.producer.memory import Answer, MemoryMessage, MemoryTransport
from loadgen.producer.publisher_options import PublisherOptions
from loadgen.producer.sync_publisher import OrderEventPublisher

__all__ = [
    "Answer",
    "FakeAsyncPublisher",
    "FakePublisher",
    "LoggedEvents",
    "ManualClock",
    "MemoryTransport",
    "Published",
    "assert_nothing_published",
    "assert_published",
    "published",
]


class Published(NamedTuple):
    """An order as a consumer would read it.

    Attributes:
        fields: the JSON, decoded to plain dicts and lists.
    """

    topic: str
    order_id: str
    fields: dict[str, Any]
    headers: dict[str, bytes]


class LoggedEvents:
    """A logger that remembers: (level, event, fields) each."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def debug(self, event: str, **fields: Any) -> None:
        self.events.append(("debug", event, fields))

    def info(self, event: str, **fields: Any) -> None:
        self.events.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.events.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.events.append(("error", event, fields))


class _Script:
    """What the cluster in memory says to the next orders."""

    def __init__(self) -> None:
        self._answers: deque[Answer] = deque()

    def __call__(self, _number: int) -> Answer:
        return self._answers.popleft() if self._answers else Answer()

    def fail_next(self, name: str, count: int) -> None:
        codes = {meaning.name: code for code, meaning in TABLE.items()}
        if name not in codes:
            raise ValueError(f"{name!r} is no error of librdkafka's; try one of {', '.join(sorted(codes))}")
        self._answers.extend([Answer(0, codes[name])] * count)


class FakePublisher(OrderEventPublisher):
    """An OrderEventPublisher whose cluster is in memory.

    Args:
        topic: as the real one's.
        options: as the real one's; retries and the breaker run on `clock`, which waits for nobody.

    Attributes:
        transport: `transport.log` has what was acknowledged.
        logged: what it logged.
    """

    def __init__(self, topic: str = "orders", **options: Unpack[PublisherOptions]) -> None:
        self._script, self.clock, self.logged = _Script(), ManualClock(), LoggedEvents()
        self.transport = MemoryTransport(self._script, clock=self.clock)
        ours: PublisherOptions = {"logger": self.logged, "transport": self.transport, "clock": self.clock}
        super().__init__(["memory:1"], topic, **(ours | options))

    def fail_next(self, name: str, count: int = 1) -> None:
        """Let the next orders come back with an error, by librdkafka's name: `MSG_SIZE_TOO_LARGE`, `_MSG_TIMED_OUT`, …

        Raises:
            ValueError: no such error.
        """
        self._script.fail_next(name, count)


class FakeAsyncPublisher(AsyncOrderEventPublisher):
    """An AsyncOrderEventPublisher whose cluster is in memory; see FakePublisher."""

    def __init__(self, topic: str = "orders", **options: Unpack[PublisherOptions]) -> None:
        self._script, self.logged = _Script(), LoggedEvents()
        self.transport = MemoryTransport(self._script)
        ours: PublisherOptions = {"logger": self.logged, "transport": self.transport}
        super().__init__(["memory:1"], topic, **(ours | options))

    def fail_next(self, name: str, count: int = 1) -> None:
        """As FakePublisher.fail_next."""
        self._script.fail_next(name, count)


def published(publisher: FakePublisher | FakeAsyncPublisher) -> list[Published]:
    """What a consumer would have read so far, in order; answers that are due are served first."""
    if not publisher.transport.closed:
        publisher.outbox.serve(0.0)
    return [_as_read(message) for message in publisher.transport.log]


def assert_published(
    publisher: FakePublisher | FakeAsyncPublisher,
    order_id: str,
    *,
    topic: str | None = None,
    times: int = 1,
    **fields: Any,
) -> None:
    """An order was published so many times, with these fields, to that topic.

    Raises:
        AssertionError: it was not; the text says what was.
    """
    everything = published(publisher)
    found = [
        one
        for one in everything
        if one.order_id == order_id
        and (topic is None or one.topic == topic)
        and all(one.fields.get(name) == value for name, value in fields.items())
    ]
    if len(found) != times:
        wanted = " ".join([order_id, *([f"to {topic}"] if topic else []), *(f"{k}={v!r}" for k, v in fields.items())])
        seen = "; ".join(f"{one.order_id} to {one.topic} {one.fields}" for one in everything) or "nothing"
        raise AssertionError(f"{wanted} was published {len(found)} times, not {times}; there was: {seen}")


def assert_nothing_published(publisher: FakePublisher | FakeAsyncPublisher) -> None:
    """Nothing was published.

    Raises:
        AssertionError: something was.
    """
    ids = [one.order_id for one in published(publisher)]
    if ids:
        raise AssertionError(f"published: {', '.join(ids)}")


def _as_read(message: MemoryMessage) -> Published:
    headers = {name: value or b"" for name, value in message.headers() or ()}
    fields: dict[str, Any] = msgspec.json.decode(message.value() or b"{}")
    return Published(message.topic(), (message.key() or b"").decode(), fields, headers)
