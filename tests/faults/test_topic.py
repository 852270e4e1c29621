"""The topic changes below a run: records too large for it, deleted, deleted and made again, grown."""

import time
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic  # type: ignore[attr-defined]

from loadgen.brokers import admin
from tests.faults.conftest import Recorder
from tests.faults.lab import Lab, assert_accounted, residual, run

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


@pytest.fixture
def client(lab: Lab) -> AdminClient:
    """Held to the test's end: what it was asked is dropped with it."""
    return AdminClient({"bootstrap.servers": lab.broker.bootstrap})


def test_fault_13_a_record_larger_than_the_topic_takes(lab: Lab, record: Recorder) -> None:
    """Definite: counted as failed under its code, in the log not at all."""
    result = run(
        bootstrap_server=lab.broker.bootstrap,
        record_size="5000",
        rate="200/s",
        duration="2s",
        topic_config=["max.message.bytes=1000"],
    )
    assert_accounted(result)
    # all of them, until the circuit opens
    assert result.messages.failed == result.messages.attempted >= 20
    assert result.messages.errors == {"MSG_SIZE_TOO_LARGE": result.messages.attempted}
    assert result.delivered.end_offset_delta == 0
    assert result.verdict.exit_code in {3, 99}
    record("13", "13 record larger than max.message.bytes", result)


def test_fault_14_the_topic_is_deleted(lab: Lab, record: Recorder, topic: str, client: AdminClient) -> None:
    """Acknowledged until then, rejected or failed by name after; the run ends in time and is not called good."""
    admin.create_topic(lab.broker, topic, {}, partitions=3)
    gone: list[Any] = []
    result = run(
        {2: lambda: gone.append(client.delete_topics([topic])[topic].result(10))},
        bootstrap_server=lab.broker.bootstrap,
        topic=topic,
        duration="10s",
        drain="5s",
        X=["topic.metadata.propagation.max.ms=2000", "message.timeout.ms=5000"],
    )
    assert gone == [None]
    assert admin.describe_topic(lab.broker, topic, {}) is None, "it was not deleted"
    assert_accounted(result, bracket=False)
    assert 0 < result.messages.acked < result.messages.attempted
    assert result.messages.errors
    assert result.verdict.exit_code != 0
    record("14", "14 topic deleted", result, ", ".join(sorted(result.messages.errors)))


def test_fault_14_a_topic_that_is_deleted_and_made_again_is_found_out(
    lab: Lab, record: Recorder, topic: str, client: AdminClient
) -> None:
    """The client hears of nothing and acknowledges on: only the log can tell that what it held is gone. It does."""
    admin.create_topic(lab.broker, topic, {}, partitions=1)

    def remake() -> None:
        client.delete_topics([topic])[topic].result(10)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                client.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
            except Exception:  # marked for deletion still
                time.sleep(0.05)
            else:
                return

    try:
        result = run(
            {2: remake}, bootstrap_server=lab.broker.bootstrap, topic=topic, duration="6s", drain="15s", verify="ids"
        )
    finally:
        admin.delete_topic(lab.broker, topic, {})
    assert residual(result) == 0
    found = result.delivered.verified
    assert found is not None
    assert found.lost > 0
    assert result.verdict.exit_code == 4
    assert "log_disagrees" in {doubt.code for doubt in result.verdict.doubts}
    record("14", "14 topic deleted and made again", result, "told as lost, exit 4")


def test_fault_15_the_topic_grows(lab: Lab, record: Recorder, topic: str, client: AdminClient) -> None:
    """From 2 to 5 partitions: the new ones are written, counted in the log's growth, and read back."""
    admin.create_topic(lab.broker, topic, {}, partitions=2)
    try:
        result = run(
            {1: lambda: client.create_partitions([NewPartitions(topic, 5)])[topic].result(10)},
            bootstrap_server=lab.broker.bootstrap,
            topic=topic,
            duration="6s",
            verify="ids",
            X=["topic.metadata.refresh.interval.ms=1000"],
        )
        ends = admin.end_offsets(lab.broker, topic, {})
    finally:
        admin.delete_topic(lab.broker, topic, {})
    assert ends is not None
    assert len(ends) == 5
    assert all(ends[2:]), "the new partitions were not written"
    assert_accounted(result)
    record("15", "15 partitions raised from 2 to 5", result, f"ends {ends}")
