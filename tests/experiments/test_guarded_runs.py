"""Guards around an experiment's runs: bytes over all of them, a broker that errs, time outside of runs, secrets."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadgen.clock import ManualClock
from loadgen.errors import Unreachable, UsageError
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.record import begin, kept_flags, resume
from tests.experiments.doors import SimulatedDoor
from tests.judge.simulated import open_result, result

FLAGS = {"duration": "4s", "warmup": "1s"}


def guarded(tmp_path: Path, max_bytes: int = 1 << 40, **changes: Any) -> tuple[GuardedRuns, SimulatedDoor, ManualClock]:
    clock = ManualClock()

    def answer(flags: dict[str, Any]) -> dict[str, Any]:
        clock.advance_ns(int(5.5e9))
        return result(**changes)

    door = SimulatedDoor(answer)
    recorder = begin(tmp_path, "sweep", "sweep", [], {})
    return GuardedRuns(recorder, door, None, max_bytes, now_s=lambda: clock.now_ns() / 1e9), door, clock


def test_bytes_are_counted_with_the_warm_ups_and_capped_over_all_runs(tmp_path: Path) -> None:
    """800,000 records of 400 bytes and a quarter more of warm-up; the run that would exceed the cap is not made."""
    runs, door, _ = guarded(tmp_path, max_bytes=1_000_000_000)
    for _ in range(2):
        runs.run(FLAGS, "a", ahead_bytes=400_000_000)

    with pytest.raises(UsageError, match=r"--max-bytes 0.9 GiB: 0.7 are sent.*--resume"):
        runs.run(FLAGS, "a", ahead_bytes=400_000_000)
    assert (runs.sent_bytes, len(door.requests)) == (800e6, 2)


def test_what_was_sent_before_an_interruption_counts_after_it(tmp_path: Path) -> None:
    """The cap is of the experiment, however often it is resumed."""
    runs, door, _ = guarded(tmp_path)
    runs.run(FLAGS, "a")
    resumed = GuardedRuns(resume(runs.recorder.path, "sweep", {}), door, None, 1 << 40)

    assert resumed.sent_bytes == 400e6


@pytest.mark.parametrize(
    "changes",
    [
        {"messages.errors": {"NOT_ENOUGH_REPLICAS": 200}},
        {"verdict.exit_code": 3, "verdict.headline": "GIVEN UP  the breaker stayed open"},
    ],
)
def test_a_broker_that_errs_ends_the_experiment(changes: dict[str, Any], tmp_path: Path) -> None:
    """Records that the broker refused, or a run that was given up: exit 3, said why, the run is kept."""
    runs, _, _ = guarded(tmp_path, **changes)

    with pytest.raises(Unreachable, match=r"NOT_ENOUGH_REPLICAS 200|breaker stayed open"):
        runs.run(FLAGS, "a")
    assert len(runs.recorder.experiment.runs) == 1


def test_what_the_client_gave_up_is_no_error_of_the_broker(tmp_path: Path) -> None:
    """Too high a rate ends in records that time out or are purged: the experiment goes on."""
    runs, door, _ = guarded(tmp_path, **{"messages.errors": {"_MSG_TIMED_OUT": 90_000, "_PURGE_QUEUE": 5_000}})
    runs.run(FLAGS, "a")

    assert len(door.requests) == 1


def test_where_the_time_went_is_known(tmp_path: Path) -> None:
    """Runs of 5.5 s, of which 5 were planned for sending, and half a second between: 1/12 outside, 10/12 sending."""
    runs, _, clock = guarded(tmp_path)
    for _ in range(3):
        runs.run(FLAGS, "a")
        clock.advance_ns(int(0.5e9))

    assert runs.overhead_share() == pytest.approx(0.5 / 6)
    assert runs.sending_share() == pytest.approx(5 / 6)


def test_a_mock_is_stamped_on_the_record(tmp_path: Path) -> None:
    """Also when only one of several runs was on one."""
    runs, door, _ = guarded(tmp_path)
    door.answer = lambda flags: result(**{"broker.kind": "mock" if len(door.requests) == 2 else "kafka"})
    for _ in range(3):
        runs.run(FLAGS, "a")

    assert json.loads((runs.recorder.path / "experiment.json").read_text())["on_mock"] is True


def test_no_secret_gets_into_a_record() -> None:
    """A literal is redacted; where it came from, and everything else, stays."""
    flags = {
        "X": ["sasl.password=hunter2", "sasl.password=env:PW", "ssl.key.location=/a.pem", "acks=all"],
        "rate": "1k",
    }

    assert kept_flags(flags) == {
        "X": ["sasl.password=[redacted]", "sasl.password=env:PW", "ssl.key.location=/a.pem", "acks=all"],
        "rate": "1k",
    }


@pytest.mark.parametrize(
    ("rates", "runs"), [([10, 50, 100, 104, 300], 4), ([100, 90], 2), ([1, 2, 4, 8, 16, 32, 64, 128], 6)]
)
def test_a_broker_is_warmed_until_it_gets_no_better(rates: list[float], runs: int, tmp_path: Path) -> None:
    """A JVM's first seconds are ten times slower: unjudged runs until one gains less than a tenth, six at most."""
    guarded_runs, door, _ = guarded(tmp_path)
    door.answer = lambda flags: result(acked_per_s=1e3 * rates[len(door.requests) - 1])
    guarded_runs.warm_up(FLAGS)

    assert len(door.requests) == runs


def test_at_a_rate_it_is_the_response_that_gets_better(tmp_path: Path) -> None:
    """The rate is the same in every run; the median response falls until the broker is warm."""
    guarded_runs, door, _ = guarded(tmp_path)
    medians = [9e3, 4e3, 2e3, 1.95e3, 1e3]
    door.answer = lambda flags: open_result(**{"latency_us.response": {"p50": medians[len(door.requests) - 1]}})
    guarded_runs.warm_up(FLAGS)

    assert len(door.requests) == 4
