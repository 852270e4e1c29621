"""The C part against a real Apache Kafka: what a mock cluster cannot do."""

from array import array
from collections.abc import Iterator
from typing import Any

import confluent_kafka
import pytest

from loadgen.brokers.admin import create_topic, delete_topic
from loadgen.brokers.target import Broker
from loadgen.messages.source import EventSource
from loadgen.recorder.slab import Slab
from tests.native.conftest import Mode, Rig
from tests.native.test_records import hand_over
from tests.native.test_sent_bytes import plan_of

pytestmark = pytest.mark.kafka


def read_back(bootstrap: str, topic: str, partitions: int, count: int) -> Iterator[tuple[bytes | None, bytes]]:
    """(key, value) of `count` records."""
    consumer: Any = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "test"})
    consumer.assign([confluent_kafka.TopicPartition(topic, partition, 0) for partition in range(partitions)])
    while count:
        message = consumer.poll(1)
        if message is not None and not message.error():
            count -= 1
            yield message.key(), message.value()
    consumer.close()


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_stamped_records_arrive_as_the_source_makes_them(
    slab: Slab, kafka: Broker, topic: str, compression: str
) -> None:
    """20,000 orders through every path of the writer, read back byte for byte."""
    create_topic(kafka, topic, {}, partitions=3)
    properties = {"compression.type": compression, "enable.idempotence": True, "linger.ms": 5}
    sender = Rig(slab, 0, "native", kafka.bootstrap, properties)
    source = EventSource(plan_of("stamped", "order", 500, 1))
    sender.client.set_topic(topic)
    hand_over(sender.client, source)
    while sender.next_sequence < 20_000:
        sender.send(20_000 - sender.next_sequence)
    sender.wait_answered(20_000)
    sender.close()

    arrived = sorted(read_back(kafka.bootstrap, topic, 3, 20_000), key=repr)
    assert arrived == sorted((source.record(sequence, sequence) for sequence in range(20_000)), key=repr)


@pytest.mark.parametrize("mode", ["native", "python"])
def test_records_that_the_broker_names_one_by_one_are_failed(slab: Slab, kafka: Broker, topic: str, mode: Mode) -> None:
    """A compacted topic takes no record without a key; the answer lists each of the batch."""
    create_topic(kafka, topic, {}, partitions=1, settings={"cleanup.policy": "compact"})
    sender = Rig(slab, 0, mode, kafka.bootstrap, {"linger.ms": 50}).aim(topic, 0).prime()

    sender.send(5)
    sender.wait_answered(5)

    assert sender.outcomes() == (0, 5, 0)
    assert sender.codes() == {87: 5}
    sender.close()


def test_a_topic_that_vanishes_leaves_no_record_without_an_outcome(slab: Slab, kafka: Broker, topic: str) -> None:
    """Sent on while it goes: acked, failed, unknown and rejected make up all of them, and the sender never hangs."""
    create_topic(kafka, topic, {}, partitions=2)
    properties = {
        "linger.ms": 5,
        "message.timeout.ms": 3000,
        "topic.metadata.refresh.interval.ms": 200,
        "topic.metadata.propagation.max.ms": 500,
        "allow.auto.create.topics": False,
        "queue.buffering.max.messages": 2000,
    }
    sender = Rig(slab, 0, "native", kafka.bootstrap, properties).aim(topic).prime()
    sender.client.set_outcomes(outcomes := bytearray(100_000))
    sender.send(1000)
    sender.wait_answered(1000)
    assert delete_topic(kafka, topic, {})

    accepted, rejected = 1000, 0
    while not rejected and not sender.outcomes()[1] + sender.outcomes()[2]:
        more, refused = sender.send(100)
        accepted, rejected = accepted + more, rejected + refused
        sender.producer.poll(0.01)
    sender.wait_answered(accepted)

    assert sum(sender.outcomes()) == accepted
    codes = [outcomes[sequence // 4] >> 2 * (sequence % 4) & 3 for sequence in range(accepted + rejected)]
    assert codes.count(1) == sender.outcomes()[0]
    assert codes.count(3) == rejected
    assert array("b", codes).count(0) == sender.outcomes()[2]
    sender.close()
