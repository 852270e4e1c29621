"""1. Basic order publisher: a domain order, translated, published, flushed."""

from datetime import UTC, datetime
from decimal import Decimal

from target import target

from loadgen import LineItem, Money, Order, OrderEventPublisher, OrderEventTranslator, OrderId, ProductId
from loadgen.events.order import ProductTitle


def order(number: int) -> Order:
    """A customer's order of two mugs."""
    mug = LineItem("1", ProductId("mug-blue"), ProductTitle("Blue mug"), 2, Money(Decimal("9.99")))
    return Order(OrderId(f"order-{number}"), datetime.now(UTC), "Zoë Example", (mug,), Money(Decimal("19.98")))


def main() -> None:
    with target(__doc__) as (bootstrap, topic, _):
        publisher = OrderEventPublisher([bootstrap], topic)
        for number in range(3):
            publisher.publish_order(OrderEventTranslator.to_event_message(order(number)))
        publisher.flush()
        metrics = publisher.metrics()
        publisher.close()
        print(f"{metrics.acked} of {metrics.accepted} orders acknowledged")


if __name__ == "__main__":
    main()
