"""One way of publishing orders, run in a process of its own and measured: what `bench/publisher.py` starts.

`python -m bench.publisher_case NAME BOOTSTRAP TOPIC ORDERS` prints one JSON object: CPU of the whole process (the
client's own threads included) and wall time from the first order after a warm-up to the last acknowledgement.
Non-goal: start-up, connection, compilation; a warm-up that is waited for goes before.
"""

import asyncio
import json
import sys
import time
import timeit
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import msgspec

from loadgen.messages.order_events import LineItemEventMessage, OrderEventMessage
from loadgen.profile import profile_properties

WARM_UP = 2_000

Publish = Callable[[OrderEventMessage], object]


class Way(NamedTuple):
    """A way of publishing: one order, wait for all, how many were acknowledged."""

    publish: Publish
    wait: Callable[[], object]
    acked: Callable[[], int]


def orders(count: int, prefix: str) -> list[OrderEventMessage]:
    """Orders of two line items, about 370 bytes of JSON."""
    lines = [LineItemEventMessage(f"{line}", f"product-{line:06d}", "Blue ceramic mug", 1, 9.99) for line in range(2)]
    return [
        OrderEventMessage(f"{prefix}-{number:012d}", "2026-11-23T20:30:11.123456+00:00", "Zoë Example", lines, 19.98)
        for number in range(count)
    ]


def ours(**options: Any) -> Callable[[str, str], Way]:
    """OrderEventPublisher with these options."""

    def make(bootstrap: str, topic: str) -> Way:
        from loadgen.producer.sync_publisher import OrderEventPublisher

        publisher = OrderEventPublisher([bootstrap], topic, **options)
        return Way(publisher.publish_order, lambda: publisher.flush(120), lambda: publisher.metrics().acked)

    return make


def document(bootstrap: str, topic: str) -> Way:
    """The reference document's class as it stands, with the same client settings as ours; tracing and logs left out."""
    from confluent_kafka import Producer

    producer = Producer({**profile_properties("balanced"), "bootstrap.servers": bootstrap})
    encoder = msgspec.json.Encoder()
    acked = [0]

    def delivered(error: Any, _message: Any) -> None:
        if error is None:
            acked[0] += 1

    def publish(event: OrderEventMessage) -> None:
        payload = encoder.encode(event)
        while True:
            try:
                producer.produce(topic=topic, key=event.order_id.encode(), value=payload, on_delivery=delivered)
                break
            except BufferError:  # the document has no answer to a full queue
                producer.poll(0.01)
        producer.poll(0)

    return Way(publish, lambda: producer.flush(120), lambda: acked[0])


def kafka_python(compression: str | None, *, crc_in_c: bool) -> Callable[[str, str], Way]:
    """The same code on kafka-python: same encoding, key, acks, idempotence, linger and batch size.

    Args:
        crc_in_c: with the package crc32c, which kafka-python uses when it is there; else its own, in Python.
    """

    def make(bootstrap: str, topic: str) -> Way:
        if crc_in_c:
            import crc32c  # noqa: F401  # it must be there: without it kafka-python goes on in Python and says nothing
        else:
            sys.modules["crc32c"] = None  # type: ignore[assignment]  # an import of it fails from now on
        if compression == "snappy":
            import snappy  # noqa: F401  # kafka-python's own complaint would be a failed assertion
        from kafka import KafkaProducer

        producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            enable_idempotence=True,
            max_in_flight_requests_per_connection=5,
            compression_type=compression,
            linger_ms=5,
            batch_size=131072,
        )
        encoder = msgspec.json.Encoder()
        acked = [0]

        def delivered(_metadata: Any) -> None:
            acked[0] += 1

        def publish(event: OrderEventMessage) -> None:
            future = producer.send(topic, key=event.order_id.encode(), value=encoder.encode(event))
            future.add_callback(delivered)

        return Way(publish, lambda: producer.flush(timeout=120), lambda: acked[0])

    return make


WAYS: dict[str, Callable[[str, str], Way]] = {
    "publisher": ours(),
    "publisher, with headers": ours(headers=True),
    "publisher, no validation": ours(validate=False),
    "document": document,
    "kafka-python": kafka_python("snappy", crc_in_c=True),
    "publisher, uncompressed": ours(properties={"compression.type": "none"}),
    "kafka-python as installed": kafka_python(None, crc_in_c=False),
}


