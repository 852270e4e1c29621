"""6. Testing with mocks: the code under test cannot tell the fake publisher from the real one; no broker is needed."""

import unittest

import msgspec
from target import target

from loadgen import KafkaProducerError, OrderEventPublisher
from loadgen.testing import FakePublisher, assert_nothing_published, assert_published


class OrderPlaced(msgspec.Struct, frozen=True):
    order_id: str
    total_price: float


def check_out(cart: dict[str, float], order_id: str, publisher: OrderEventPublisher) -> bool:
    """The code under test: an empty cart is no order; whether the order was accepted."""
    if not cart:
        return False
    try:
        publisher.publish_order(OrderPlaced(order_id, round(sum(cart.values()), 2)))
    except KafkaProducerError:
        return False
    return True


class CheckOutTest(unittest.TestCase):
    """What a team would have in its own tests."""

    def test_the_order_is_published_with_its_total(self) -> None:
        with FakePublisher() as publisher:
            self.assertTrue(check_out({"mug": 9.99, "plate": 4.5}, "order-1", publisher))
        assert_published(publisher, "order-1", total_price=14.49)

    def test_an_empty_cart_publishes_nothing(self) -> None:
        publisher = FakePublisher()
        self.assertFalse(check_out({}, "order-1", publisher))
        assert_nothing_published(publisher)

    def test_an_order_that_cannot_be_encoded_is_refused(self) -> None:
        publisher = FakePublisher()
        self.assertFalse(check_out({"mug": float("nan")}, "order-1", publisher))
        assert_nothing_published(publisher)

    def test_a_broker_that_refuses_is_seen_in_the_metrics(self) -> None:
        publisher = FakePublisher()
        publisher.fail_next("TOPIC_AUTHORIZATION_FAILED")
        check_out({"mug": 9.99}, "order-1", publisher)
        publisher.flush()
        self.assertEqual(publisher.metrics().failed, {"TOPIC_AUTHORIZATION_FAILED": 1})


def main() -> None:
    result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(CheckOutTest))
    if not result.wasSuccessful():
        raise SystemExit(1)
    with target(__doc__) as (bootstrap, topic, _), OrderEventPublisher([bootstrap], topic) as publisher:
        check_out({"mug": 9.99, "plate": 4.5}, "order-1", publisher)
        publisher.flush()
        print("the same code, with a real client: 1 order acknowledged")


if __name__ == "__main__":
    main()
