"""The broker dies, freezes, stays away, asks to slow down: nothing is lost from the count, and the run ends."""

import subprocess
import threading
import time
from typing import Any

import pytest

from loadgen.brokers.kafka import SMALL
from loadgen.brokers.kafka_jars import kafka_classpath, require_java
from loadgen.report.result import Result
from tests.faults.conftest import Recorder
from tests.faults.lab import READY_AGAIN_S, Lab, assert_accounted, freeze, kill_and_start_again, run

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


def kill_under_load(lab: Lab, **settings: Any) -> tuple[Result, float]:
    """A run whose broker is killed in the middle and started again; with the seconds that it was away."""
    away: list[float] = []
    restart: list[threading.Thread] = []

    def kill() -> None:
        away.append(time.monotonic())
        restart.append(kill_and_start_again(lab.node))
        restart.append(threading.Thread(target=lambda: (restart[0].join(), away.append(time.monotonic()))))
        restart[1].start()

    before = lab.node.pid
    try:
        # a drain that outlasts a slow restart; it ends with the last answer
        result = run(
            {2: kill}, bootstrap_server=lab.broker.bootstrap, duration="16s", drain="30s", verify="ids", **settings
        )
    finally:
        for thread in restart:
            thread.join()
    assert lab.node.pid != before, "it was not killed"
    return result, away[1] - away[0]


def test_fault_4_a_broker_is_killed_and_comes_back(lab: Lab, record: Recorder) -> None:
    """R6: SIGKILL under load, restart on the same data: all accounted, nothing lost, doubled or reordered."""
    result, away_s = kill_under_load(lab)

    assert_accounted(result)
    assert result.delivered.verified is not None
    assert result.recovery is not None
    assert result.recovery.longest_ack_gap_s > 1
    record("R6", "4 broker SIGKILL, restart", result, found_gap(result, away_s))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("turn", range(9))
def test_fault_4_nine_more(lab: Lab, record: Recorder, turn: int) -> None:
    """R6, ten runs in all; half of them from Python."""
    result, away_s = kill_under_load(lab, instrument="python" if turn % 2 else "c")
    assert_accounted(result)
    record("R6", "4 broker SIGKILL, restart", result, found_gap(result, away_s))


def found_gap(result: Result, away_s: float) -> str:
    """What the run itself found, beside what was done to it."""
    if result.recovery is None:
        return f"away {away_s:.1f} s; no disturbance found"
    gap_s, back = result.recovery.longest_ack_gap_s, result.recovery.regained_after_s
    return f"away {away_s:.1f} s; silence {gap_s:.1f} s, 95 % after {'–' if back is None else f'{back:.1f} s'}"


FROZEN_S = 12.0


def freeze_under_load(lab: Lab, record: Recorder, **settings: Any) -> Result:
    """A run whose broker is frozen for 12 s while a record may wait for 5."""
    try:
        result = run(
            {2: lambda: freeze(lab.node.pid), 2 + FROZEN_S: lab.node.resume},
            bootstrap_server=lab.broker.bootstrap,
            duration="17s",
            X=["message.timeout.ms=5000"],
            verify="ids",
            **settings,
        )
    finally:
        lab.node.resume()
    assert_accounted(result)
    assert result.messages.unknown > 0
    assert result.recovery is not None
    assert result.recovery.longest_ack_gap_s == pytest.approx(FROZEN_S, abs=3)
    record("R7", "5 broker SIGSTOP 12 s, message.timeout.ms 5 s", result, found_gap(result, FROZEN_S))
    return result


def test_fault_5_a_broker_is_frozen_longer_than_a_record_may_wait(lab: Lab, record: Recorder) -> None:
    """R7: what timed out unsent has failed, what was in flight is unknown and counted as that; the log agrees."""
    result = freeze_under_load(lab, record)
    assert result.messages.failed > result.messages.unknown
    assert "unknown_outcomes" in {doubt.code for doubt in result.verdict.doubts}


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(9))
def test_fault_5_nine_more(lab: Lab, record: Recorder, turn: int) -> None:
    """R7, ten runs in all; half of them from Python, where a timeout is unknown whether it was sent or not."""
    freeze_under_load(lab, record, instrument="python" if turn % 2 else "c")


def test_a_broker_that_stays_away_does_not_keep_the_run(lab: Lab, record: Recorder) -> None:
    """R6: killed and not started again: the run ends by itself, soon after its drain, with every record accounted."""
    began = time.monotonic()
    try:
        result = run({2: lab.node.kill}, bootstrap_server=lab.broker.bootstrap, duration="4s", drain="2s")
        took_s = time.monotonic() - began
    finally:
        lab.node.start_again(READY_AGAIN_S)
    assert_accounted(result, bracket=False)
    assert result.delivered.end_offset_delta is None
    assert result.messages.unknown + result.messages.failed > 0
    assert result.verdict.exit_code != 0
    assert result.recovery is not None
    assert result.recovery.regained_after_s is None
    record("R6", "4 broker SIGKILL, stays away", result, f"6 s of plan and drain took {took_s:.1f} s in all")


def test_fault_17_a_quota_is_named_as_the_limit(lab: Lab, record: Recorder, topic: str) -> None:
    """A produce quota of 200 kB/s against a megabyte: no error, and the run says that a quota was the limit."""
    set_quota(lab, topic, "--add-config", "producer_byte_rate=200000")
    try:
        result = run(
            bootstrap_server=lab.broker.bootstrap,
            rate="2k/s",  # orders of 550 bytes
            duration="6s",
            X=[f"client.id={topic}", "compression.type=none"],
            verify="ids",
            drain="3s",  # the rest would take half a minute more at that quota
        )
    finally:
        set_quota(lab, topic, "--delete-config", "producer_byte_rate")
    assert_accounted(result)
    assert result.verdict.limited_by == "quota"
    record("17", "17 broker quota", result, result.verdict.limit_reason)


def set_quota(lab: Lab, client: str, *change: str) -> None:
    """Kafka's own tool, for there is no such call in the client library."""
    address = ["--bootstrap-server", lab.broker.bootstrap]
    entity = ["--alter", "--entity-type", "clients", "--entity-name", client, *change]
    java = [require_java(), *SMALL, "-cp", kafka_classpath(), "kafka.admin.ConfigCommand"]
    subprocess.run([*java, *address, *entity], check=True, capture_output=True, timeout=60)
