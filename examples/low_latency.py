"""9. Low-latency configuration: linger.ms=0 and small batches; each order awaited, as a payment service would."""

import asyncio
from statistics import quantiles

import msgspec
from target import Target, target

from loadgen import AsyncOrderEventPublisher

ORDERS = 200


class Payment(msgspec.Struct, frozen=True):
    order_id: str
    amount: float


async def pay(to: Target) -> None:
    async with AsyncOrderEventPublisher([to.bootstrap], to.topic, profile="low-latency") as publisher:
        await publisher.connect()  # the first order would otherwise wait for connection and producer id
        latencies_ms = []
        for number in range(ORDERS):
            delivery = await publisher.publish_order(Payment(f"order-{number}", 1.0))
            latencies_ms.append((delivery.latency_s or 0.0) * 1000)
        cuts = quantiles(latencies_ms, n=100)
        print(f"{ORDERS} payments: p50 {cuts[49]:.2f} ms, p90 {cuts[89]:.2f} ms, slowest {max(latencies_ms):.2f} ms")


def main() -> None:
    with target(__doc__) as to:
        asyncio.run(pay(to))


if __name__ == "__main__":
    main()
