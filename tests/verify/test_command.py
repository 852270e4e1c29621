"""`loadgen verify` and `--verify` as a user calls them, on a real Kafka: 0 when all is there, 4 when not, 2 when it cannot be."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from loadgen.brokers import admin
from loadgen.brokers.target import Broker
from loadgen.profile import resolve
from loadgen.runner.coordinator import carry_out

pytestmark = pytest.mark.kafka
COUNT = 2000


def loadgen(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command, in a process of its own."""
    return subprocess.run([sys.executable, "-m", "loadgen", *arguments], capture_output=True, text=True, timeout=90)


def write_again(bootstrap: str, topic: str) -> None:
    """The first record that the topic holds, once more at the end of its partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(2)])
    (message,) = consumer.consume(1, timeout=20.0)
    assert message.error() is None
    consumer.close()
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, message.value(), message.key(), partition=message.partition())
    assert producer.flush(20) == 0


def test_a_kept_run_is_verified_then_doubled_then_gone(kafka: Broker, topic: str, tmp_path: Path) -> None:
    """The same folder three times: all there, one duplicate named with its place, and a topic that is gone."""
    out, cluster = tmp_path / "run", ("-b", kafka.bootstrap)
    flags = ("-n", str(COUNT), "--warmup", "0", "-w", "1", "-t", topic, "--partitions", "2", "--keep-topic")
    sent = loadgen("run", *cluster, *flags, "--out", str(out))
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert f"log grew by {COUNT:,}" in sent.stdout
    before = {path.name for path in out.iterdir()}

    whole = loadgen("verify", str(out), *cluster, "--mode", "full")
    write_again(kafka.bootstrap, topic)
    doubled = loadgen("verify", str(out), *cluster)
    told = json.loads((out / "verify.json").read_bytes())
    admin.delete_topic(kafka, topic, {})
    gone = loadgen("verify", str(out), *cluster)

    assert (whole.returncode, doubled.returncode, gone.returncode) == (0, 4, 2)
    assert f"all there  {COUNT:,} acknowledged" in whole.stdout
    assert doubled.stdout.startswith("DATA WRONG  1 duplicated")
    assert told["verified"]["duplicated"] == 1
    assert told["examples"][0]["offset"] is not None
    assert "--keep-topic" in gone.stderr and "Traceback" not in gone.stderr
    assert {path.name for path in out.iterdir()} == before | {"verify.json"}


def test_data_that_is_wrong_makes_a_run_exit_4(kafka: Broker, topic: str) -> None:
    """A record written twice behind the run's back: --verify finds it, and 4 goes before the log's own disagreement, 5."""
    admin.create_topic(kafka, topic, {}, partitions=2)
    doubled: list[Any] = []

    def double(row: Any) -> None:
        if not doubled and row.acked:
            doubled.append(row)
            write_again(kafka.bootstrap, topic)

    flags = {"start": "kafka", "workers": "1", "warmup": "0", "duration": "3s", "rate": "500/s", "topic": topic}
    result = carry_out(resolve({**flags, "verify": "ids"}, {}), on_interval=double, broker=kafka).result
    admin.delete_topic(kafka, topic, {})

    assert result.delivered.verified is not None
    assert result.delivered.verified.duplicated == 1
    assert "log_disagrees" in {doubt.code for doubt in result.verdict.doubts}
    assert result.verdict.exit_code == 4
