"""The door to topics: what a cluster and a topic look like, making one, removing it, where its log ends.

All kinds of broker through the same calls: the mock cluster, which cannot be asked most of this, is answered for.
Every call opens a client and drops it: they are made a handful of times a run, and never while it is hot.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition

# re-exported by that package without saying so to a type checker
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    ConfigResource,
    ConfigSource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from loadgen.brokers import mock_topics
from loadgen.brokers.connection import ANSWER_WITHIN_S, DENIED, Connection
from loadgen.brokers.control_calls import again
from loadgen.brokers.release import release
from loadgen.brokers.target import Broker
from loadgen.errors import LoadgenError, Unreachable, UsageError
from loadgen.profile.settings import parse_topic

PARTITIONS_PER_BROKER = 6
RETENTION = {"retention.ms": "3600000"}  # an hour: what a killed run leaves behind goes by itself
MADE_WITHIN_S = 30.0  # thousands of partitions take a cluster seconds
LEADERS_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05
_REFUSED = frozenset(
    {
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_CONFIG,
        KafkaError.POLICY_VIOLATION,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.INVALID_REQUEST,
        KafkaError.TOPIC_ALREADY_EXISTS,
    }
)
_PASSING = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.KAFKA_STORAGE_ERROR,
    }
)


@dataclass(frozen=True)
class Cluster:
    """What a cluster says of itself.

    Attributes:
        version: of a broker started here; else the Kafka release whose protocol level it works at (`release.py`);
            None when it does not say: a Redpanda does not.
        cluster_id: None on a mock cluster, and where the cluster has none.
        brokers: host:port of each.
    """

    version: str | None
    cluster_id: str | None
    brokers: tuple[str, ...]


@dataclass(frozen=True)
class Topic:
    """The shape of a topic.

    Attributes:
        min_insync_replicas: None on a mock cluster, or when settings may not be read.
        settings: those of its own, not the cluster's defaults.
    """

    name: str
    partitions: int
    replication_factor: int | None
    min_insync_replicas: int | None
    settings: dict[str, str]


def check_topic_name(name: str) -> str:
    """The name, when brokers would take it; asked before any socket opens.

    Raises:
        UsageError: another character, too long, or a reserved name.
    """
    try:
        return parse_topic(name)
    except ValueError as error:
        raise UsageError(f"topic {error}") from None


def describe_cluster(
    broker: Broker, properties: Mapping[str, str], answer_within_s: float = ANSWER_WITHIN_S
) -> Cluster:
    """Who is there.

    Raises:
        UsageError: the client properties cannot be used.
        Unreachable: no answer, or a refusal, within the time given; says why and what to look at.
    """
    return described(broker, *members(broker, properties, answer_within_s), properties)


def described(broker: Broker, cluster_id: str | None, nodes: tuple[str, ...], properties: Mapping[str, str]) -> Cluster:
    """A cluster whose members are known, with its release: what the first of them says, who is connected to for that."""
    if broker.mock is not None:
        return Cluster(None, None, nodes)
    version = broker.version or (release(nodes[0], properties) if nodes else None)
    return Cluster(version, cluster_id, nodes)


def members(
    broker: Broker, properties: Mapping[str, str], answer_within_s: float = ANSWER_WITHIN_S
) -> tuple[str | None, tuple[str, ...]]:
    """(the cluster's id, host:port of each broker as the cluster names it); one request on a connection to `bootstrap`.

    Raises:
        UsageError, Unreachable: as `describe_cluster`.
    """
    if broker.mock is not None:
        return None, mock_topics.brokers(broker.mock)
    with Connection(broker.bootstrap, properties, answer_within_s) as connection:
        answer = connection.wait(connection.client.describe_cluster(request_timeout=answer_within_s))
    return answer.cluster_id, tuple(f"{node.host}:{node.port}" for node in answer.nodes)


def describe_topic(broker: Broker, name: str, properties: Mapping[str, str]) -> Topic | None:
    """A topic's shape; None when there is no such topic. Asking does not make it.

    Raises:
        UsageError: no such name is possible.
        Unreachable: no answer, or not allowed.
    """
    check_topic_name(name)
    if broker.mock is not None:
        known = mock_topics.shape(broker.mock, name)
        return None if known is None else Topic(name, *known, None, {})
    with Connection(broker.bootstrap, properties) as connection:
        shape = _shape(connection, name)
        if shape is None:
            return None
        settings, min_insync = _settings(connection, name)
    partitions, replicas, _ = shape
    return Topic(name, partitions, replicas, min_insync, settings)


def create_topic(
    broker: Broker,
    name: str,
    properties: Mapping[str, str],
    *,
    partitions: int | None = None,
    replication_factor: int = -1,
    settings: Mapping[str, str] | None = None,
    like: str | None = None,
) -> Topic:
    """Make a topic and wait until each of its partitions has a leader.

    Args:
        partitions: None: 6 a broker.
        replication_factor: −1: the cluster's own.
        settings: over the retention of one hour and over what `like` gives.
        like: a topic whose partitions, factor and settings are taken where none are given.

    Raises:
        UsageError: the cluster refuses a number, a setting or the name; it is there already; `like` is not there.
        Unreachable: no answer, not allowed, or leaders are missing after 30 s.
    """
    check_topic_name(name)
    model = None
    if like is not None:
        model = describe_topic(broker, like, properties)
        if model is None:
            raise UsageError(f"--like {like}: there is no such topic on {broker.bootstrap}")
        partitions = partitions or model.partitions
        if replication_factor == -1 and model.replication_factor is not None:
            replication_factor = model.replication_factor
    if partitions is None:
        partitions = PARTITIONS_PER_BROKER * len(describe_cluster(broker, properties).brokers)
    if broker.mock is not None:
        return Topic(name, *mock_topics.create(broker.mock, name, partitions, replication_factor), None, {})
    config = {**RETENTION, **(model.settings if model else {}), **(settings or {})}
    new = NewTopic(name, num_partitions=partitions, replication_factor=replication_factor, config=config)
    with Connection(broker.bootstrap, properties, MADE_WITHIN_S) as connection:
        try:
            connection.wait(connection.client.create_topics([new], request_timeout=MADE_WITHIN_S)[name])
        except KafkaException as error:
            raise _explained(error.args[0], f"topic {name} ({partitions} partitions, {config})", "make it") from None
        _wait_for_leaders(connection, name, partitions)
    made = describe_topic(broker, name, properties)
    if made is None:
        raise Unreachable(f"topic {name} was made on {broker.bootstrap} and is gone: somebody removed it")
    return made


def delete_topic(
    broker: Broker, name: str, properties: Mapping[str, str], answer_within_s: float = ANSWER_WITHIN_S
) -> bool:
    """Remove a topic; true when it is gone. A mock's topics go with the mock.

    It comes last and must not cost the result: a cluster that refuses or is gone is told by false, not raised.
    """
    if broker.mock is not None:
        return True
    try:
        with Connection(broker.bootstrap, properties, answer_within_s) as connection:
            connection.wait(connection.client.delete_topics([name], request_timeout=answer_within_s)[name])
    except KafkaException as error:
        return bool(error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART)
    except LoadgenError:
        return False
    return True


def end_offsets(
    broker: Broker, name: str, properties: Mapping[str, str], answer_within_s: float = ANSWER_WITHIN_S
) -> list[int] | None:
    """Where each partition's log ends, by partition; None when there is no such topic or no answer.

    Asked after a run too, whose result must not be lost for it: what goes wrong is told by None, not raised.
    """
    if broker.mock is not None:
        return mock_topics.end_offsets(broker.mock, name)
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    try:
        with Connection(broker.bootstrap, properties, answer_within_s) as connection:
            shape = _shape(connection, name)
            if shape is None:
                return None
            asked = {TopicPartition(name, partition): latest for partition in range(shape[0])}

            def ask() -> list[int]:
                answers = connection.client.list_offsets(asked, request_timeout=ANSWER_WITHIN_S)
                return [connection.wait(answers[partition]).offset for partition in asked]

            return again(ask, _passes)
    except (KafkaException, LoadgenError):
        return None


def _passes(error: Exception) -> bool:
    """Whether an answer is different when asked a moment later: a leader is being elected, a broker is coming up."""
    return isinstance(error, KafkaException) and error.args[0].code() in _PASSING


def _shape(connection: Connection, name: str) -> tuple[int, int, bool] | None:
    """(partitions, replicas of the first, whether all have a leader); None when there is no such topic."""
    question = connection.client.describe_topics(TopicCollection([name]), request_timeout=ANSWER_WITHIN_S)
    try:
        found = connection.wait(question[name])
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise _explained(error.args[0], f"topic {name}", "describe it") from None
    led = all(one.leader is not None and one.leader.id >= 0 for one in found.partitions)
    return len(found.partitions), len(found.partitions[0].replicas), led


def _settings(connection: Connection, name: str) -> tuple[dict[str, str], int | None]:
    """(the topic's own settings, min.insync.replicas whoever set it); nothing when they may not be read."""
    resource = ConfigResource(ResourceType.TOPIC, name)
    question = connection.client.describe_configs([resource], request_timeout=ANSWER_WITHIN_S)
    try:
        entries = connection.wait(question[resource])
    except KafkaException as error:
        if error.args[0].code() in DENIED:
            return {}, None
        raise _explained(error.args[0], f"topic {name}", "read its settings") from None
    own = {
        entry.name: entry.value
        for entry in entries.values()
        if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value and entry.value is not None
    }
    min_insync = entries.get("min.insync.replicas")
    return own, int(min_insync.value) if min_insync is not None and min_insync.value else None


def _wait_for_leaders(connection: Connection, name: str, partitions: int) -> None:
    deadline = time.monotonic() + LEADERS_WITHIN_S
    while True:
        shape = _shape(connection, name)
        if shape is not None and shape[0] == partitions and shape[2]:
            return
        if time.monotonic() > deadline:
            raise Unreachable(
                f"topic {name} has no leader for some of its {partitions} partitions after {LEADERS_WITHIN_S:g} s; "
                "are all brokers up?"
            )
        time.sleep(LOOK_EVERY_S)


def _explained(error: KafkaError, subject: str, action: str) -> LoadgenError:
    if error.code() in DENIED:
        return Unreachable(f"{subject}: not allowed to {action} ({error.name()}); give the user that right")
    if error.code() in _REFUSED:
        return UsageError(f"{subject}: the cluster refuses to {action}: {error.str()}")
    return Unreachable(f"{subject}: could not {action}: {error.str()}")
