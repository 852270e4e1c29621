"""Each contestant that this machine can run does what it is asked, on a real Kafka."""

import shutil

import confluent_kafka
import pytest

from bench.peers.command import Topics
from bench.peers.contestants import OURS, Contestant, Leg, kafka_producer_perf_test, rdkafka_performance
from bench.peers.process import run
from bench.peers.rdkafka_performance import program, version_of
from loadgen.brokers.target import Broker

pytestmark = pytest.mark.kafka


def completes(contestant: Contestant, kafka: Broker, rate_per_s: float | None = None) -> None:
    """One short leg."""
    topics = Topics(kafka)
    try:
        spent = run(contestant.command(Leg(kafka.bootstrap, topics.next(), 20_000, rate_per_s)), 100)
    finally:
        topics.remove()
    assert spent.code == 0, spent.last_words
    assert contestant.sent(spent.output) == 20_000


@pytest.mark.parametrize("contestant", OURS, ids=lambda contestant: contestant.name)
def test_ours(kafka: Broker, contestant: Contestant) -> None:
    """As a user would run it."""
    completes(contestant, kafka, 20_000.0 if contestant.paced_by else None)


def test_kafka_producer_perf_test(kafka: Broker) -> None:
    """From the broker's own jars."""
    completes(kafka_producer_perf_test(), kafka)


@pytest.mark.skipif(shutil.which("cargo") is None or shutil.which("gcc") is None, reason="needs cargo and gcc")
def test_rdkafka_performance(kafka: Broker) -> None:
    """Built once into the user's cache, and linked to the librdkafka that our client uses."""
    built = program()

    for latency in (True, False):
        completes(rdkafka_performance(str(built), latency), kafka)
    assert version_of(built) == confluent_kafka.libversion()[0]