def measure(way: Way, count: int) -> dict[str, float]:
    """Wall and CPU seconds of that many orders, from the first to the last acknowledgement."""
    for order in orders(WARM_UP, "warm"):
        way.publish(order)
    way.wait()
    before = way.acked()
    events = orders(count, "order")
    publish = way.publish
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for event in events:
        publish(event)
    way.wait()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    return {"acked": way.acked() - before, "wall_s": wall_s, "cpu_s": cpu_s}


AWAITED = 5  # orders awaited one by one; confluent's takes a second for each, whatever the cluster does


def ours_async(**options: Any) -> Callable[[str, str, int], Any]:
    """AsyncOrderEventPublisher with these options, a future for each order."""

    async def measure_it(bootstrap: str, topic: str, count: int) -> dict[str, float]:
        from loadgen.producer.async_publisher import AsyncOrderEventPublisher, Delivery

        async with AsyncOrderEventPublisher([bootstrap], topic, **options) as publisher:
            await publisher.publish_batch(orders(WARM_UP, "warm"))
            events = orders(count, "order")
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            ends = await publisher.publish_batch(events)
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
            awaited_s = []
            for event in orders(AWAITED, "one"):
                began = time.perf_counter()
                await publisher.publish_order(event)
                awaited_s.append(time.perf_counter() - began)
        acked = sum(isinstance(end, Delivery) for end in ends)
        return {"acked": acked, "wall_s": wall_s, "cpu_s": cpu_s, "awaited_ms": median(awaited_s) * 1000}

    return measure_it


async def aio_producer(bootstrap: str, topic: str, count: int) -> dict[str, float]:
    """confluent_kafka's own asyncio producer, same settings; it takes no headers, so none are sent."""
    from confluent_kafka.aio import AIOProducer

    producer = AIOProducer({**profile_properties("balanced"), "bootstrap.servers": bootstrap})
    encoder = msgspec.json.Encoder()

    async def publish(events: list[OrderEventMessage]) -> int:
        futures = [
            await producer.produce(topic, key=event.order_id.encode(), value=encoder.encode(event)) for event in events
        ]
        await producer.flush()
        return sum(not isinstance(end, BaseException) for end in await asyncio.gather(*futures, return_exceptions=True))

    try:
        await publish(orders(WARM_UP, "warm"))
        events = orders(count, "order")
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        acked = await publish(events)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        awaited_s = []
        for event in orders(AWAITED, "one"):
            began = time.perf_counter()
            await (await producer.produce(topic, key=event.order_id.encode(), value=encoder.encode(event)))
            awaited_s.append(time.perf_counter() - began)
    finally:
        await producer.close()
    return {"acked": acked, "wall_s": wall_s, "cpu_s": cpu_s, "awaited_ms": median(awaited_s) * 1000}


ASYNC_WAYS: dict[str, Callable[[str, str, int], Any]] = {
    "async publisher": ours_async(),
    "async publisher, no validation": ours_async(validate=False),
    "confluent AIOProducer": aio_producer,
}


def look_ns() -> float:
    """What it costs to see that nobody collects spans: the whole price of tracing that is off."""
    from loadgen.telemetry.tracing import STATE_KEY, OpenTelemetry

    names = {"state": OpenTelemetry("bench").state, "key": STATE_KEY}
    with_look = min(timeit.repeat("state[key] is not None", globals=names, number=1_000_000, repeat=5))
    return with_look * 1000


def main(arguments: list[str]) -> int:
    """Measure one way and print it."""
    name, bootstrap, topic, count = arguments[0], arguments[1], arguments[2], int(arguments[3])
    if name in ASYNC_WAYS:
        result = asyncio.run(ASYNC_WAYS[name](bootstrap, topic, count))
    else:
        try:
            way = WAYS[name](bootstrap, topic)
        except ImportError as error:
            print(json.dumps({"missing": str(error)}))
            return 0
        result = measure(way, count)
    print(json.dumps({**result, "orders": count}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
