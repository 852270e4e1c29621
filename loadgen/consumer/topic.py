"""What can be known of a topic before it is read: its partitions, and where each begins and ends."""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from loadgen.consumer.client import NOT_BY_WAITING, make_consumer
from loadgen.errors import Unreachable

ASK_S = 10.0
SLICE_S = 0.5  # a metadata call does not end early when credentials or certificates are wrong: asked in slices


class TopicGone(Exception):
    """The cluster has no such topic."""


def topic_extent(bootstrap: str, topic: str, properties: Mapping[str, str]) -> dict[int, tuple[int, int]]:
    """The offsets that a topic has at this moment.

    Args:
        properties: librdkafka's, for a consumer.

    Returns:
        By partition: (first offset that is still there, the one after the last).

    Raises:
        TopicGone: there is no such topic.
        Unreachable: no answer within 10 s, or the cluster said no; the reason is told.
    """
    errors: list[str] = []

    def note(error: KafkaError) -> None:
        errors.append(error.str())
        fatal.append(error.code() in NOT_BY_WAITING)

    fatal: list[bool] = []
    consumer = make_consumer(bootstrap, properties, on_error=note)
    try:
        partitions = _partitions(consumer, topic, bootstrap, errors, fatal)
        ranges: dict[int, tuple[int, int]] = {}
        for partition in partitions:
            try:
                ranges[partition] = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ASK_S)
            except KafkaException as error:
                raise Unreachable(
                    f"{bootstrap}: the offsets of {topic} partition {partition} cannot be had: {error.args[0].str()}"
                ) from None
    finally:
        consumer.close()
    return ranges


def _partitions(consumer: Consumer, topic: str, bootstrap: str, errors: list[str], fatal: list[bool]) -> list[int]:
    deadline = time.monotonic() + ASK_S
    while True:
        try:
            found: Any = consumer.list_topics(topic, timeout=SLICE_S).topics.get(topic)
        except KafkaException as error:
            consumer.poll(0)  # serves the error callback: why nothing comes is told only there
            if time.monotonic() > deadline or any(fatal):
                said = errors[-1] if errors else error.args[0].str()
                raise Unreachable(f"{bootstrap}: no answer: {said}; is the cluster up, and does -b name it?") from None
            continue
        code = found.error.code() if found is not None and found.error is not None else None
        if found is None or code == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise TopicGone(topic)
        if code is not None and code != KafkaError.LEADER_NOT_AVAILABLE:
            raise Unreachable(f"{bootstrap}: topic {topic}: {found.error.str()}")
        if found.partitions and code is None:
            return sorted(found.partitions)
        if time.monotonic() > deadline:
            raise Unreachable(f"{bootstrap}: topic {topic} has no leader after {ASK_S:.0f} s")
        time.sleep(0.05)
