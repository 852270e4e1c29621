"""Topics through one door, on the mock cluster and on a real Kafka."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from loadgen.brokers.admin import (
    check_topic_name,
    create_topic,
    delete_topic,
    describe_cluster,
    describe_topic,
    end_offsets,
)
from loadgen.brokers.connection import Connection
from loadgen.brokers.target import Broker, start_broker
from loadgen.errors import Unreachable, UsageError
from tests.brokers.guarded import Guarded
from tests.brokers.waiting import wait_until

NOBODY = Broker("external", "127.0.0.1:1", None, "")


@pytest.fixture(params=["mock", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """The same promises on both kinds."""
    found: Broker = request.getfixturevalue(request.param)
    return found


def send(broker: Broker, topic: str, partition: int, count: int) -> None:
    """Records that are acknowledged when this returns."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for _ in range(count):
        producer.produce(topic, b"x", partition=partition)
    assert producer.flush(30) == 0


def test_a_cluster_names_its_brokers(broker: Broker) -> None:
    """host:port of each, as clients reach them."""
    assert describe_cluster(broker, {}).brokers == (broker.bootstrap,)


def test_a_topic_is_made_with_the_partitions_asked_for(broker: Broker, topic: str) -> None:
    """And is found as it was made."""
    made = create_topic(broker, topic, {}, partitions=3)

    assert (made.name, made.partitions, made.replication_factor) == (topic, 3, 1)
    assert describe_topic(broker, topic, {}) == made


def test_the_default_is_six_partitions_a_broker(broker: Broker, topic: str) -> None:
    """What `--partitions auto` means."""
    assert create_topic(broker, topic, {}).partitions == 6


def test_three_brokers_have_eighteen_partitions_and_as_many_replicas_as_the_cluster_likes(topic: str) -> None:
    """On a mock cluster: three; never more than brokers."""
    with start_broker("mock", brokers=3) as broker:
        made = create_topic(broker, topic, {})
        assert (made.partitions, made.replication_factor) == (18, 3)
        assert create_topic(broker, f"{topic}-9", {}, replication_factor=9).replication_factor == 3
        assert describe_topic(broker, topic, {}) == made


def test_a_topic_that_is_not_there_is_none_and_asking_does_not_make_it(broker: Broker, topic: str) -> None:
    """Twice: the first question made nothing."""
    assert describe_topic(broker, topic, {}) is None
    assert end_offsets(broker, topic, {}) is None
    assert describe_topic(broker, topic, {}) is None


@pytest.mark.kafka
def test_asking_does_not_make_it_where_the_cluster_would(guarded: Guarded, topic: str) -> None:
    """On a broker that makes every topic that is asked for."""
    broker = Broker("external", guarded.address("PLAINTEXT"), None, "")
    assert describe_topic(broker, topic, {}) is None
    assert end_offsets(broker, topic, {}) is None
    assert describe_topic(broker, topic, {}) is None


def test_a_topic_twice_is_refused(broker: Broker, topic: str) -> None:
    """With the cluster's reason."""
    create_topic(broker, topic, {})
    with pytest.raises(UsageError, match=f"{topic}.*already exists"):
        create_topic(broker, topic, {})


def test_the_end_of_the_log_grows_by_what_was_acknowledged(broker: Broker, topic: str) -> None:
    """By partition, in their order; 0 where nothing came."""
    create_topic(broker, topic, {}, partitions=3)
    assert end_offsets(broker, topic, {}) == [0, 0, 0]
    send(broker, topic, 1, 7)
    send(broker, topic, 2, 2)

    assert end_offsets(broker, topic, {}) == [0, 7, 2]


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("code", "told"), [(KafkaError.NOT_LEADER_FOR_PARTITION, [0, 0]), (KafkaError.TOPIC_AUTHORIZATION_FAILED, None)]
)
def test_an_election_is_waited_out_and_a_refusal_is_not(
    kafka: Broker, topic: str, monkeypatch: pytest.MonkeyPatch, code: int, told: list[int] | None
) -> None:
    """A leader being elected answers a moment later; asked again, with backoff. What does not pass is told at once."""
    create_topic(kafka, topic, {}, partitions=2)
    wait, answers = Connection.wait, iter(range(99))

    def first_offsets_fail(connection: Connection, answer: Any) -> Any:
        found = wait(connection, answer)
        if hasattr(found, "offset") and next(answers) < 2:
            raise KafkaException(KafkaError(code))
        return found

    monkeypatch.setattr(Connection, "wait", first_offsets_fail)

    assert end_offsets(kafka, topic, {}) == told
    assert next(answers) == (4 if told else 1)


