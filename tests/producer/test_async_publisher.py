"""AsyncOrderEventPublisher: a future for each order, nothing blocks, order of calls kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadgen.brokers.target import Broker
from loadgen.producer.async_publisher import AsyncOrderEventPublisher, Delivery
from loadgen.producer.errors import (
    ClientClosed,
    DeliveryUnknown,
    DrainTimeout,
    InvalidEvent,
    KafkaProducerError,
    RecordRefused,
)
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.producer.replay import read_dead_letters
from tests.producer.reading import read_topic
from tests.producer.samples import Change, Heard, order


def in_memory(transport: MemoryTransport, **options: Any) -> AsyncOrderEventPublisher:
    return AsyncOrderEventPublisher(["memory:1"], "orders", transport=transport, logger=Heard(), **options)


def test_awaiting_an_order_gives_its_place(mock: Broker, topic: str) -> None:
    """Topic, partition, offset and latency, once the broker has answered."""

    async def publish() -> list[Delivery]:
        async with AsyncOrderEventPublisher([mock.bootstrap], topic, logger=Heard()) as publisher:
            first = await publisher.publish_order(Change("a", 1))
            return [first, await publisher.publish_order(Change("a", 2))]

    first, second = asyncio.run(publish())
    assert (first.topic, second.partition) == (topic, first.partition)
    assert (first.offset, second.offset) == (0, 1)
    assert first.latency_s is not None
    assert len(read_topic(mock.bootstrap, topic, 2)) == 2


def test_a_batch_is_in_order_and_each_has_its_end(mock: Broker, topic: str) -> None:
    """From an async source as well; far more orders than the client's queue holds."""

    async def orders() -> AsyncIterator[Change]:
        for number in range(1000):
            yield Change("a", number)

    async def publish() -> list[Any]:
        properties = {"queue.buffering.max.messages": 50}
        async with AsyncOrderEventPublisher(
            [mock.bootstrap], topic, properties=properties, logger=Heard()
        ) as publisher:
            ends = await publisher.publish_batch(orders())
            return ends + await publisher.publish_batch([Change("a", 1000), Change("a", 1001)])

    ends = asyncio.run(publish())
    assert all(isinstance(end, Delivery) for end in ends)
    read = read_topic(mock.bootstrap, topic, 1002)
    assert [msgspec.json.decode(found.value or b"", type=Change).number for found in read] == list(range(1002))


def test_not_awaiting_sends_all_the_same_and_in_order() -> None:
    """Fire and forget; a full queue keeps them in their place."""
    transport = MemoryTransport(capacity=3)

    async def publish() -> None:
        async with in_memory(transport) as publisher:
            for number in range(50):
                publisher.publish_order(Change("a", number))
            await publisher.flush()

    asyncio.run(publish())
    numbers = [msgspec.json.decode(sent.value() or b"", type=Change).number for sent in transport.log]
    assert numbers == list(range(50))


def test_the_loop_is_never_blocked_by_a_full_queue() -> None:
    """While nothing is answered, other coroutines run and publish_order returns."""
    transport = MemoryTransport(lambda _: Answer(None), capacity=1)
    turns = 0

    async def publish() -> None:
        nonlocal turns
        publisher = in_memory(transport)
        futures = [publisher.publish_order(Change("a", number)) for number in range(10)]
        waiting = asyncio.ensure_future(publisher.room())
        for _ in range(5):
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(DrainTimeout):
            await publisher.close(0.01)
        ends = await asyncio.gather(*futures, return_exceptions=True)
        assert isinstance(ends[0], DeliveryUnknown)
        assert all(isinstance(end, ClientClosed) for end in ends[1:])

    asyncio.run(publish())
    assert turns == 5


def test_errors_are_in_the_futures() -> None:
    """What does not fit, what is refused, what failed: each order has its own error, the others arrive."""
    script = {0: Answer(0, 29)}
    transport = MemoryTransport(lambda number: script.get(number, Answer()), largest_bytes=500)

    async def publish() -> list[Any]:
        async with in_memory(transport) as publisher:
            events: list[Any] = [order("forbidden"), Change("bad", "x"), order("large", items=50), order("good")]  # type: ignore[arg-type]
            return await publisher.publish_batch(events)

    forbidden, bad, large, good = asyncio.run(publish())
    assert isinstance(forbidden, KafkaProducerError)
    assert forbidden.name == "TOPIC_AUTHORIZATION_FAILED"
    assert forbidden.order_id == "forbidden"
    assert isinstance(bad, InvalidEvent)
    assert isinstance(large, RecordRefused)
    assert isinstance(good, Delivery)


def test_a_cancelled_future_takes_no_order_back() -> None:
    """The order is on its way; only nobody waits for it."""
    transport = MemoryTransport()

    async def publish() -> None:
        async with in_memory(transport) as publisher:
            publisher.publish_order(Change("a", 1)).cancel()
            await publisher.flush()
            assert publisher.metrics().callback_errors == 0

    asyncio.run(publish())
    assert len(transport.log) == 1


def test_flush_says_what_is_left() -> None:
    """As the synchronous one: the number, and nothing given up."""
    transport = MemoryTransport(lambda _: Answer(100_000_000))

    async def publish() -> int:
        async with in_memory(transport) as publisher:
            publisher.publish_order(Change("a", 1))
            with pytest.raises(DrainTimeout, match="1 messages") as raised:
                await publisher.flush(0.001)
            await publisher.flush(10.0)
            return raised.value.remaining

    assert asyncio.run(publish()) == 1
    assert len(transport.log) == 1


def test_closing_lays_down_what_is_left_and_wakes_who_waits(tmp_path: Path) -> None:
    """The future has the error, the file the order."""
    transport = MemoryTransport(lambda _: Answer(None))

    async def publish() -> None:
        publisher = in_memory(transport, dead_letters=tmp_path / "dead.jsonl")
        future = publisher.publish_order(Change("a", 1))
        metrics = await publisher.close(0.01)
        assert (metrics.given_up, metrics.dead_lettered) == (1, 1)
        with pytest.raises(DeliveryUnknown) as raised:
            await future
        assert raised.value.dead_lettered
        assert (await publisher.close()).accepted == 1
        with pytest.raises(ClientClosed):
            await publisher.publish_order(Change("a", 2))

    asyncio.run(publish())
    assert [filed.letter.order_id for filed in read_dead_letters(tmp_path / "dead.jsonl")] == ["a"]


def test_the_documents_attributes_are_there() -> None:
    """topic, producer, encoder, tracer, logger; publish is publish_order."""

    async def look() -> None:
        async with in_memory(MemoryTransport()) as publisher:
            assert publisher.topic == "orders"
            assert all(hasattr(publisher, name) for name in ("producer", "encoder", "tracer", "logger"))
            await publisher.publish(Change("a", 1))
            assert publisher.metrics().acked == 1

    asyncio.run(look())
