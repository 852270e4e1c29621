"""3. Async batch publisher: a thousand orders from a coroutine, each with its end."""

import asyncio
from collections import Counter

from target import Target, target

from loadgen import AsyncOrderEventPublisher, OrderEventMessage


def orders(count: int) -> list[OrderEventMessage]:
    """Orders without lines, for the size of the example."""
    return [
        OrderEventMessage(f"order-{number}", "2026-11-23T20:30:00+00:00", "Zoë", [], 0.0) for number in range(count)
    ]


async def publish(to: Target) -> None:
    async with AsyncOrderEventPublisher([to.bootstrap], to.topic) as publisher:
        first = await publisher.publish_order(orders(1)[0])
        print(f"the first is at partition {first.partition}, offset {first.offset}")
        ends = await publisher.publish_batch(orders(1000)[1:])
        for kind, count in Counter(type(end).__name__ for end in ends).items():
            print(f"{count} × {kind}")


def main() -> None:
    with target(__doc__) as to:
        asyncio.run(publish(to))


if __name__ == "__main__":
    main()
