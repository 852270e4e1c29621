"""Reading processes on a real Kafka: groups beside a run, and draining what a topic holds."""

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from loadgen.arrivals.plan import Piece
from loadgen.brokers import admin
from loadgen.brokers.target import Broker
from loadgen.cli.consume import consume
from loadgen.consumer.beside import ReaderFailed, Readers
from loadgen.consumer.plan import ConsumePlan
from loadgen.consumer.topic import topic_extent
from loadgen.errors import UsageError
from loadgen.recorder.slab import State
from tests.consumer.test_end_to_end import TOKEN, value

pytestmark = pytest.mark.kafka
PER_S = 2_000.0


def beside(kafka: Broker, topic: str, group: int = 0, **changes: object) -> ConsumePlan:
    return ConsumePlan(
        **{
            "bootstrap": kafka.bootstrap,
            "topic": topic,
            "properties": {},
            "way": "beside",
            "group": f"{topic}-{group}",
            "ranges": topic_extent(kafka.bootstrap, topic, {}) | {},
            "run_token": TOKEN,
            "id_place": "value",
            "pieces": [Piece(PER_S, PER_S, None)],
            **changes,
        }
    )


@pytest.fixture
def sender(kafka: Broker) -> Iterator[Producer]:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 0})
    yield producer
    producer.flush(5)


def send_planned(producer: Producer, topic: str, t0_ns: int, count: int, first: int = 0) -> None:
    """Each event at its planned instant or a little later."""
    for sequence in range(first, first + count):
        while time.monotonic_ns() < t0_ns + sequence * 1e9 / PER_S:
            producer.poll(0)
        producer.produce(topic, value(0, sequence), partition=sequence % 2)
    assert producer.flush(10) == 0


def test_two_groups_read_everything_and_time_it(kafka: Broker, topic: str, sender: Producer) -> None:
    """Each group reads every record once; latencies are from the planned instant, none below zero; older ones are not read."""
    admin.create_topic(kafka, topic, {}, partitions=2, replication_factor=1)
    for sequence in range(50):  # stood there before the run
        sender.produce(topic, value(0, sequence), partition=0)
    assert sender.flush(10) == 0
    begun = {partition: (end, end) for partition, (_, end) in topic_extent(kafka.bootstrap, topic, {}).items()}

    with Readers([beside(kafka, topic, group, ranges=begun) for group in range(2)]) as readers:
        readers.await_ready(60.0)
        t0_ns = time.monotonic_ns()
        readers.start_at(t0_ns)
        send_planned(sender, topic, t0_ns, 1_000)
        told = readers.finish(1_000, 20.0)
        longest_us = (time.monotonic_ns() - t0_ns) / 1000

    assert told.complete and told.read == [1_000, 1_000] and told.measured == 2_000
    assert told.negative == 0 and not told.lost
    assert told.end_to_end is not None and told.end_to_end.n == sum(told.histogram) == 2_000
    assert 0 < told.end_to_end.p50 <= told.end_to_end.max < longest_us
    assert told.payload_bytes == [1_000 * len(value(0, 0))] * 2


def test_a_stopped_consumer_is_incomplete_until_it_caught_up(kafka: Broker, topic: str, sender: Producer) -> None:
    """SIGSTOP while records come: what was not read is said, never guessed; afterwards it is complete, and the wait counted."""
    admin.create_topic(kafka, topic, {}, partitions=2, replication_factor=1)
    with Readers([beside(kafka, topic)]) as readers:
        readers.await_ready(60.0)
        (reader,) = readers.members
        t0_ns = time.monotonic_ns()
        readers.start_at(t0_ns)
        os.kill(reader.process.pid, signal.SIGSTOP)
        try:
            send_planned(sender, topic, t0_ns, 200)
            assert not readers.told(200, []).complete
            stopped_us = (time.monotonic_ns() - t0_ns) / 1000
        finally:
            os.kill(reader.process.pid, signal.SIGCONT)
        told = readers.finish(200, 20.0)

    assert told.complete and told.read == [200]
    assert told.end_to_end is not None and told.end_to_end.max >= stopped_us - 200 / PER_S * 1e6


def test_a_killed_consumer_is_told(kafka: Broker, topic: str) -> None:
    """Its index is among the lost and the answer is not complete."""
    admin.create_topic(kafka, topic, {}, partitions=1, replication_factor=1)
    with Readers([beside(kafka, topic)]) as readers:
        readers.await_ready(60.0)
        readers.members[0].process.kill()
        readers.members[0].process.wait()

        told = readers.finish(10, 5.0)

    assert (told.lost, told.complete, told.read) == ([0], False, [0])


def test_a_consumer_that_cannot_start_says_why(kafka: Broker) -> None:
    """The client's own words and an exit code, not a time-out."""
    bad = ConsumePlan(
        bootstrap=kafka.bootstrap,
        topic="loadgen-x",
        properties={"security.protocol": "sasl_plaintext", "sasl.mechanism": "NONSENSE"},
        way="beside",
        ranges={},
    )
    with Readers([bad]) as readers, pytest.raises(ReaderFailed, match="does not take these properties") as caught:
        readers.await_ready(30.0)

    assert caught.value.exit_code == 2


def test_draining_a_backlog(kafka: Broker, topic: str, sender: Producer, capsys: pytest.CaptureFixture[str]) -> None:
    """`loadgen consume` reads what is there once a group, to the end, and leaves no group on the cluster."""
    admin.create_topic(kafka, topic, {}, partitions=3, replication_factor=1)
    for sequence in range(5_000):
        sender.produce(topic, value(0, sequence), partition=sequence % 3)
    assert sender.flush(10) == 0

    code = consume(bootstrap_server=kafka.bootstrap, topic=topic, groups=2, json="-")

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (told["read"], told["offsets"], told["complete"]) == ([5_000, 5_000], 5_000, True)
    assert told["read_per_s"] > 0 and told["partitions"] == 3


def test_an_empty_topic_is_drained_at_once(kafka: Broker, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to read is said, without a rate."""
    admin.create_topic(kafka, topic, {}, partitions=1, replication_factor=1)

    assert consume(bootstrap_server=kafka.bootstrap, topic=topic) == 0
    assert "nothing to read" in capsys.readouterr().out


def test_consuming_from_nowhere_is_a_usage_error(kafka: Broker, topic: str) -> None:
    """A topic that is not there, or a number of groups that makes no sense."""
    with pytest.raises(UsageError, match=f"-t {topic}: no such topic"):
        consume(bootstrap_server=kafka.bootstrap, topic=topic)
    with pytest.raises(UsageError, match="--groups 0: 1 to 64"):
        consume(bootstrap_server=kafka.bootstrap, topic=topic, groups=0)


def test_a_reader_is_ready_before_the_run(kafka: Broker, topic: str) -> None:
    """READY means that partitions are assigned: what is sent from then on is read."""
    admin.create_topic(kafka, topic, {}, partitions=1, replication_factor=1)
    with Readers([beside(kafka, topic)]) as readers:
        readers.await_ready(60.0)
        assert readers.members[0].state == State.READY
