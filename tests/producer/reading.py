"""What a consumer reads: a topic from its beginning to its end, as plain values."""

import time
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

PATIENCE_S = 20.0


class Read(NamedTuple):
    """A record as a consumer sees it."""

    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    partition: int
    offset: int


def read_topic(bootstrap: str, topic: str, at_least: int = 0) -> list[Read]:
    """Every record that a topic holds, by partition and offset; waits until there are that many.

    Raises:
        AssertionError: they did not come within 20 s.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        # a new consumer each time: one that began on an empty partition of the mock cluster never reads anything
        found = _read_to_the_end(bootstrap, topic)
        if len(found) >= at_least:
            return found
        assert time.monotonic() < deadline, f"{len(found)} of {at_least} records"


def _read_to_the_end(bootstrap: str, topic: str) -> list[Read]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        extent = {}
        for partition in consumer.list_topics(topic, 10).topics[topic].partitions:
            low, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            if end > low:
                extent[partition] = (low, end)
        consumer.assign([TopicPartition(topic, partition, low) for partition, (low, _) in extent.items()])
        found: list[Read] = []
        remaining = {partition: end for partition, (_, end) in extent.items()}
        while remaining:
            message: Any = consumer.poll(10)
            assert message is not None, f"{topic}: nothing came within 10 s"
            assert message.error() is None, message.error()
            partition, offset = message.partition(), message.offset()
            if offset < remaining.get(partition, 0):
                headers = dict(message.headers() or [])
                found.append(Read(message.key(), message.value(), headers, partition, offset))
            if offset + 1 >= remaining.get(partition, 0):
                remaining.pop(partition, None)
        return sorted(found, key=lambda read: (read.partition, read.offset))
    finally:
        consumer.close()
