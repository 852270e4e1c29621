"""7. Integration with a use case: orders are extracted from a shop and published; the core knows neither HTTP nor Kafka."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from target import Target, target

from loadgen import (
    LineItem,
    Money,
    Order,
    OrderEventMessage,
    OrderEventTranslator,
    OrderId,
    ProductId,
    managed_publisher,
)
from loadgen.events.order import ProductTitle


class ShopGateway(Protocol):
    """Where orders come from."""

    async def fetch_all_orders(self) -> Sequence[Order]: ...


class Publisher(Protocol):
    """Where events go: OrderEventPublisher, or a fake of it."""

    def publish_order(self, event: OrderEventMessage) -> None: ...

    def flush(self) -> None: ...


class ExtractOrdersUseCase:
    """Publishes every order of a shop."""

    def __init__(self, shop_gateway: ShopGateway, publisher: Publisher) -> None:
        self.shop_gateway = shop_gateway
        self.publisher = publisher
        self.translator = OrderEventTranslator()

    async def execute(self) -> int:
        """How many orders were published; every one of them is acknowledged when this returns.

        Raises:
            KafkaProducerError: an order was refused, or not all were answered in time.
        """
        orders = await self.shop_gateway.fetch_all_orders()
        for order in orders:
            self.publisher.publish_order(self.translator.to_event_message(order))
        self.publisher.flush()
        return len(orders)


class ShopInMemory:
    """A shop with five orders; another gateway would ask an HTTP interface."""

    async def fetch_all_orders(self) -> Sequence[Order]:
        await asyncio.sleep(0)
        return [self._order(number) for number in range(5)]

    @staticmethod
    def _order(number: int) -> Order:
        item = LineItem("1", ProductId(f"product-{number}"), ProductTitle("Mug"), 1, Money(Decimal(number)))
        return Order(OrderId(f"order-{number}"), datetime.now(UTC), "Zoë", (item,), Money(Decimal(number)))


async def extract(to: Target) -> None:
    async with managed_publisher([to.bootstrap], to.topic) as publisher:
        count = await ExtractOrdersUseCase(ShopInMemory(), publisher).execute()
        print(f"{count} orders extracted and acknowledged")


def main() -> None:
    with target(__doc__) as to:
        asyncio.run(extract(to))


if __name__ == "__main__":
    main()
