"""Questions that only `loadgen doctor` asks: how healthy partitions are, what the user may do, what runs left behind.

Every one of them reads; none makes or changes anything. A topic that a run would make is asked for with `validate_only`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from loadgen.brokers.connection import ANSWER_WITHIN_S, DENIED, Connection
from loadgen.brokers.guard import OURS
from loadgen.brokers.target import Broker


@dataclass(frozen=True)
class Checkup:
    """What a cluster answered.

    Attributes:
        controller: id of the broker that leads the cluster; None when it has none.
        left: topics that runs made and that are still there.
        may_create: a topic whose name begins as ours could be made; None: not answered.
        created_refusal: the cluster's words when it could not.
    """

    controller: int | None
    left: Sequence[str]
    may_create: bool | None
    created_refusal: str


@dataclass(frozen=True)
class TopicHealth:
    """A topic as its replicas are now.

    Attributes:
        held: operations that the user may do on it, by name; None when the cluster does not tell.
    """

    name: str
    partitions: int
    leaderless: Sequence[int]
    under_replicated: Sequence[int]
    replicas: int
    held: Sequence[str] | None


def look(broker: Broker, properties: Mapping[str, str]) -> Checkup:
    """The cluster.

    Raises:
        Unreachable: no answer.
    """
    with Connection(broker.bootstrap, properties) as connection:
        described = connection.wait(connection.client.describe_cluster(request_timeout=ANSWER_WITHIN_S))
        # asked of all topics: those that may not be seen are just not among them
        names = connection.client.list_topics(timeout=ANSWER_WITHIN_S).topics
        allowed, words = _could_create(connection)
    controller = described.controller.id if described.controller is not None else None
    return Checkup(controller, sorted(name for name in names if name.startswith(OURS)), allowed, words)


def _could_create(connection: Connection) -> tuple[bool | None, str]:
    name = f"{OURS}doctor"
    asked = connection.client.create_topics(
        [NewTopic(name, num_partitions=1, replication_factor=-1)], validate_only=True, request_timeout=ANSWER_WITHIN_S
    )
    try:
        connection.wait(asked[name])
    except KafkaException as error:
        code, words = error.args[0].code(), error.args[0].str()
        if code in DENIED:
            return False, words
        return (True, "") if code == KafkaError.TOPIC_ALREADY_EXISTS else (None, words)
    return True, ""


def topic_health(broker: Broker, name: str, properties: Mapping[str, str]) -> TopicHealth | None:
    """A topic's leaders, replicas and the user's rights; None when there is none that he may see.

    Raises:
        Unreachable: no answer.
    """
    with Connection(broker.bootstrap, properties) as connection:
        asked = connection.client.describe_topics(
            TopicCollection([name]), include_authorized_operations=True, request_timeout=ANSWER_WITHIN_S
        )
        try:
            found = connection.wait(asked[name])
        except KafkaException as error:
            if error.args[0].code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, *DENIED}:
                return None
            raise
    held = None if found.authorized_operations is None else [one.name for one in found.authorized_operations]
    return TopicHealth(
        name=name,
        partitions=len(found.partitions),
        leaderless=[one.id for one in found.partitions if one.leader is None or one.leader.id < 0],
        under_replicated=[one.id for one in found.partitions if len(one.isr) < len(one.replicas)],
        replicas=len(found.partitions[0].replicas),
        held=held,
    )
