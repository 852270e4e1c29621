"""A capacity search over runs: from flags to record and answer; and once over real runs on the mock."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.search.queue import Queue
from loadgen.cli.capacity import capacity
from loadgen.cli.experiment import ExperimentOutput, resumable
from loadgen.errors import NotValid, Unreachable, UsageError
from loadgen.experiments import capacity_text
from loadgen.experiments.capacity_request import CapacityRequest, request_of, rule_of
from loadgen.experiments.capacity_session import CapacityRuns, run_search
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.plot_capacity import hockey_stick, knee
from loadgen.experiments.record import Recorder, begin, resume
from loadgen.experiments.step import JudgedStep
from tests.experiments.doors import SimulatedDoor
from tests.judge.simulated import open_result, result

MOCK = {"start": "mock"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LOADGEN_RESULTS", "LOADGEN_BOOTSTRAP_SERVERS", "RPK_BROKERS"):
        monkeypatch.delenv(name, raising=False)


def cluster(queue: Queue, flat_out: float = 5_500.0) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Runs on a queue: flat out without a rate, the queue's latencies at one; the clock is turned by hand."""

    def answer(flags: dict[str, Any]) -> dict[str, Any]:
        if "rate" not in flags:
            return result(acked_per_s=flat_out)
        rate, length_s = float(flags["rate"]), float(flags["duration"].removesuffix("s"))
        queue.clock.advance_ns(int((length_s + 3) * 1e9))
        responses_us = queue.responses_s(rate, length_s, queue.capacity_per_s) * 1e6
        p50, p99, p99_9 = (float(x) for x in np.quantile(responses_us, (0.5, 0.99, 0.999)))
        return open_result(
            **{
                "plan.offered_per_s": rate,
                "plan.duration_s": length_s,
                "plan.warmup_s": 3.0,
                "throughput.acked_per_s": rate,
                "throughput.payload_mib_per_s": rate * 400 / (1 << 20),
                "bytes.payload": rate * length_s * 400,
                "messages.acked": rate * length_s,
                "throughput.achieved_ratio": min(1.0, queue.capacity_per_s / rate),
                "verdict.limited_by": "plan" if rate < 0.99 * queue.capacity_per_s else "broker",
                "latency_us.response": {"p50": p50, "p90": p50, "p99": p99, "p99_9": p99_9},
            }
        )

    return answer


