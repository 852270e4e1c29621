"""`loadgen.testing`: the fake publishers and the assertions."""

import asyncio

import pytest

from loadgen.producer.errors import CircuitOpen, DeliveryFailed, InvalidEvent
from loadgen.testing import (
    FakeAsyncPublisher,
    FakePublisher,
    assert_nothing_published,
    assert_published,
    published,
)
from tests.producer.samples import Change, order


def test_what_was_published_can_be_asked() -> None:
    """Before and after closing, with fields, topic and headers as a consumer would see them."""
    with FakePublisher(headers=True) as publisher:
        assert_nothing_published(publisher)
        publisher.publish_order(order("order-1"))
        publisher.publish_order(Change("order-2", 5), topic="changes")
        assert_published(publisher, "order-1", total_price=19.98, topic="orders")
    assert_published(publisher, "order-2", number=5, topic="changes")

    assert [one.order_id for one in published(publisher)] == ["order-1", "order-2"]
    assert published(publisher)[1].headers["schema-version"] == b"Change/1"


def test_a_failed_assertion_says_what_there_was() -> None:
    """So that nobody has to look with a debugger."""
    publisher = FakePublisher()
    publisher.publish_order(Change("order-2", 5))
    with pytest.raises(AssertionError, match=r"order-2 number=6 was published 0 times, not 1; .*'number': 5"):
        assert_published(publisher, "order-2", number=6)
    with pytest.raises(AssertionError, match="published: order-2"):
        assert_nothing_published(publisher)
    with pytest.raises(AssertionError, match="1 times, not 2"):
        assert_published(publisher, "order-2", times=2)


def test_failures_can_be_planned() -> None:
    """By librdkafka's names; retries, breaker and metrics behave as in earnest."""
    told: list[object] = []
    publisher = FakePublisher(on_delivery=lambda error, message: told.append(error))
    publisher.fail_next("TOPIC_AUTHORIZATION_FAILED")
    publisher.publish_order(order("forbidden"))
    publisher.publish_order(order("good"))
    publisher.flush()

    assert [one.order_id for one in published(publisher)] == ["good"]
    assert isinstance(told[0], DeliveryFailed)
    assert publisher.logged.events[0][:2] == ("error", "delivery_failed")
    with pytest.raises(ValueError, match="_MSG_TIMED_OUT"):
        publisher.fail_next("MSG_TIMED_OUT")


def test_it_refuses_what_the_real_one_refuses() -> None:
    """The door is the real one's."""
    publisher = FakePublisher()
    with pytest.raises(InvalidEvent):
        publisher.publish_order(Change("a", "five"))  # type: ignore[arg-type]
    publisher.fail_next("_TRANSPORT", 30)
    with pytest.raises(CircuitOpen):
        for _ in range(100):
            publisher.publish_order(order())
            publisher.clock.advance_ns(100_000_000)


def test_the_async_one_too() -> None:
    """Awaitable, with planned failures."""

    async def use() -> None:
        async with FakeAsyncPublisher() as publisher:
            publisher.fail_next("TOPIC_AUTHORIZATION_FAILED")
            with pytest.raises(DeliveryFailed):
                await publisher.publish_order(order("a"))
            assert (await publisher.publish_order(order("b"))).topic == "orders"
            assert_published(publisher, "b")

    asyncio.run(use())
