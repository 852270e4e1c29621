"""Permanent errors on a real Kafka: known within a second, dead-lettered with their cause, the others go on."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from loadgen.brokers.admin import create_topic
from loadgen.brokers.kafka import start_kafka
from loadgen.brokers.target import Broker
from loadgen.producer.errors import RecordRefused
from loadgen.producer.kafka import KafkaTransport
from loadgen.producer.replay import read_dead_letters
from loadgen.producer.sync_publisher import OrderEventPublisher
from tests.producer.reading import read_topic
from tests.producer.samples import Heard, order

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";'
FAST_S = 1.0


@pytest.fixture(scope="module")
def with_rights(kafka: Broker) -> Iterator[Broker]:
    """A Kafka that asks who writes where; ANONYMOUS may do everything, alice only what she is given."""
    properties = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.password.plain.sasl.jaas.config": PLAIN,
    }
    with start_kafka("java", properties=properties, listeners={"PASSWORD": "SASL_PLAINTEXT"}) as node:
        yield Broker("kafka", node.bootstrap, node.version, node.note, kafka=node)


def allow(broker: Broker, topic: str) -> None:
    """alice may write to a topic."""
    binding = AclBinding(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        "User:alice",
        "*",
        AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in client.create_acls([binding]).values():
        future.result(10)


def test_a_topic_that_one_may_not_write_fails_fast(with_rights: Broker, topic: str, tmp_path: Path) -> None:
    """TOPIC_AUTHORIZATION_FAILED within a second of the hand-over; orders to the topic she may write go on."""
    create_topic(with_rights, topic, {}, partitions=1)
    create_topic(with_rights, f"{topic}-forbidden", {}, partitions=1)
    allow(with_rights, topic)
    assert with_rights.kafka is not None
    ends: list[tuple[float, Any]] = []
    publisher = OrderEventPublisher(
        [with_rights.kafka.listeners["PASSWORD"]],
        topic,
        properties={
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "alice",
            "sasl.password": "alice-secret",
        },
        dead_letters=tmp_path / "dead.jsonl",
        on_delivery=lambda error, message: ends.append((time.monotonic(), error)),
        logger=Heard(),
    )
    publisher.publish_order(order("first"))
    publisher.flush()
    began = time.monotonic()
    publisher.publish_order(order("forbidden"), topic=f"{topic}-forbidden")
    publisher.publish_order(order("second"))
    publisher.flush()
    metrics = publisher.close()

    failed_at, error = next((at, error) for at, error in ends if error is not None)
    assert failed_at - began <= FAST_S
    assert (error.name, error.order_id, error.retriable) == ("TOPIC_AUTHORIZATION_FAILED", "forbidden", False)
    assert metrics.failed == {"TOPIC_AUTHORIZATION_FAILED": 1}
    (filed,) = read_dead_letters(tmp_path / "dead.jsonl")
    assert (filed.letter.code, filed.letter.topic) == ("TOPIC_AUTHORIZATION_FAILED", f"{topic}-forbidden")
    assert [found.key for found in read_topic(with_rights.bootstrap, topic, 2)] == [b"first", b"second"]


def test_a_record_too_large_for_its_topic_fails_fast(kafka: Broker, topic: str, tmp_path: Path) -> None:
    """MSG_SIZE_TOO_LARGE from the broker, within a second."""
    create_topic(kafka, topic, {}, partitions=1, settings={"max.message.bytes": "2000"})
    publisher = OrderEventPublisher(
        [kafka.bootstrap],
        topic,
        properties={"compression.type": "none", "linger.ms": 0},
        dead_letters=tmp_path / "dead.jsonl",
        logger=Heard(),
    )
    publisher.publish_order(order("first"))
    publisher.flush()
    began = time.monotonic()
    publisher.publish_order(order("large", items=100))
    publisher.flush()
    took_s = time.monotonic() - began
    publisher.publish_order(order("second"))
    publisher.close()

    assert took_s <= FAST_S
    (filed,) = read_dead_letters(tmp_path / "dead.jsonl")
    assert (filed.letter.order_id, filed.letter.code, filed.letter.outcome) == ("large", "MSG_SIZE_TOO_LARGE", "failed")
    assert [found.key for found in read_topic(kafka.bootstrap, topic, 2)] == [b"first", b"second"]


@pytest.mark.parametrize(("name", "cause"), [("{}-missing", "UNKNOWN_TOPIC_OR_PART"), ("no topic!", "TOPIC_EXCEPTION")])
def test_a_topic_that_is_not_there_fails_fast(kafka: Broker, topic: str, tmp_path: Path, name: str, cause: str) -> None:
    """Within a second, where librdkafka by itself would wait 30 s for a topic; orders to the one that is there go on."""
    create_topic(kafka, topic, {}, partitions=1)
    ends: list[tuple[float, Any]] = []
    publisher = OrderEventPublisher(
        [kafka.bootstrap],
        topic,
        dead_letters=tmp_path / "dead.jsonl",
        on_delivery=lambda error, message: ends.append((time.monotonic(), error)),
        logger=Heard(),
    )
    publisher.publish_order(order("first"))
    publisher.flush()
    began = time.monotonic()
    publisher.publish_order(order("astray"), topic=name.format(topic))
    publisher.publish_order(order("second"))
    publisher.flush()
    publisher.close()

    failed_at, error = next((at, error) for at, error in ends if error is not None)
    assert failed_at - began <= FAST_S
    assert (error.name, error.order_id, error.retriable) == (cause, "astray", False)
    (filed,) = read_dead_letters(tmp_path / "dead.jsonl")
    assert (filed.letter.code, filed.letter.topic) == (cause, name.format(topic))
    assert [found.key for found in read_topic(kafka.bootstrap, topic, 2)] == [b"first", b"second"]


def test_a_partition_that_is_not_there_fails_fast(kafka: Broker, topic: str) -> None:
    """_UNKNOWN_PARTITION at the hand-over once the topic is known; that record alone."""
    create_topic(kafka, topic, {}, partitions=1)
    transport = KafkaTransport({"bootstrap.servers": kafka.bootstrap})
    transport.prime(topic, 10)
    seen: list[Any] = []
    began = time.monotonic()
    with pytest.raises(RecordRefused, match="_UNKNOWN_PARTITION"):
        transport.send(topic, b"x", partition=99, on_delivery=pytest.fail)
    took_s = time.monotonic() - began
    transport.send(topic, b"y", partition=0, on_delivery=lambda error, message: seen.append(error))
    while not seen:
        transport.poll(0.05)
    transport.close(1)

    assert took_s <= FAST_S
    assert seen == [None]