def search(
    request: CapacityRequest, door: SimulatedDoor, recorder: Recorder, queue: Queue
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    guarded = GuardedRuns(recorder, door, None, request.max_bytes, now_s=lambda: queue.clock.now_ns() / 1e9)
    found, answer = run_search(request, CapacityRuns(request, guarded), lambda search, step: None)
    return found, answer, json.loads((recorder.path / "experiment.json").read_text())


def begun(tmp_path: Path, request: CapacityRequest) -> Recorder:
    return begin(tmp_path, "capacity", "capacity", ["loadgen", "capacity"], rule_of(request))


def test_a_search_answers_by_the_contracts_keys(tmp_path: Path) -> None:
    """Rate, interval, bound, limit, volume, confirmation: all there, true to the queue, every run kept with its hash."""
    queue = Queue(5_000, 0.004, seed=1)
    request = request_of({**MOCK, "slo": ["response.p99<4ms"]})
    door = SimulatedDoor(cluster(queue))

    found, answer, record = search(request, door, begun(tmp_path, request), queue)

    assert {
        "rate_per_s",
        "low",
        "high",
        "bound",
        "limited_by",
        "mib_per_s",
        "per_broker_per_s",
        "held_s",
        "slo",
        "confirmed_runs",
    } <= set(record["answer"])
    assert found.low <= queue.true_per_s <= found.high
    assert (answer["bound"], answer["held_s"], len(answer["confirmed_runs"]), answer["exit_code"]) == (
        "interval",
        60.0,
        3,
        0,
    )
    assert answer["mib_per_s"] == pytest.approx(answer["rate_per_s"] * 400 / (1 << 20))
    assert len(record["runs"]) == len(door.requests) == 1 + len(record["steps"])
    assert record["state"] == "done"
    assert answer["overhead_share"] < 0.10


def test_every_step_has_its_own_warm_up_and_topic(tmp_path: Path) -> None:
    """8 s after 2 s in the search, 60 s at the edge; no run names a topic, so each makes its own."""
    queue = Queue(5_000, 0.004, seed=1)
    request = request_of({**MOCK, "slo": ["response.p99<4ms"], "producers": "6", "consume": "2"})
    door = SimulatedDoor(cluster(queue))
    search(request, door, begun(tmp_path, request), queue)
    steps = [each.flags for each in door.requests[1:]]

    assert {flags["duration"] for flags in steps} == {"8s", "60s"}
    assert {flags["warmup"] for flags in steps} == {"2s"}
    assert all("topic" not in flags and flags["producers"] == "6" and flags["consume"] == "2" for flags in steps)


def test_a_broker_lost_in_the_middle_is_gone_on_from(tmp_path: Path) -> None:
    """The tenth run finds no broker: the record says interrupted and keeps its steps; resumed, no step is run again, no
    probe is made again, and the answer is the one of an undisturbed search.
    """
    request = request_of({**MOCK, "slo": ["response.p99<4ms"]})
    whole = SimulatedDoor(cluster(Queue(5_000, 0.004, seed=1)))
    expected, _, _ = search(request, whole, begun(tmp_path / "whole", request), Queue())
    queue = Queue(5_000, 0.004, seed=1)
    answer = cluster(queue)
    door = SimulatedDoor(answer)

    def lossy(flags: dict[str, Any]) -> dict[str, Any]:
        if len(door.requests) == 10:
            raise Unreachable("no answer from a:1")
        return answer(flags)

    door.answer = lossy
    recorder = begun(tmp_path / "lost", request)
    with pytest.raises(Unreachable), resumable(recorder):
        search(request, door, recorder, queue)
    record = json.loads((recorder.path / "experiment.json").read_text())
    found, _, after = search(request, door, resume(recorder.path, "capacity", rule_of(request)), queue)

    assert (record["state"], len(record["steps"])) == ("interrupted", 8)
    assert found == expected
    assert (after["state"], len(after["runs"])) == ("done", len(whole.requests))
    assert "rate" not in door.requests[0].flags and all("rate" in each.flags for each in door.requests[1:])


def test_what_is_done_or_of_another_kind_is_not_resumed(tmp_path: Path) -> None:
    """Exit 2 with what it is."""
    request = request_of(MOCK)
    done = begun(tmp_path / "a", request)
    done.write(state="done")
    other = begin(tmp_path / "b", "gate", "gate", ["loadgen", "gate"], {})

    with pytest.raises(UsageError, match="is done"):
        resume(done.path, "capacity", rule_of(request))
    with pytest.raises(UsageError, match="is a gate, not a capacity"):
        resume(other.path, "capacity", rule_of(request))
    with pytest.raises(UsageError, match="cannot be read"):
        resume(tmp_path / "none", "capacity", rule_of(request))


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [({"slo": ["response.p99<9ms"]}, "slo"), ({"X": ["linger.ms=9"]}, "flags"), ({"duration": "7s"}, "search_s")],
)
def test_another_question_is_not_resumed(flags: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    """Steps that were judged by another SLO, client or length answer something else: exit 2 with both."""
    recorder = begun(tmp_path, request_of(MOCK))
    recorder.write(state="interrupted")

    with pytest.raises(UsageError, match=f"begun with {complaint}"):
        resume(recorder.path, "capacity", rule_of(request_of({**MOCK, **flags})))


def test_the_bytes_are_capped_over_all_runs(tmp_path: Path) -> None:
    """The step that would exceed --max-bytes is not made; the message says how to go on."""
    queue = Queue(5_000, 0.004, seed=1)
    request = request_of({**MOCK, "slo": ["response.p99<4ms"], "max_bytes": "60MB"})
    door = SimulatedDoor(cluster(queue))

    with pytest.raises(UsageError, match=r"--max-bytes.*--resume"):
        search(request, door, begun(tmp_path, request), queue)
    sent = sum(float(each.flags["rate"]) * 13 * 400 for each in door.requests[1:])

    assert sent < 60e6


def test_rates_never_leave_the_bounds_that_were_given(tmp_path: Path) -> None:
    """--min and --max hold for every run, the probe too; met at --max, the answer is at least that, exit 0."""
    queue = Queue(5_000, 0.004, seed=1)
    request = request_of({**MOCK, "slo": ["response.p99<4ms"]}, least="500/s", most="2k/s")
    door = SimulatedDoor(cluster(queue))

    found, answer, _ = search(request, door, begun(tmp_path, request), queue)
    rates = [float(each.flags["rate"]) for each in door.requests[1:]]

    assert door.requests[0].flags["rate"] == "2000"
    assert min(rates) >= 500 and max(rates) == 2_000
    assert (found.bound, found.stopped_by, answer["exit_code"], answer["limited_by"]) == ("at_least", "max", 0, "plan")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"least": "10k/s", "most": "1k/s"}, "lies above"),
        ({"least": "fast"}, "--min"),
        ({"most": "80MiB/s"}, "events a second"),
        ({"confirm_runs": 0}, "must be 1 to 100"),
        ({"confirm_for": "long"}, "--confirm-for"),
        ({"least": "5/s"}, "needs 1,100 records a run"),
    ],
)
def test_bad_bounds_are_refused_before_the_first_run(given: dict[str, Any], complaint: str) -> None:
    """Invalid ranges, units and rates at which no percentile can be told."""
    with pytest.raises(UsageError, match=complaint):
        request_of(MOCK, **given)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ({"rate": "5k/s"}, "finds or sets by itself"),
        ({"slo": ["response.p98<5ms"]}, "unknown metric"),
        ({"slo": ["throughput.acked_per_s>5"]}, "a rule that a rate can miss"),
        ({"X": ["lingr.ms=5"]}, "did you mean linger.ms"),
        ({"start": None}, "-b"),
    ],
)
def test_bad_flags_are_refused_before_the_first_run(flags: dict[str, Any], complaint: str) -> None:
    """A rate, an unknown metric, a property that librdkafka refuses, no cluster."""
    with pytest.raises(UsageError, match=complaint):
        request_of({name: value for name, value in {**MOCK, **flags}.items() if value is not None})


