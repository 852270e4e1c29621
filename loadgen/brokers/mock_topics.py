"""What a mock cluster cannot be asked as a cluster can: answered by its process, or by questions that it does know.

Its admin requests never come back, and asked for one topic by name it makes that topic.
"""

import logging

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata  # type: ignore[attr-defined]

from loadgen.brokers.connection import ANSWER_WITHIN_S, connection_properties
from loadgen.brokers.mock import MockCluster
from loadgen.errors import LoadgenError, Unreachable, UsageError

REPLICAS = 3  # its own default; it never has more replicas than brokers
LATEST = -1  # the protocol's timestamp for "the end of the log"
_SILENT = logging.Logger("librdkafka")
_SILENT.addHandler(logging.NullHandler())


def brokers(mock: MockCluster) -> tuple[str, ...]:
    """host:port of each."""
    return tuple(f"{one.host}:{one.port}" for one in _metadata(mock).brokers.values())


def shape(mock: MockCluster, topic: str) -> tuple[int, int] | None:
    """(partitions, replicas); None when there is no such topic."""
    found = _metadata(mock).topics.get(topic)
    return None if found is None else (len(found.partitions), len(found.partitions[0].replicas))


def create(mock: MockCluster, topic: str, partitions: int, replication_factor: int) -> tuple[int, int]:
    """(partitions, replicas) of a topic that it made.

    Args:
        replication_factor: −1: its own.

    Raises:
        UsageError: it is there already, or a number is out of range.
        Unreachable: the mock cluster has ended.
    """
    replicas = min(replication_factor if replication_factor > 0 else REPLICAS, mock.bootstrap.count(",") + 1)
    try:
        mock.create_topic(topic, partitions, replicas)
    except Unreachable:
        raise
    except LoadgenError as error:
        raise UsageError(f"topic {topic}: {error}") from None
    return partitions, replicas


def end_offsets(mock: MockCluster, topic: str) -> list[int] | None:
    """Where each partition's log ends; None when there is no such topic or no answer."""
    reader = Consumer(connection_properties(mock.bootstrap, {}) | {"group.id": "loadgen"}, logger=_SILENT)
    try:
        found = shape(mock, topic)
        if found is None:
            return None
        asked = [TopicPartition(topic, partition, LATEST) for partition in range(found[0])]
        answers = reader.offsets_for_times(asked, timeout=ANSWER_WITHIN_S)
    except (KafkaException, Unreachable):
        return None
    finally:
        reader.close()
    return None if any(one.error for one in answers) else [one.offset for one in sorted(answers)]


def _metadata(mock: MockCluster) -> ClusterMetadata:
    client = AdminClient(connection_properties(mock.bootstrap, {}), logger=_SILENT)
    try:
        return client.list_topics(timeout=ANSWER_WITHIN_S)
    except KafkaException as error:
        raise Unreachable(f"the mock cluster at {mock.bootstrap} does not answer: {error.args[0].str()}") from None
