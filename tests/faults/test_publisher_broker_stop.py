"""The broker is stopped for 12 s while orders are published: none is lost, each key keeps its order, the circuit works."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadgen.brokers.admin import create_topic
from loadgen.brokers.kafka import LocalKafka, start_kafka
from loadgen.brokers.target import Broker
from loadgen.cli.dead_letters import app
from loadgen.producer.breaker import BreakerSettings
from loadgen.producer.errors import CircuitOpen
from loadgen.producer.replay import read_dead_letters
from loadgen.producer.sync_publisher import OrderEventPublisher
from tests.producer.reading import read_topic
from tests.producer.samples import Change, Heard

STOP_S = 12.0
KEYS = 20
A_SECOND = 500

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


@pytest.fixture(scope="module")
def own_kafka(kafka: Broker) -> Iterator[Broker]:
    """A Kafka that may be stopped, and goes on after each test; the session's own tells whether one can be had."""
    with start_kafka("java") as node:
        yield Broker("kafka", node.bootstrap, node.version, node.note, kafka=node)


def node_of(broker: Broker) -> Any:
    """Its process."""
    assert isinstance(broker.kafka, LocalKafka)
    return broker.kafka.nodes[0]


def stop_for(node: Any, seconds: float) -> threading.Thread:
    """Freeze a broker now and let it go on after a while."""
    node.pause()
    thread = threading.Timer(seconds, node.resume)
    thread.start()
    return thread


class Feed:
    """Changes of KEYS orders in turn, about A_SECOND a second."""

    def __init__(self) -> None:
        self.number = 0
        self.pause = threading.Event()

    def next(self) -> Change:
        change = Change(f"order-{self.number % KEYS}", self.number // KEYS)
        self.number += 1
        if self.number % 10 == 0:
            self.pause.wait(10 / A_SECOND)
        return change


def numbers_by_key(bootstrap: str, topic: str, at_least: int) -> dict[bytes | None, list[int]]:
    found: dict[bytes | None, list[int]] = {}
    for read in read_topic(bootstrap, topic, at_least):
        found.setdefault(read.key, []).append(msgspec.json.decode(read.value or b"", type=Change).number)
    return found


def test_a_caller_that_waits_loses_nothing_and_keeps_every_order(own_kafka: Broker, topic: str) -> None:
    """Frozen for 12 s: the circuit opens by silence, the caller holds its orders, all arrive once and in order."""
    create_topic(own_kafka, topic, {}, partitions=3)
    heard, feed = Heard(), Feed()
    publisher = OrderEventPublisher(
        [own_kafka.bootstrap], topic, breaker=BreakerSettings(silence_s=3.0, open_s=2.0), logger=heard
    )
    refused = 0

    def publish_for(seconds: float) -> None:
        nonlocal refused
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            change = feed.next()
            while True:
                assert publisher.wait_ready(60.0)
                try:
                    publisher.publish_order(change)
                    break
                except CircuitOpen:  # it opened between the question and the call
                    refused += 1

    publish_for(2.0)
    publisher.flush()
    waking = stop_for(node_of(own_kafka), STOP_S)
    publish_for(STOP_S + 3.0)
    waking.join()
    # A node that was frozen for longer than its session comes back when the controller has taken it in again.
    patience = time.monotonic() + 60.0
    while publisher.metrics().circuit != "closed" and time.monotonic() < patience:
        publish_for(0.5)
    publisher.flush(30.0)
    metrics = publisher.close()

    assert (metrics.acked, metrics.given_up, metrics.outstanding) == (feed.number, 0, 0)
    assert metrics.latency_sum_s > STOP_S / 2  # the fault did happen
    assert metrics.circuit == "closed"
    assert metrics.circuit_opened >= 1
    assert [name for name in ("circuit_opened", "circuit_half_open", "circuit_closed") if not heard.named(name)] == []
    by_key = numbers_by_key(own_kafka.bootstrap, topic, feed.number)
    assert sum(map(len, by_key.values())) == feed.number
    for key, numbers in by_key.items():
        assert numbers == list(range(len(numbers))), key


def test_orders_that_time_out_are_kept_and_can_be_replayed(own_kafka: Broker, topic: str, tmp_path: Path) -> None:
    """message.timeout.ms below the stop: what was given up is in the file, and after a replay nothing is missing."""
    create_topic(own_kafka, topic, {}, partitions=3)
    letters = tmp_path / "dead-letters.jsonl"
    feed = Feed()
    publisher = OrderEventPublisher(
        [own_kafka.bootstrap],
        topic,
        properties={"message.timeout.ms": 4000, "socket.timeout.ms": 3000},
        dead_letters=letters,
        breaker=BreakerSettings(silence_s=30.0, open_s=1.0),
        logger=Heard(),
    )
    publisher.publish_order(feed.next())
    publisher.flush()
    waking = stop_for(node_of(own_kafka), STOP_S)
    accepted, refused = 1, 0
    end = time.monotonic() + STOP_S + 4.0
    while time.monotonic() < end:
        change = feed.next()
        try:
            publisher.publish_order(change)
            accepted += 1
        except CircuitOpen as error:
            assert error.dead_lettered
            refused += 1
    waking.join()
    metrics = publisher.close(30.0)

    assert metrics.unknown.get("_MSG_TIMED_OUT", 0) > 0  # the fault did happen
    assert metrics.circuit_opened >= 1
    assert metrics.accepted == accepted == metrics.acked + metrics.given_up
    kept = [filed.letter for filed in read_dead_letters(letters)]
    assert len(kept) == metrics.given_up + refused == metrics.dead_lettered
    code = app(
        ["replay", str(letters), "-b", own_kafka.bootstrap, "--also-unknown"],
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )
    assert code == 0
    by_key = numbers_by_key(own_kafka.bootstrap, topic, accepted)
    wanted = {(f"order-{number % KEYS}".encode(), number // KEYS) for number in range(feed.number)}
    assert {(key, number) for key, numbers in by_key.items() for number in numbers} == wanted


def test_a_broker_that_is_killed_and_comes_back(own_kafka: Broker, topic: str) -> None:
    """kill -9 and a new start: librdkafka holds and repeats; every order once, every key in order."""
    create_topic(own_kafka, topic, {}, partitions=3)
    feed, node = Feed(), node_of(own_kafka)
    publisher = OrderEventPublisher(
        [own_kafka.bootstrap],
        topic,
        properties={"message.timeout.ms": 120_000},
        breaker=None,
        logger=Heard(),
    )
    for _ in range(A_SECOND):
        publisher.publish_order(feed.next())
    node.kill()
    restart = threading.Thread(target=node.start_again, args=(60.0,))
    restart.start()
    for _ in range(A_SECOND * 4):
        publisher.publish_order(feed.next())
    restart.join()
    publisher.flush(60.0)
    metrics = publisher.close()

    assert (metrics.acked, metrics.given_up) == (feed.number, 0)
    for key, numbers in numbers_by_key(own_kafka.bootstrap, topic, feed.number).items():
        assert numbers == list(range(len(numbers))), key