def test_a_probe_without_an_answer_is_not_valid(tmp_path: Path) -> None:
    """No record acknowledged flat out: there is no rate to begin with."""
    request = request_of(MOCK)
    door = SimulatedDoor(lambda flags: result(**{"messages.acked": 0}))

    with pytest.raises(NotValid, match="loadgen doctor"):
        search(request, door, begun(tmp_path, request), Queue())


def test_a_slow_clusters_probe_is_read_from_its_seconds(tmp_path: Path) -> None:
    """The whole probe went to what was queued in the warm-up, so no measured record was answered: the rows say 5,000/s of
    400 bytes, and the search begins at a quarter of that.
    """
    queue = Queue(5_000, 0.004, seed=1)
    law = cluster(queue)
    row = {"phase": "measured", "acked": 5_000, "length_s": 1.0, "payload_mib_per_s": 5_000 * 400 / (1 << 20)}
    door = SimulatedDoor(
        lambda flags: law(flags) if "rate" in flags else result(**{"messages.acked": 0}),
        lambda flags: [] if "rate" in flags else [row] * 5,
    )
    request = request_of({**MOCK, "slo": ["response.p99<4ms"]})
    _, answer, record = search(request, door, begun(tmp_path, request), queue)

    assert (record["rule"]["probe"]["acked_per_s"], record["rule"]["probe"]["bytes_per_record"]) == (5_000, 400)
    assert door.requests[1].flags["rate"] == "1250" and answer["bound"] == "interval"


def test_the_answer_in_words(tmp_path: Path) -> None:
    """Rate ± half the interval, volume, SLO, how long it held; a row for each run; MOCK first when it was one."""
    queue = Queue(5_000, 0.004, seed=1)
    request = request_of({**MOCK, "slo": ["response.p99<4ms"]})
    recorder = begun(tmp_path, request)
    found, answer, _ = search(request, SimulatedDoor(cluster(queue)), recorder, queue)
    steps = recorder.experiment.steps

    told = capacity_text.text(found, answer, steps, on_mock=False)
    markdown = capacity_text.markdown(found, answer, steps, on_mock=True)

    assert "±" in told.splitlines()[0] and "for 3 × 60 s" in told and "response.p99<4ms" in told
    assert told.count("confirm: met") == 3
    assert markdown.startswith("MOCK") and markdown.count("\n|") >= len(steps)


def test_each_step_is_told_with_what_is_known_and_the_time_left(tmp_path: Path) -> None:
    """A line a step; minutes go down to less than one, which is never told as none."""
    queue = Queue(5_000, 0.004, seed=1)
    request = request_of({**MOCK, "slo": ["response.p99<4ms"]})
    guarded = GuardedRuns(begun(tmp_path, request), SimulatedDoor(cluster(queue)), None, request.max_bytes)
    lines: list[str] = []
    run_search(
        request,
        CapacityRuns(request, guarded),
        lambda search, step: lines.append(capacity_text.progress(request, search, step)),
    )

    assert lines[0].startswith("search ") and " met " in lines[0] and lines[0].endswith("min left")
    assert lines[-1].startswith("confirm ") and lines[-1].endswith("; less than a minute left")
    assert not any("about 0 min" in line for line in lines)


