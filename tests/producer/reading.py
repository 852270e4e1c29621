"""What a consumer reads: a topic from its beginning to its end, as plain values."""

from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition


class Read(NamedTuple):
    """A record as a consumer sees it."""

    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    partition: int
    offset: int


def read_topic(bootstrap: str, topic: str, at_least: int = 0) -> list[Read]:
    """Every record of a topic, by partition and offset; waits until there are that many, at most 15 s.

    Raises:
        AssertionError: they did not come.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        found: list[Read] = []
        silent = 0
        while silent < (150 if len(found) < at_least else 3):
            message = consumer.poll(0.1)
            if message is None:
                silent += 1
                continue
            error: Any = message.error()
            assert error is None or error.code() == KafkaError._PARTITION_EOF, error
            silent = 0
            found.append(
                Read(
                    message.key(), message.value(), dict(message.headers() or []), message.partition(), message.offset()
                )
            )
        assert len(found) >= at_least, f"{len(found)} of {at_least} records"
        return sorted(found, key=lambda read: (read.partition, read.offset))
    finally:
        consumer.close()
