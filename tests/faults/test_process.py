"""Our own processes die, freeze or are told to end, in the middle of a run."""

import signal
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from loadgen.brokers import admin
from loadgen.brokers.mock import PRODUCE
from loadgen.brokers.target import start_broker
from loadgen.report.result import Result
from tests.brokers.waiting import gone, wait_until
from tests.faults.conftest import Recorder
from tests.faults.lab import Command, Lab, assert_accounted, freeze, log_grew, residual, run, workers_of

OUT_OF_ORDER_SEQUENCE = 45
FROZEN_S = 2.0

pytestmark = pytest.mark.faults


@pytest.mark.kafka
def test_fault_2_the_parent_is_killed(lab: Lab, record: Recorder, topic: str, tmp_path: Path) -> None:
    """R4: SIGKILL of the coordinator: its workers end by themselves and the log stops growing."""
    admin.create_topic(lab.broker, topic, {}, partitions=2)
    command = Command(
        tmp_path, "-b", lab.broker.bootstrap, "-t", topic, "-r", "2k/s", "-d", "60s", "--warmup", "0", "-w", "2"
    )
    wait_until(log_grew(lab.broker, topic, 1000))
    workers = [worker.pid for worker in workers_of(command.process.pid)]
    assert len(workers) == 2

    command.process.kill()
    killed = time.monotonic()
    wait_until(lambda: all(gone(pid) for pid in workers))
    took_s = time.monotonic() - killed
    (before, after) = (end_of(lab, topic), end_of(lab, topic))
    command.end()
    admin.delete_topic(lab.broker, topic, {})

    assert command.process.returncode == -signal.SIGKILL
    assert before == after, "somebody still sends"
    assert not list(tmp_path.glob("runs/*")), "half a result was left"
    record("R4", "2 parent SIGKILL", None, f"2 workers gone after {took_s:.2f} s; no record after that")


def end_of(lab: Lab, topic: str) -> int:
    """The log's end, half a second after the last look."""
    time.sleep(0.5)  # what a killed client had written to its socket may still be read by the broker
    ends = admin.end_offsets(lab.broker, topic, {})
    assert ends is not None
    return sum(ends)


@pytest.mark.kafka
@pytest.mark.parametrize("instrument", ["c", "python"])
def test_fault_3_a_worker_is_frozen_for_two_seconds(lab: Lab, record: Recorder, instrument: str) -> None:
    """SIGSTOP of the only worker: what was due meanwhile is sent late, its wait is in the response time, and it is said."""
    stopped: list[psutil.Process] = []

    def stop() -> None:
        (worker,) = workers_of()
        freeze(worker.pid)
        stopped.append(worker)

    result = run(
        {1: stop, 1 + FROZEN_S: lambda: stopped[0].resume()},
        bootstrap_server=lab.broker.bootstrap,
        instrument=instrument,
        duration="6s",
        verify="ids",
    )
    assert_accounted(result)
    assert result.messages.acked == result.messages.attempted == 6000
    assert result.latency_us.response is not None
    assert result.latency_us.response.max >= (FROZEN_S - 0.5) * 1e6
    assert "client_stall" in {doubt.code for doubt in result.verdict.doubts}
    record("3", "3 worker SIGSTOP 2 s", result, f"longest response {result.latency_us.response.max / 1e6:.2f} s")


class Interrupted(NamedTuple):
    """A run that got a signal once it sent: seconds from the signal to its end, and to the making of its last record."""

    code: int
    err: str
    took_s: float
    last_made_s: float
    result: Result


def interrupted(lab: Lab, folder: Path, topic: str, number: int, *flags: str) -> Interrupted:
    admin.create_topic(lab.broker, topic, {}, partitions=2)
    command = Command(folder, "-b", lab.broker.bootstrap, "-t", topic, "-d", "60s", "--warmup", "0", *flags)
    wait_until(log_grew(lab.broker, topic, 500))
    command.process.send_signal(number)
    signalled_s, began = time.time(), time.monotonic()
    code, _, err = command.end()
    took_s = time.monotonic() - began
    return Interrupted(code, err, took_s, last_made_at(lab, topic) - signalled_s, command.result())


