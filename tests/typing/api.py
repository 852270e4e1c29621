"""The public names as a program with types sees them. Checked by mypy, never run; see test_typing.py."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_type

import msgspec

from loadgen import (
    AsyncOrderEventPublisher,
    KafkaProducerError,
    Order,
    OrderEventMessage,
    OrderEventPublisher,
    OrderEventTranslator,
    managed_publisher,
)
from loadgen.producer.breaker import BreakerSettings
from loadgen.producer.counts import PublisherMetrics
from loadgen.producer.dead_letter import DeadLetterFile, DeadLetterTopic
from loadgen.producer.publisher import BatchReport, Delivery
from loadgen.producer.retry import RetrySettings
from loadgen.testing import FakeAsyncPublisher, FakePublisher, Published, assert_published, published


class QuickStart(msgspec.Struct, frozen=True):
    order_id: str
    total_price: float


@dataclass(frozen=True)
class Plain:
    order_id: str


class WithoutId(msgspec.Struct):
    name: str


class WrongId(msgspec.Struct):
    order_id: int


def sync_publisher(order: Order, events: Sequence[QuickStart]) -> None:
    publisher = OrderEventPublisher(["localhost:9092"], "orders")
    assert_type(publisher.topic, str)
    assert_type(publisher.publish_order(OrderEventTranslator.to_event_message(order)), None)
    publisher.publish(QuickStart("a", 1.0))
    publisher.publish_order(Plain("a"), topic="others")
    assert_type(publisher.publish_batch(events), BatchReport)
    assert_type(publisher.publish_batch(events).refused, list[tuple[int, KafkaProducerError]])
    assert_type(publisher.flush(), None)
    assert_type(publisher.metrics(), PublisherMetrics)
    assert_type(publisher.close(timeout=5.0), PublisherMetrics)
    assert_type(publisher.wait_ready(1.0), bool)

    publisher.publish_order(WithoutId("x"))  # type: ignore[arg-type]
    publisher.publish_order(WrongId(5))  # type: ignore[arg-type]
    publisher.publish_order({"order_id": "a"})  # type: ignore[arg-type]
    OrderEventPublisher(["localhost:9092"])  # type: ignore[call-arg]
    OrderEventPublisher(["localhost:9092"], "orders", profil="seed")  # type: ignore[call-arg]


def options() -> None:
    def heard(error: KafkaProducerError | None, message: object) -> None: ...

    def wrong(error: int) -> None: ...

    OrderEventPublisher(
        "localhost:9092",
        "orders",
        profile="low-latency",
        properties={"linger.ms": 0, "socket.keepalive.enable": True},
        dead_letters=DeadLetterFile("dead.jsonl"),
        retry=RetrySettings(tries=3),
        breaker=None,
        on_delivery=heard,
    )
    OrderEventPublisher("localhost:9092", "orders", dead_letters=DeadLetterTopic("dead", "dead.jsonl"))
    OrderEventPublisher("localhost:9092", "orders", breaker=BreakerSettings(open_s=1.0))
    OrderEventPublisher("localhost:9092", "orders", on_delivery=wrong)  # type: ignore[arg-type]


async def async_publisher(event: OrderEventMessage) -> None:
    async with AsyncOrderEventPublisher(["localhost:9092"], "orders") as publisher:
        assert_type(publisher, AsyncOrderEventPublisher)
        assert_type(publisher.publish_order(event), asyncio.Future[Delivery])
        assert_type(await publisher.publish_order(event), Delivery)
        assert_type((await publisher.publish(event)).offset, int | None)
        assert_type(await publisher.publish_batch([event]), list[Delivery | KafkaProducerError])
        await publisher.flush(5.0)
        assert_type(await publisher.close(), PublisherMetrics)
        await publisher.publish_order(WithoutId("x"))  # type: ignore[arg-type]


async def managed(event: OrderEventMessage) -> None:
    with managed_publisher(["localhost:9092"], "orders", drain_timeout=5.0) as plain:
        assert_type(plain, OrderEventPublisher)
    async with managed_publisher(["localhost:9092"], "orders", profile="seed") as documents:
        assert_type(documents, OrderEventPublisher)
    async with managed_publisher(["localhost:9092"], "orders", kind=AsyncOrderEventPublisher) as awaitable:
        assert_type(awaitable, AsyncOrderEventPublisher)
        await awaitable.publish_order(event)


def wrong_options() -> None:
    AsyncOrderEventPublisher(["localhost:9092"], "orders", profil="seed")  # type: ignore[call-arg]
    managed_publisher(["localhost:9092"], "orders", validate="yes")  # type: ignore[call-overload]
    FakePublisher(retries=None)  # type: ignore[call-arg]


def errors(error: KafkaProducerError) -> None:
    assert_type(error.code, int | None)
    assert_type(error.name, str)
    assert_type(error.retriable, bool)
    assert_type(error.order_id, str | None)


def testing(event: OrderEventMessage) -> None:
    with FakePublisher() as publisher:
        publisher.publish_order(event)
        assert_type(published(publisher), list[Published])
    assert_published(FakeAsyncPublisher(), "order-1", topic="orders", total_price=1.0)
    takes_the_real_one(FakePublisher())


def takes_the_real_one(publisher: OrderEventPublisher) -> None: ...
