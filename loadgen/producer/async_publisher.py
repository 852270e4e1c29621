"""AsyncOrderEventPublisher: the same publisher for asyncio, with a future for each order.

Goal: nothing blocks the loop, and the order of the calls is the order of the records. Non-goal: threads; answers are
fetched by a timer on the loop while any are due, a thousand times a second when busy and rarely when not.
confluent_kafka's own asyncio producer was measured beside it (`bench/publisher.py`) and takes no headers in batches.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self, Unpack

from loadgen.producer.counts import PublisherMetrics
from loadgen.producer.errors import ClientClosed, DrainTimeout, KafkaProducerError, QueueFull
from loadgen.producer.event_encoder import Event
from loadgen.producer.publisher_options import PublisherOptions
from loadgen.producer.sync_publisher import OrderEventPublisher
from loadgen.producer.transport import Headers

SHORTEST_TICK_S = 0.001
LONGEST_TICK_S = 0.05


class Delivery(NamedTuple):
    """Where an order was written. An offset can be missing or false: an idempotent duplicate has none."""

    topic: str
    partition: int
    offset: int | None
    latency_s: float | None


class _Parked(NamedTuple):
    topic: str
    key: bytes
    value: bytes
    headers: Headers
    future: "asyncio.Future[Delivery]"


class AsyncOrderEventPublisher:
    """Publishes order events from a coroutine.

    Args:
        brokers, topic, options: as OrderEventPublisher takes them; `max_block_s` does not apply, since nothing blocks.

    Attributes:
        topic, producer, encoder, tracer, logger: as the document has them.
    """

    def __init__(self, brokers: Sequence[str] | str, topic: str, **options: Unpack[PublisherOptions]) -> None:
        self._publisher = OrderEventPublisher(brokers, topic, **options)
        inner = self._publisher
        self.topic, self.producer, self.encoder = inner.topic, inner.producer, inner.encoder
        self.tracer, self.logger = inner.tracer, inner.logger
        self.outbox, self._hand_over = inner.outbox, inner.outbox.hand_over
        self._parked: deque[_Parked] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tick_s = SHORTEST_TICK_S

    async def connect(self, timeout: float = 10.0) -> int:
        """As OrderEventPublisher.connect; the loop goes on meanwhile."""
        return await asyncio.to_thread(self._publisher.connect, timeout)

    def publish_order(self, event: Event, topic: str | None = None) -> "asyncio.Future[Delivery]":
        """Hand one event over at once; await the future for its answer, or do not and see the log and the metrics.

        While the client's queue is full it is kept here, in its place, and handed over when there is room;
        `room()` says when. Cancelling the future does not take the order back.

        Returns:
            a future with the Delivery, or with the KafkaProducerError that publish_order or the broker gave.
        """
        loop = self._loop or self._attach()
        future: asyncio.Future[Delivery] = loop.create_future()
        target = topic or self.topic
        try:
            if self._publisher.traced:
                with self._publisher.span(event, target):
                    self._accept(target, *self._publisher.encoded(event), future)
            else:
                self._accept(target, *self._publisher.encoded(event), future)
        except KafkaProducerError as error:
            future.set_exception(error)
        if self._timer is None:
            self._timer = loop.call_later(SHORTEST_TICK_S, self._tick)
        return future

    publish = publish_order

    async def publish_batch(
        self, events: Iterable[Event] | AsyncIterable[Event], topic: str | None = None
    ) -> list[Delivery | KafkaProducerError]:
        """Hand over many, in order, not faster than the client takes them; the end of each, in their order."""
        futures = []
        if isinstance(events, AsyncIterable):
            async for event in events:
                futures.append(self.publish_order(event, topic))
                await self.room()
        else:
            for event in events:
                futures.append(self.publish_order(event, topic))
                if self._parked:
                    await self.room()
        # one after the other: most are done by then, and gather() would have the loop call it back for each
        return [await _end(future) for future in futures]

    async def room(self) -> None:
        """Return once everything published is in the client's queue."""
        while self._parked:
            await asyncio.sleep(SHORTEST_TICK_S)
            self._serve()

    async def flush(self, timeout: float = 10.0) -> None:
        """Wait until every order is answered, or laid down as a dead letter.

        Raises:
            DrainTimeout: a KafkaProducerError with the number that is left, `remaining`; nothing was given up.
        """
        remaining = await self._wait(timeout, lambda: False)
        if remaining:
            raise DrainTimeout(remaining, timeout)

    async def close(self, timeout: float = 10.0, give_up: Callable[[], bool] = lambda: False) -> PublisherMetrics:
        """Accept nothing more, wait for answers, lay down what is left, release the client. Idempotent.

        Raises:
            DrainTimeout: orders were given up just now and are kept nowhere; the client is released all the same.
        """
        self.outbox.gate.shut_by(ClientClosed("this publisher is closed: make a new one"))
        for parked in self._parked:
            _settle_now(parked.future, ClientClosed("closed before there was room in the client's queue"), None)
        self._parked.clear()
        try:
            await self._wait(timeout, give_up)
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        # what is left is purged and laid down, which may take the file system's time
        return await asyncio.to_thread(self.outbox.close, 0.0)

    def metrics(self) -> PublisherMetrics:
        """The ledger and the latencies now; orders that wait for room are not accepted yet."""
        return self.outbox.metrics()

    def stop_accepting(self, why: str = "the publisher is shutting down") -> None:
        """From now on publish_order's futures say ShuttingDown."""
        self.outbox.stop_accepting(why)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except DrainTimeout:
            if error is None:
                raise

    def _attach(self) -> asyncio.AbstractEventLoop:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        return self._loop

    def _accept(
        self, topic: str, key: bytes, value: bytes, headers: Headers, future: "asyncio.Future[Delivery]"
    ) -> None:
        if not self._parked:
            try:
                self._hand_over(topic, key, value, headers, partial(self._settle, future), may_wait=False)
                return
            except QueueFull:
                pass  # it keeps its place here
        self._parked.append(_Parked(topic, key, value, headers, future))

    def _settle(self, future: "asyncio.Future[Delivery]", error: KafkaProducerError | None, message: Any) -> None:
        """The end of an order; on the loop's thread, but while closing."""
        if threading.get_ident() == self._thread:
            _settle_now(future, error, message)
        elif self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle_now, future, error, message)

    def _tick(self) -> None:
        """Fetch answers, hand over what waits for room, come again as long as anything is due."""
        self._timer = None
        assert self._loop is not None
        busy = self._serve() > 0
        self._tick_s = SHORTEST_TICK_S if busy else min(self._tick_s * 1.5, LONGEST_TICK_S)
        if self._parked or self.outbox.outstanding() > 0:
            self._timer = self._loop.call_later(self._tick_s, self._tick)
        else:
            self._tick_s = SHORTEST_TICK_S

    def _serve(self) -> int:
        served = self.outbox.serve(0.0)
        while self._parked:
            parked = self._parked[0]
            if not parked.future.done():
                try:
                    settle = partial(self._settle, parked.future)
                    self._hand_over(parked.topic, parked.key, parked.value, parked.headers, settle, may_wait=False)
                except QueueFull:
                    break
                except KafkaProducerError as error:
                    _settle_now(parked.future, error, None)
            self._parked.popleft()
        return served

    async def _wait(self, timeout: float, give_up: Callable[[], bool]) -> int:
        """Until nothing is due, the time is over, or `give_up` says so; how many orders are left."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        pause_s = SHORTEST_TICK_S
        while True:
            served = self._serve()
            left = len(self._parked) + self.outbox.outstanding()
            if not left or loop.time() >= deadline or give_up():
                return left
            pause_s = SHORTEST_TICK_S if served else min(pause_s * 1.5, LONGEST_TICK_S)
            await asyncio.sleep(pause_s)


def _settle_now(future: "asyncio.Future[Delivery]", error: KafkaProducerError | None, message: Any) -> None:
    if future.done():
        return  # cancelled meanwhile
    if error is not None:
        future.set_exception(error)
        return
    offset = message.offset()
    known = None if offset is None or offset < 0 else offset
    future.set_result(Delivery(message.topic(), message.partition(), known, message.latency()))


async def _end(future: "asyncio.Future[Delivery]") -> Delivery | KafkaProducerError:
    try:
        return await future
    except KafkaProducerError as error:
        return error
