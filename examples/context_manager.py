"""5. Context manager pattern: the publisher's life is a block, synchronous or not, and signals end it well."""

import asyncio

import msgspec
from target import Target, target

from loadgen import AsyncOrderEventPublisher, managed_publisher


class Order(msgspec.Struct, frozen=True):
    order_id: str


async def publish(to: Target) -> None:
    async with managed_publisher([to.bootstrap], to.topic) as publisher:
        publisher.publish_order(Order("from-async-with"))
    async with managed_publisher([to.bootstrap], to.topic, kind=AsyncOrderEventPublisher) as awaitable:
        delivery = await awaitable.publish_order(Order("awaited"))
        print(f"awaited, at offset {delivery.offset} of partition {delivery.partition}")


def main() -> None:
    with target(__doc__) as to:
        with managed_publisher([to.bootstrap], to.topic) as publisher:
            publisher.publish_order(Order("from-with"))
        asyncio.run(publish(to))
        print("closed three times, each after its last acknowledgement")


if __name__ == "__main__":
    main()
