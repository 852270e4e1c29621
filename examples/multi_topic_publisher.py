"""2. Multi-topic publisher: one client, several topics; the event decides where it goes."""

import msgspec
from target import target

from loadgen import OrderEventPublisher


class OrderPlaced(msgspec.Struct, frozen=True):
    """An order came in."""

    order_id: str
    total_price: float


class OrderReturned(msgspec.Struct, frozen=True):
    """Goods came back. Any struct with an order_id can be published."""

    order_id: str
    reason: str


def main() -> None:
    with target(__doc__) as (bootstrap, topic, _):
        topics = {OrderPlaced: topic, OrderReturned: f"{topic}.returns"}
        events = [
            OrderPlaced("order-1", 19.98),
            OrderPlaced("order-2", 5.0),
            OrderReturned("order-1", "the wrong blue"),
        ]
        with OrderEventPublisher([bootstrap], topic, headers=True) as publisher:
            for event in events:
                publisher.publish_order(event, topic=topics[type(event)])
            publisher.flush()
            print(f"{publisher.metrics().acked} events in {len(topics)} topics")


if __name__ == "__main__":
    main()