def last_made_at(lab: Lab, topic: str) -> float:
    """When the youngest record of a topic was made, by its CreateTime: seconds since the epoch, in steps of 1 ms."""
    wanted = {TopicPartition(topic, partition): OffsetSpec.max_timestamp() for partition in range(2)}
    client = AdminClient({"bootstrap.servers": lab.broker.bootstrap})  # its answers come only while it lives
    found = client.list_offsets(wanted)
    return max(float(future.result(10).timestamp) for future in found.values()) / 1000


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("number", "flags"),
    [
        (signal.SIGINT, ("-r", "1k/s")),
        (signal.SIGTERM, ("-r", "1k/s", "--instrument", "python")),
        # flat out with a small queue: the signal finds it full
        (signal.SIGTERM, ("-X", "queue.buffering.max.messages=1000")),
    ],
    ids=["SIGINT", "SIGTERM from Python", "SIGTERM with a full queue"],
)
def test_a_signal_drains_and_saves(
    lab: Lab, record: Recorder, topic: str, tmp_path: Path, number: int, flags: tuple[str, ...]
) -> None:
    """R5: no new sends, what is outstanding is answered, the partial result is valid and marked, exit 130 or 143."""
    code, err, took_s, last_made_s, result = interrupted(lab, tmp_path, topic, number, *flags)
    ends = admin.end_offsets(lab.broker, topic, {})
    admin.delete_topic(lab.broker, topic, {})

    assert code == 128 + number, err
    assert result.verdict.exit_code == code
    assert "Traceback" not in err
    assert_accounted(result)
    assert result.messages.acked == result.messages.attempted == sum(ends or [])
    assert last_made_s < took_s, "the clock of the records is not this host's"
    found = f"the last record was made {max(last_made_s, 0) * 1000:,.0f} ms after it; ended {took_s:.1f} s after it"
    record("R5", f"{signal.Signals(number).name} {' '.join(flags)}", result, found)


@pytest.mark.kafka
def test_a_signal_while_the_broker_is_stopped_waits_no_longer_than_the_drain(
    lab: Lab, record: Recorder, topic: str, tmp_path: Path
) -> None:
    """R5: nothing can be answered: after --drain what is in flight is unknown and what is queued has failed, and it ends."""
    admin.create_topic(lab.broker, topic, {}, partitions=2)
    command = Command(
        tmp_path, "-b", lab.broker.bootstrap, "-t", topic, "-r", "1k/s", "-d", "60s", "--warmup", "0", "--drain", "2s"
    )
    wait_until(log_grew(lab.broker, topic, 500))
    try:
        freeze(lab.node.pid)
        time.sleep(0.5)  # so that something is owed
        command.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        code, _, err = command.end()
        took_s = time.monotonic() - began
    finally:
        lab.node.resume()
    admin.delete_topic(lab.broker, topic, {})
    result = command.result()

    assert code == 143, err
    assert_accounted(result, bracket=False)
    assert result.messages.unknown > 0
    record("R5", "SIGTERM, broker stopped", result, f"drain of 2 s; ended {took_s:.1f} s after the signal")


@pytest.mark.kafka
def test_a_second_signal_ends_at_once(lab: Lab, record: Recorder, topic: str, tmp_path: Path) -> None:
    """R5: with the broker stopped and half a minute of drain to go, a second SIGINT ends it; what is left is unknown."""
    admin.create_topic(lab.broker, topic, {}, partitions=2)
    command = Command(
        tmp_path, "-b", lab.broker.bootstrap, "-t", topic, "-r", "1k/s", "-d", "60s", "--warmup", "0", "--drain", "40s"
    )
    wait_until(log_grew(lab.broker, topic, 500))
    try:
        freeze(lab.node.pid)
        time.sleep(0.5)
        command.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert command.process.poll() is None, "it did not drain"
        command.process.send_signal(signal.SIGINT)
        began = time.monotonic()
        code, _, err = command.end(within_s=30)
        took_s = time.monotonic() - began
    finally:
        lab.node.resume()
    admin.delete_topic(lab.broker, topic, {})
    result = command.result()

    assert code == 130, err
    assert residual(result) == 0
    assert result.messages.unknown > 0
    record("R5", "second signal, broker stopped", result, f"ended {took_s:.1f} s after the second signal")


@pytest.mark.parametrize("instrument", ["c", "python"])
def test_a_fatal_error_of_the_client_ends_the_run(record: Recorder, instrument: str) -> None:
    """R18: the idempotent producer's sequence breaks: it stops, every record is accounted, the cause is said, exit 5."""
    told: list[float] = []
    with start_broker("mock") as broker:
        assert broker.mock is not None
        mock = broker.mock

        def push() -> None:
            mock.push_errors(PRODUCE, [OUT_OF_ORDER_SEQUENCE] * 3)
            told.append(time.monotonic())

        result = run({1: push}, broker=broker, start="mock", instrument=instrument, duration="30s")
        took_s = time.monotonic() - told[0]

    assert residual(result) == 0
    assert result.verdict.exit_code == 5
    fatal = [doubt for doubt in result.verdict.doubts if doubt.code == "fatal_error"]
    assert fatal
    assert result.messages.attempted < 10_000, "it went on sending"
    record("R18", f"fatal error, {instrument}", result, f"ended {took_s:.1f} s after it; {fatal[0].message}")


def test_an_exception_in_our_own_callback_loses_no_count(record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """R19: every 10th report makes our callback raise: every outcome is counted all the same, and the run says it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "planted"))  # workers are given this process's path
    result = run(start="mock", instrument="python", duration="2s")

    assert result.latency_us.service is not None
    assert result.latency_us.service.n == 1800, "nothing raised"
    assert residual(result) == 0
    assert result.messages.acked == result.messages.attempted == 2000
    assert result.verdict.exit_code == 5
    assert "callback_errors" in {doubt.code for doubt in result.verdict.doubts}
    record("R19", "our callback raises, 1 of 10", result, "told as callback_errors, exit 5")
