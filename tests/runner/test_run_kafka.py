"""Whole runs on a real Apache Kafka: what only it can show."""

import base64
import json
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

import loadgen
from loadgen.brokers import admin
from loadgen.brokers.target import Broker
from loadgen.profile import resolve
from loadgen.report.result import PlanRecord, Result
from loadgen.runner.coordinator import carry_out
from loadgen.verify.remake import Remake

pytestmark = pytest.mark.kafka


def run_on(kafka: Broker, **settings: Any) -> Result:
    """A short run on the session's Kafka."""
    return loadgen.run(**{"bootstrap": kafka.bootstrap, "duration": "1s", "warmup": "0.5s", "workers": 1, **settings})


def read_all(kafka: Broker, topic: str) -> list[tuple[bytes | None, bytes]]:
    """Every (key, value) of a topic, partition by partition."""
    ends = admin.end_offsets(kafka, topic, {})
    assert ends is not None
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "reads-all", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(len(ends))])
    found: list[tuple[bytes | None, bytes]] = []
    while len(found) < sum(ends):
        for message in consumer.consume(10_000, timeout=0.1):
            assert message.error() is None, message.error()
            found.append((message.key(), message.value()))
    consumer.close()
    return found


def remade(plan: PlanRecord) -> list[tuple[bytes | None, bytes]]:
    """Every record of a run, made again from its result.json alone."""
    remake = Remake(plan)
    records: list[tuple[bytes | None, bytes]] = []
    for producer in range(plan.producers):
        record, schedule = remake.source(producer)
        for sequence in range(plan.attempted[producer]):
            records.append(record(sequence, sequence if schedule is None else schedule.intended_ns(sequence) // 1000))
    return records


@pytest.mark.parametrize("instrument", ["c", "python"])
def test_acked_is_exactly_what_the_log_grew_by(kafka: Broker, instrument: str) -> None:
    """Idempotent, on a fresh topic: the end offsets grew by the acknowledged records, to the record."""
    result = run_on(kafka, instrument=instrument, rate="5k/s", workers=2)

    assert result.delivered.end_offset_delta == result.messages.acked + result.messages.warmup.acked
    assert result.messages.acked == 5000
    assert result.messages.failed == result.messages.unknown == result.messages.open == 0
    assert result.broker.version is not None
    assert result.broker.topic.made
    assert result.broker.topic.removed


@pytest.mark.parametrize(
    "settings",
    [
        {"rate": "3k/s", "producers": 2, "workers": 2},
        {"rate": "2k/s", "arrival": "poisson", "keys": "zipf:1.2:50"},
        {"rate": "2k/s", "events": "fresh", "line_items": "3"},
        {"ramp": "500/s..3k/s", "instrument": "python"},
        {"count": 4000, "duration": None, "keys": "none"},
    ],
    ids=lambda settings: ",".join(f"{name}={value}" for name, value in settings.items()),
)
def test_every_record_can_be_made_again_byte_for_byte(kafka: Broker, settings: dict[str, Any]) -> None:
    """What a consumer reads is what result.json says was sent: same keys, same values, each once."""
    result = run_on(kafka, keep_topic=True, **settings)
    try:
        read = read_all(kafka, result.plan.topic)
    finally:
        admin.delete_topic(kafka, result.plan.topic, {})

    assert sorted(read, key=lambda record: record[1]) == sorted(remade(result.plan), key=lambda record: record[1])


def test_a_topic_of_its_own_is_shaped_and_removed(kafka: Broker) -> None:
    """Six partitions a broker, an hour of retention, gone after the run."""
    result = run_on(kafka, rate="500/s", topic_config=["max.message.bytes=2000000"])
    shape = result.broker.topic

    assert (shape.partitions, shape.replication_factor) == (6, 1)
    assert shape.settings == {"retention.ms": "3600000", "max.message.bytes": "2000000"}
    assert admin.describe_topic(kafka, result.plan.topic, {}) is None


def test_somebody_elses_topic_needs_yes(kafka: Broker) -> None:
    """A topic that no run made is refused before anything is sent, and written with --yes."""
    admin.create_topic(kafka, "orders-of-others", {}, partitions=2)
    try:
        with pytest.raises(loadgen.errors.Refused, match="--yes"):
            run_on(kafka, topic="orders-of-others", rate="500/s")
        result = run_on(kafka, topic="orders-of-others", rate="500/s", yes=True)
        assert result.delivered.end_offset_delta == result.messages.acked + result.messages.warmup.acked
        assert admin.describe_topic(kafka, "orders-of-others", {}) is not None
    finally:
        admin.delete_topic(kafka, "orders-of-others", {})


def test_like_copies_a_topics_shape(kafka: Broker, topic: str) -> None:
    """--like takes partitions and settings of another topic."""
    admin.create_topic(kafka, topic, {}, partitions=3, settings={"segment.bytes": "2097152"})
    try:
        result = run_on(kafka, like=topic, rate="500/s")
        assert result.broker.topic.partitions == 3
        assert result.broker.topic.settings["segment.bytes"] == "2097152"
    finally:
        admin.delete_topic(kafka, topic, {})


@pytest.mark.parametrize("instrument", ["c", "python"])
def test_what_was_not_delivered_is_kept_whole(kafka: Broker, instrument: str) -> None:
    """dead-letters.jsonl holds every undelivered record with its bytes and cause, from either instrument."""
    settings = resolve(
        {
            "bootstrap_server": kafka.bootstrap,
            "duration": "1s",
            "warmup": "0",
            "workers": "1",
            "rate": "100/s",
            "topic_config": ["max.message.bytes=200"],
            "instrument": instrument,
        },
        {},
    )
    done = carry_out(settings)
    letters = [json.loads(line) for line in done.extra_files["dead-letters.jsonl"].splitlines()]
    sent = {base64.b64encode(value).decode() for _, value in remade(done.result.plan)}

    assert done.result.messages.failed == 100
    assert len(letters) == 100
    assert {letter["value"] for letter in letters} == sent
    assert {letter["code"] for letter in letters} == {"MSG_SIZE_TOO_LARGE"}
    assert {letter["outcome"] for letter in letters} == {"failed"}


def test_a_record_too_large_for_the_topic_fails_by_its_code(kafka: Broker) -> None:
    """Definite failures are counted by code, make the run miss its implied rule, and leave nothing open."""
    result = run_on(kafka, record_size=5000, rate="200/s", topic_config=["max.message.bytes=1000"])

    assert result.messages.failed == result.messages.attempted > 0
    assert result.messages.errors == {"MSG_SIZE_TOO_LARGE": result.messages.failed}
    assert result.messages.open == 0
    assert result.verdict.exit_code == 99


@pytest.mark.parametrize(("instrument", "mode"), [("c", "ids"), ("python", "full")])
def test_verify_reads_everything_back(kafka: Broker, instrument: str, mode: str) -> None:
    """--verify: as many records read as the log grew by, nothing lost, doubled, out of order or changed."""
    result = run_on(kafka, rate="3k/s", workers=2, verify=mode, instrument=instrument)
    found = result.delivered.verified

    assert found is not None
    assert found.read == result.delivered.end_offset_delta == 4500
    assert (found.lost, found.duplicated, found.reordered, found.corrupted, found.foreign) == (0, 0, 0, 0, 0)
    assert result.verdict.exit_code == 0


def test_consumers_beside_a_run_time_it_end_to_end(kafka: Broker) -> None:
    """--consume 2: each group reads every record; end to end is no shorter than the request's round trip allows."""
    result = run_on(kafka, rate="2k/s", consume=2, duration="2s")
    latency = result.latency_us

    assert latency.end_to_end is not None
    assert latency.request_rtt is not None
    assert latency.end_to_end.n == 2 * result.messages.acked
    assert latency.end_to_end.p50 is not None
    assert latency.request_rtt.p50 is not None
    assert latency.end_to_end.p50 > latency.request_rtt.p50 / 2
    assert "not_all_consumed" not in {doubt.code for doubt in result.verdict.doubts}
    assert result.consumed is not None
    acked = result.messages.acked + result.messages.warmup.acked
    assert (result.consumed.read, result.consumed.complete, result.consumed.negative) == ([acked] * 2, True, 0)
