"""Whole runs on the mock cluster: real processes, the real wire protocol."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import loadgen
from loadgen.brokers.target import start_broker
from loadgen.profile import resolve
from loadgen.report.result import Interval, Messages, Result
from loadgen.runner.coordinator import Run, carry_out


def quick(**settings: Any) -> Result:
    """A short run on a mock cluster of its own."""
    return loadgen.run(**{"start": "mock", "duration": "1s", "warmup": "0.5s", "workers": 1, **settings})


def assert_closed(ledger: Messages) -> None:
    """attempted == rejected + acked + failed + unknown, nothing open."""
    assert ledger.open == 0
    assert ledger.attempted == ledger.rejected + ledger.acked + ledger.failed + ledger.unknown


def assert_all_closed(result: Result) -> None:
    """Every ledger of a run, phases and workers."""
    assert_closed(result.messages)
    assert_closed(result.messages.warmup)
    for worker in result.workers:
        assert_closed(worker.messages)
    assert sum(worker.messages.acked for worker in result.workers) == result.messages.acked


@pytest.mark.parametrize("instrument", ["c", "python"])
def test_flat_out_the_ledger_closes_and_the_log_agrees(instrument: str) -> None:
    """Flat out with either instrument: every record has one outcome, and the log grew by what was acknowledged."""
    result = quick(instrument=instrument)

    assert_all_closed(result)
    assert result.messages.acked > 10_000
    assert result.delivered.end_offset_delta == result.messages.acked + result.messages.warmup.acked
    assert result.client.instrument == instrument
    assert result.latency_us.response is None
    assert result.verdict.exit_code == 0
    assert "mock_broker" in {doubt.code for doubt in result.verdict.doubts}


@pytest.mark.parametrize("instrument", ["c", "python"])
@pytest.mark.parametrize("arrival", ["uniform", "poisson"])
def test_open_loop_sends_exactly_what_the_plan_has(instrument: str, arrival: str) -> None:
    """2,000/s for a second by two producers: attempted is what was due, each answered once, response ≥ service."""
    result = quick(instrument=instrument, arrival=arrival, rate="2k/s", producers=2)
    latency = result.latency_us

    assert_all_closed(result)
    assert result.throughput.achieved_ratio == 1.0
    assert result.messages.attempted == (2000 if arrival == "uniform" else result.messages.acked)
    assert latency.response is not None
    assert latency.service is not None
    assert latency.lateness is not None
    assert latency.response.n == latency.service.n == latency.lateness.n == result.messages.acked
    assert latency.response.mean >= latency.service.mean - 2  # both are floored to whole microseconds


def test_two_workers_share_a_count() -> None:
    """`-n 5001` over two workers and three producers: exactly 5,001 measured records."""
    result = quick(workers=2, producers=3, duration=None, count=5001)

    assert_all_closed(result)
    assert result.messages.attempted == 5001
    assert [worker.messages.attempted > 0 for worker in result.workers] == [True, True]


@pytest.mark.parametrize(
    "settings",
    [
        {"events": "fresh", "rate": "1k/s"},
        {"events": "pool", "keys": "zipf:1.1:100"},
        {"record_size": 200},
        {"record_size": 1000, "entropy": 0.3, "keys": "uniform:10", "rate": "5k/s"},
        {"header": ["content-type=application/json", "x=1"], "rate": "1k/s"},
        {"serializer": "orjson", "rate": "1k/s"},
        {"keys": "hot:0.2", "rate": "2k/s"},
        {"ramp": "500/s..3k/s"},
        {"steps": "500/s,2k/s"},
        {"properties": {"acks": "0", "enable.idempotence": "false"}, "rate": "1k/s"},
    ],
    ids=lambda settings: ",".join(f"{name}={value}" for name, value in settings.items()),
)
def test_every_kind_of_load_closes_its_ledger(settings: dict[str, Any]) -> None:
    """Each kind of events, keys, headers and plans: all outcomes known, none failed."""
    result = quick(**settings)

    assert_all_closed(result)
    assert result.messages.acked == result.messages.attempted > 0


def test_a_payload_file_is_sent_in_order(tmp_path: Path) -> None:
    """A file's records are the pool, and the result names the file by its hash."""
    file = tmp_path / "records.txt"
    file.write_text("first\nsecond\nthird\n")
    result = quick(payload_file=str(file), count=7, duration=None, warmup=0)

    assert result.messages.acked == 7
    assert result.bytes.payload == len("firstsecondthird") * 2 + len("first")
    assert result.plan.payload_file is not None
    assert len(result.plan.payload_file.sha256) == 64


def test_acks_0_gives_no_latency_and_says_why() -> None:
    """With acks=0 a report only says that the socket took the record."""
    result = quick(rate="1k/s", properties={"acks": "0", "enable.idempotence": "false"})

    assert result.latency_us.service is None
    assert result.latency_us.response is None
    assert "acks_0" in {doubt.code for doubt in result.verdict.doubts}