def test_the_hockey_stick_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    """SVG and PNG with the rule, the interval and the knee; the same bytes for the same steps."""
    queue = Queue(5_000, 0.004, seed=1)
    request = request_of({**MOCK, "slo": ["response.p99<4ms"]})
    recorder = begun(tmp_path, request)
    found, _, _ = search(request, SimulatedDoor(cluster(queue)), recorder, queue)

    first, again = (hockey_stick(recorder.experiment.steps, found, request.rules, "h", on_mock=True) for _ in range(2))

    assert first.svg == again.svg and first.png.startswith(b"\x89PNG")
    assert b"response.p99&lt;4ms" in first.svg and b"MOCK" in first.svg
    assert b"shaded: the interval" in first.svg and b"mathdefault" not in first.svg


def test_latencies_within_a_decade_have_plain_numbers_and_no_interval_is_claimed(tmp_path: Path) -> None:
    """Of 6 ms under an SLO of 50 ms the axis told 4×10⁰ in TeX, and the caption an interval that there was not."""
    request = request_of({**MOCK, "slo": ["response.p99<50ms"]}, most="2k/s")
    queue = Queue(50_000, 0.006, seed=1)
    recorder = begun(tmp_path, request)
    found, _, _ = search(request, SimulatedDoor(cluster(queue)), recorder, queue)

    svg = hockey_stick(recorder.experiment.steps, found, request.rules, "h", on_mock=True).svg

    assert found.high is None
    assert b"mathdefault" not in svg and b"shaded" not in svg and b"knee" not in svg


def test_the_knee_is_where_a_hockey_stick_bends() -> None:
    """Flat to 800, steep from there: the knee is at 800; a straight line, three points and a flat curve's noise have none."""
    rates = [float(rate) for rate in range(100, 1_100, 100)]

    assert knee(rates, [5.0] * 8 + [50.0, 500.0]) == 800
    assert knee(rates, [2.0**i for i in range(10)]) is None
    assert knee(rates[:3], [5.0, 5.0, 50.0]) is None
    assert knee(rates, [5.0, 5.1, 4.9, 5.0, 5.0, 5.1, 5.0, 5.2, 5.9, 6.4]) is None


def test_the_plan_is_told_without_running(capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run: the SLO, the steps and the time, and nothing is made. Bare, every search fits in ten minutes
    on a Kafka that runs, and hardly exceeds them on one that is started and warmed up first."""
    from loadgen.cli.flags import RunFlags

    code = capacity(flags=RunFlags(start="mock", dry_run=True))

    told = capsys.readouterr().out
    assert code == 0 and "response.p99<50ms" in told and "3 × 60 s" in told
    assert "about 7 min, at most 10;" in told
    assert request_of({"bootstrap_server": "localhost:9092"}).longest_s() <= 600
    assert request_of({"start": "kafka"}).longest_s() <= 660
    assert not Path("results").exists()


def test_a_real_search_on_the_mock_ends_in_an_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Short real runs against the mock with a maximum that it can take: at least that rate, exit 0, MOCK said first,
    picture and record kept.
    """
    from loadgen.cli.flags import RunFlags

    code = capacity(
        least="1500/s",
        most="2k/s",
        confirm_runs=1,
        confirm_for="1s",
        output=ExperimentOutput(out=tmp_path / "capacity", progress="none"),
        flags=RunFlags(start="mock", slo=["response.p99<900ms"], duration="1s", warmup="200ms", workers="1"),
    )
    told = capsys.readouterr().out
    record = json.loads((tmp_path / "capacity" / "experiment.json").read_text())

    assert code == 0
    assert told.startswith("MOCK") and "at least 2,000 msg/s" in told
    assert (record["answer"]["bound"], record["on_mock"], record["state"]) == ("at_least", True, "done")
    assert (tmp_path / "capacity" / "hockey-stick.svg").exists()


def test_steps_read_back_from_the_record_are_the_steps() -> None:
    """What is resumed from is what was written."""
    import msgspec

    step = JudgedStep(rate_per_s=5.0, purpose="search", margin=-0.25, worst="p99", response_us={"p99": None})

    assert msgspec.convert(msgspec.to_builtins(step), JudgedStep) == step
