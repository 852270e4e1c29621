"""Searches on this machine: capacity twice on one cluster, and a tuner against the profile that most people run."""

import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from loadgen.brokers.target import start_broker
from loadgen.experiments.capacity_request import request_of, rule_of
from loadgen.experiments.capacity_session import CapacityRuns, run_search
from loadgen.experiments.capacity_text import headline
from loadgen.experiments.early_end import EarlyEnd
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.record import begin
from loadgen.experiments.run_door import Address, Request, RunDoor, RunHere, RunOutcome, carry_out_and_keep
from loadgen.experiments.tune_request import request_of as tune_request_of
from loadgen.experiments.tune_request import rule_of as tune_rule_of
from loadgen.experiments.tune_runs import TuneRuns
from loadgen.experiments.tune_session import run_tune

Row = dict[str, Any]

ROUND_TRIP_MS = 10
# One request under way and fifty records in it: the round trip is the limit, at 5,000 a second.
MOCK_FLAGS = {
    "start": "mock",
    "workers": "1",
    "partitions": "1",
    # near enough to the round trip that a queue which only grows misses it within a short run too
    "slo": ["response.p99<50ms"],
    "duration": "2s",
    "warmup": "500ms",
    "X": ["batch.num.messages=50", "max.in.flight.requests.per.connection=1", "linger.ms=0"],
}
KAFKA_FLAGS = {"start": "kafka"}  # as `loadgen capacity --start kafka` runs, whose time is then known too


class RoundTripDoor:
    """Runs on a mock cluster with a known round trip, anew for each."""

    def __call__(self, request: Request) -> RunOutcome:
        with start_broker("mock") as broker:
            assert broker.mock is not None
            broker.mock.set_rtt_ms(1, ROUND_TRIP_MS)
            return carry_out_and_keep(request, broker=broker)


def pair_on_mock() -> Row:
    """Two searches, one after the other."""
    return _pair(MOCK_FLAGS, RoundTripDoor(), None, confirm_runs=2, confirm_for="5s")


def pair_on_kafka() -> Row:
    """Two searches on one Kafka, started for them."""
    with start_broker("kafka") as broker:
        return _pair(KAFKA_FLAGS, RunHere(), _address(broker))


def _pair(flags: dict[str, Any], door: RunDoor, broker: Address | None, **asked: Any) -> Row:
    began_s = time.monotonic()
    answers = [_capacity(flags, door, broker, asked) for _ in range(2)]
    return {"answers": answers, "overlap": overlapping(answers), "seconds": time.monotonic() - began_s}


def overlapping(answers: list[Row]) -> bool:
    """Whether all answers are answers and their intervals overlap; an open one does with whatever begins above its end."""
    if not all(answer["bound"] in {"interval", "at_least"} for answer in answers):
        return False  # what a search without an answer had found by then is no interval
    highs = [answer["high"] if answer["high"] is not None else float("inf") for answer in answers]
    return bool(max(answer["low"] for answer in answers) <= min(highs))


def _capacity(flags: dict[str, Any], door: RunDoor, broker: Address | None, asked: dict[str, Any]) -> Row:
    request, began_s = request_of(flags, **asked), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        recorder = begin(Path(folder), "capacity", "capacity", [], rule_of(request))
        guarded = GuardedRuns(recorder, door, broker, request.max_bytes)
        found, answer = run_search(request, CapacityRuns(request, guarded), _unsaid)
        kept = (
            "rate_per_s",
            "low",
            "high",
            "bound",
            "stopped_by",
            "limited_by",
            "overhead_share",
            "sending_share",
            "exit_code",
        )
        return {
            **{name: answer[name] for name in kept},
            "headline": headline(found, answer),
            "doubts": [doubt.code for doubt in found.doubts],
            "seconds": time.monotonic() - began_s,
            "steps": [[step.purpose, step.rate_per_s, step.margin] for step in recorder.experiment.steps],
        }


def tune_flat_out() -> Row:
    """Throughput with p99 below 50 ms, at each combination's own capacity."""
    return _tune({"slo": ["response.p99<50ms"]}, "throughput")


def tune_at_rate() -> Row:
    """CPU a record at 20,000 a second with p99 below 50 ms."""
    return _tune({"slo": ["response.p99<50ms"], "rate": "20k/s"}, "cpu")


def _tune(flags: dict[str, Any], objective: str) -> Row:
    request = tune_request_of({"start": "kafka", "workers": "1", **flags}, objective=objective)
    with tempfile.TemporaryDirectory() as folder, start_broker("kafka") as broker:
        recorder = begin(Path(folder), "tune", "tune", [], tune_rule_of(request))
        early, began_s = EarlyEnd(), time.monotonic()
        guarded = GuardedRuns(recorder, RunHere(early), _address(broker), request.max_bytes)
        answer = run_tune(request, guarded, TuneRuns(request, guarded, early), _unsaid)
        # a record is read elsewhere: its runs are named within the search's folder
        told = msgspec.json.decode(msgspec.json.encode(answer).replace(f"{folder}/".encode(), b""))
        told["seconds"] = time.monotonic() - began_s
        told["ended_early"] = sum(step.pruned for step in recorder.experiment.steps)
        return dict(told)


def _address(broker: Any) -> Address:
    return Address(broker.kind, broker.bootstrap, broker.version, broker.note)


def _unsaid(*_: object) -> None:
    """What a command would print while it runs."""