def test_like_copies_the_shape(broker: Broker, topic: str) -> None:
    """Partitions from the model where none are given; what is given wins; a missing model is named."""
    create_topic(broker, topic, {}, partitions=2)

    assert create_topic(broker, f"{topic}-a", {}, like=topic).partitions == 2
    assert create_topic(broker, f"{topic}-b", {}, like=topic, partitions=4).partitions == 4
    with pytest.raises(UsageError, match="--like nobody"):
        create_topic(broker, f"{topic}-c", {}, like="nobody")


@pytest.mark.kafka
def test_settings_go_over_the_model_and_that_over_the_retention(kafka: Broker, topic: str) -> None:
    """An hour of retention unless somebody says otherwise; the cluster's own replication factor."""
    plain = create_topic(kafka, topic, {}, settings={"segment.bytes": "1048576"})
    assert plain.settings == {"retention.ms": "3600000", "segment.bytes": "1048576"}
    assert (plain.replication_factor, plain.min_insync_replicas) == (1, 1)

    copy = create_topic(kafka, f"{topic}-a", {}, like=topic, settings={"retention.ms": "60000"})
    assert copy.settings == {"retention.ms": "60000", "segment.bytes": "1048576"}


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"replication_factor": 3}, "replication factor of 3"),
        ({"settings": {"retention.msec": "1"}}, "retention.msec"),
        ({"settings": {"retention.ms": "soon"}}, "retention.ms"),
    ],
)
def test_what_the_cluster_refuses_is_a_usage_error_with_its_words(
    kafka: Broker, topic: str, wanted: dict[str, object], reason: str
) -> None:
    """Exit 2, and no topic is left."""
    with pytest.raises(UsageError, match=reason) as raised:
        create_topic(kafka, topic, {}, **wanted)  # type: ignore[arg-type]

    assert "\n" not in str(raised.value)
    assert describe_topic(kafka, topic, {}) is None


@pytest.mark.kafka
def test_a_deleted_topic_is_gone(kafka: Broker, topic: str) -> None:
    """True when it is gone, also when it was gone before."""
    create_topic(kafka, topic, {})
    assert delete_topic(kafka, topic, {})
    wait_until(lambda: describe_topic(kafka, topic, {}) is None)

    assert delete_topic(kafka, topic, {})


def test_a_topic_of_a_mock_goes_with_it(mock: Broker, topic: str) -> None:
    """There is nothing to do."""
    create_topic(mock, topic, {})

    assert delete_topic(mock, topic, {})


@pytest.mark.usefixtures("short_grace")
def test_removing_a_topic_never_costs_a_result() -> None:
    """It is the last thing a run does: a cluster that is gone is told by false."""
    assert not delete_topic(NOBODY, "loadgen-x", {})


@pytest.mark.parametrize("name", ["a/b", "", ".", "..", "a b", "ü", "x" * 250, "a\nb"])
def test_a_name_that_brokers_do_not_take_is_refused_before_a_socket_opens(name: str) -> None:
    """A dead address would be Unreachable: it is not asked."""
    with pytest.raises(UsageError, match="topic name"):
        check_topic_name(name)
    with pytest.raises(UsageError, match="topic name"):
        create_topic(NOBODY, name, {})
    with pytest.raises(UsageError, match="topic name"):
        describe_topic(NOBODY, name, {})


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "x" * 249])
def test_a_good_name_is_given_back(name: str) -> None:
    """Letters, digits, dot, underscore, hyphen; up to 249."""
    assert check_topic_name(name) == name


@pytest.mark.usefixtures("short_grace")
def test_an_unreachable_cluster_is_told_by_every_question() -> None:
    """Not by a wrong answer."""
    with pytest.raises(Unreachable):
        describe_topic(NOBODY, "t", {})


@pytest.mark.usefixtures("short_grace")
def test_end_offsets_of_an_unreachable_cluster_are_none() -> None:
    """They are asked after a run too, whose result must not be lost for them."""
    assert end_offsets(NOBODY, "t", {}) is None