def test_the_c_instrument_knows_requests_and_the_python_one_says_that_it_does_not() -> None:
    """Round trips, bytes on the wire and the breakdown come from C; elsewhere they are null, and the note says why."""
    timed_in_c = quick(rate="2k/s", instrument="c")
    timed_in_python = quick(rate="2k/s", instrument="python")

    assert timed_in_c.bytes.requests is not None
    assert timed_in_c.latency_us.request_rtt is not None
    assert timed_in_c.breakdown_us.usual is not None
    assert timed_in_c.client.poll_gap_us_max is None
    assert timed_in_python.bytes.requests is None
    assert timed_in_python.latency_us.request_rtt is None
    assert timed_in_python.breakdown_us.usual is None
    assert timed_in_python.client.poll_gap_us_max is not None
    assert "instrument" in {doubt.code for doubt in timed_in_python.verdict.doubts}


def test_the_breakdown_adds_up_to_the_mean_response() -> None:
    """Lateness, client queue and network are the parts of one sum."""
    result = quick(rate="2k/s", instrument="c")
    parts, response = result.breakdown_us.usual, result.latency_us.response
    assert parts is not None
    assert response is not None

    assert parts.n == response.n
    assert parts.lateness + parts.client_queue + parts.network_and_broker == pytest.approx(response.mean, abs=3)


def test_a_worker_that_is_killed_makes_the_run_invalid_and_keeps_what_it_counted() -> None:
    """SIGKILL of one of two workers: noticed, said, exit 5; the other's ledger is closed."""
    seen: list[Run] = []
    killed = threading.Event()

    def kill_one(_row: object) -> None:
        if killed.is_set():
            return
        workers = [
            child
            for child in psutil.Process().children(recursive=True)
            if "loadgen.runner.worker" in " ".join(child.cmdline())
        ]
        workers[0].kill()
        killed.set()

    settings = resolve({"start": "mock", "duration": "20s", "warmup": "0", "workers": "2", "rate": "2k/s"}, {})
    seen.append(carry_out(settings, on_interval=kill_one))
    result = seen[0].result
    lost = [worker for worker in result.workers if worker.exit == -signal.SIGKILL]
    left = [worker for worker in result.workers if worker.exit == 0]

    assert result.verdict.exit_code == 5
    assert result.verdict.doubts[0].code == "worker_lost"
    assert len(lost) == len(left) == 1
    assert lost[0].messages.acked > 0
    assert_closed(left[0].messages)
    assert_closed(result.messages)  # what the dead worker had under way is unknown, not open


def test_a_script_without_a_main_guard_can_run(tmp_path: Path) -> None:
    """Workers are processes of their own module: a script, a notebook or pytest may call `loadgen.run` at top level."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import loadgen\n"
        "result = loadgen.run(start='mock', duration='0.5s', warmup=0, workers=1, rate='500/s')\n"
        "print(result.messages.acked)\n"
    )
    answer = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )

    assert answer.stdout.strip() == "250"


def test_no_process_is_left_behind() -> None:
    """After a run neither workers nor the broker live on."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    quick(rate="500/s", workers=2)

    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_the_same_seed_sends_the_same_orders() -> None:
    """Two runs of one seed differ in the run's token and the start only: what they plan is the same."""
    first, second = (quick(rate="500/s", seed=7).plan for _ in range(2))

    assert first.run_token != second.run_token
    assert (first.seed, first.pool_size, first.attempted) == (second.seed, second.pool_size, second.attempted)


def test_a_silent_cluster_is_found_and_told() -> None:
    """The cluster is stopped for 1.5 s in the middle: the run itself tells the silence and that the rate came back."""
    with start_broker("mock") as broker:
        assert broker.mock is not None
        cluster = broker.mock
        stopped: list[float] = []

        def stop(row: Interval) -> None:
            if row.phase == "measured" and row.second > 2 and not stopped:
                cluster.pause()
                stopped.append(time.monotonic())
                threading.Timer(1.5, lambda: (cluster.resume(), stopped.append(time.monotonic()))).start()

        settings = resolve({"start": "mock", "duration": "6s", "warmup": "0.5s", "workers": "1", "rate": "1k/s"}, {})
        result = carry_out(settings, on_interval=stop, broker=broker).result
    silence_s = stopped[1] - stopped[0]

    assert_all_closed(result)
    assert result.recovery is not None
    # linger and the round trip before the stop, a wake-up after it
    assert result.recovery.longest_ack_gap_s == pytest.approx(silence_s, rel=0.5)
    assert result.recovery.regained_after_s is not None
    assert result.recovery.regained_after_s >= result.recovery.longest_ack_gap_s
    assert (result.recovery.lost, result.recovery.duplicated) == (None, None)
