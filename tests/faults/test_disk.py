"""The broker's disk fills up below a run: what cannot be written is not called acknowledged."""

import errno
import subprocess
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient  # type: ignore[attr-defined]

from loadgen.brokers.kafka import start_kafka
from loadgen.brokers.target import Broker
from loadgen.report.result import Result
from tests.conftest import require_kafka
from tests.faults.conftest import Recorder
from tests.faults.lab import assert_accounted, in_own_world, needs_root, run

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

SMALL_LOGS = {"log.segment.bytes": "4194304", "log.index.size.max.bytes": "65536", "log.cleaner.enable": "false"}


def fill(folder: Path) -> None:
    """Write until the file system says that it is full."""
    with (folder / "filled").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65_536):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC


@needs_root
def test_fault_11_a_log_directory_of_the_broker_is_full(record: Recorder, topic: str, tmp_path: Path) -> None:
    """One of two directories: its partitions lose their leader and their records are not acknowledged; the others go on."""
    require_kafka()
    good, full = tmp_path / "good", tmp_path / "full"
    good.mkdir()
    full.mkdir()
    leaderless: list[int] = []

    def inside() -> Result:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(full)], check=True)
        directories = {"log.dirs": f"{good},{full}", "metadata.log.dir": str(good)}
        with start_kafka("java", properties=directories | SMALL_LOGS) as node:
            client = AdminClient({"bootstrap.servers": node.bootstrap})

            def look() -> None:
                told = client.list_topics(topic, timeout=5).topics[topic].partitions.values()
                leaderless.extend(one.id for one in told if one.leader < 0)

            return run(
                {2: lambda: fill(full), 11: look},
                broker=Broker("kafka", node.bootstrap, node.version, node.note, kafka=node),
                start="kafka",
                topic=topic,
                duration="12s",
                drain="3s",
                # more than the room that segments were given beforehand
                record_size="4000",
                entropy="1",
                rate="2k/s",
                X=["message.timeout.ms=5000", "compression.type=none"],
            )

    result = in_own_world(inside)
    assert leaderless, "no partition lost its leader"
    assert_accounted(result, bracket=False)
    assert result.messages.acked > 0
    assert result.messages.failed + result.messages.unknown > 0
    assert result.verdict.exit_code != 0
    record("11", "11 broker log dir full", result, f"{len(leaderless)} partitions without a leader")
