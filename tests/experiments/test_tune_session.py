"""A tuner over runs: from flags to record and answer; over a simulated cluster, and once over real runs on the mock."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.cli.experiment import ExperimentOutput, resumable
from loadgen.cli.tune import tune
from loadgen.errors import Unreachable, UsageError
from loadgen.experiments import tune_text
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.plot_tune import pareto_picture
from loadgen.experiments.record import Recorder, begin, resume
from loadgen.experiments.tune_answer import TuneAnswer
from loadgen.experiments.tune_request import PAIRS, TuneRequest, request_of, rule_of
from loadgen.experiments.tune_runs import TuneRuns
from loadgen.experiments.tune_session import run_tune
from loadgen.experiments.tune_space import space_of
from loadgen.quantities import parse_rate
from tests.experiments.doors import SimulatedDoor
from tests.judge.simulated import open_result, result

MOCK = {"start": "mock", "workers": "1"}
PARAMS = (
    "linger.ms=0,5,20",
    "batch.size=131072",
    "batch.num.messages=10000",
    "compression.type=none,lz4,snappy",
    "compression.level=-1",
    "max.in.flight.requests.per.connection=5",
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LOADGEN_RESULTS", "LOADGEN_BOOTSTRAP_SERVERS", "RPK_BROKERS"):
        monkeypatch.delenv(name, raising=False)


class Cluster:
    """A law over linger and codec: lingering fills batches and costs time, lz4 is the best codec.

    Args:
        noise: of every figure, as a standard deviation of its logarithm.
        p99_us: of a combination's properties and how many runs there were.
    """

    def __init__(
        self,
        noise: float = 0.01,
        p99_us: Callable[[dict[str, str], int], float] = lambda properties, runs: (
            4e3 + 1e3 * float(properties["linger.ms"])
        ),
    ) -> None:
        self.generator, self.noise, self.p99_us, self.runs = np.random.default_rng(1), noise, p99_us, 0

    def __call__(self, flags: dict[str, Any]) -> dict[str, Any]:
        self.runs += 1
        properties = {"linger.ms": "5", "compression.type": "snappy"} | dict(text.split("=") for text in flags["X"])
        linger, codec = float(properties["linger.ms"]), properties["compression.type"]
        rate = 1e5 * (1 + linger / 40) * {"none": 1.0, "snappy": 1.2, "lz4": 1.5}[codec]
        rate *= self.generator.lognormal(0, self.noise)
        if "rate" not in flags:
            return result(acked_per_s=rate)
        offered = parse_rate(flags["rate"]).value
        p99 = self.p99_us(properties, self.runs) * self.generator.lognormal(0, self.noise)
        return open_result(
            **{
                "plan.offered_per_s": offered,
                "plan.per_producer_per_s": offered,
                "throughput.acked_per_s": min(offered, rate),
                "throughput.achieved_ratio": min(1.0, rate / offered),
                "verdict.limited_by": "plan" if offered < rate else "broker",
                "latency_us.response": {"p50": p99 / 4, "p90": p99 / 2, "p99": p99, "p99_9": p99 * 2},
                "bytes.messages_per_request": 20.0 * (1 + linger),
                "bytes.batch_fill_pct": 2.0 * (1 + linger),
                "messages.acked": offered * 4,
                "bytes.payload": offered * 4 * 400,
                "bytes.wire": offered * 4 * {"none": 400, "snappy": 220, "lz4": 160}[codec],
                "cost.cpu_us_per_message": 4.0 - linger / 20,
            }
        )


def asked(**changes: Any) -> TuneRequest:
    return request_of({**MOCK, **changes.pop("flags", {})}, params=PARAMS, **{"trials": 12, **changes})


def tuned(
    request: TuneRequest, door: SimulatedDoor, recorder: Recorder, now_s: Callable[[], float] = lambda: 0.0
) -> tuple[TuneAnswer, dict[str, Any]]:
    guarded = GuardedRuns(recorder, door, None, request.max_bytes, now_s)
    answer = run_tune(request, guarded, TuneRuns(request, guarded), lambda steps: None)
    return answer, json.loads((recorder.path / "experiment.json").read_text())


def begun(path: Path, request: TuneRequest) -> Recorder:
    return begin(path, "tune", "tune", ["loadgen", "tune"], rule_of(request))


def test_the_answer_has_the_contracts_keys_and_the_best_of_the_law(tmp_path: Path) -> None:
    """linger 20 with lz4, found and confirmed against the start by six interleaved pairs, with an interval that holds the
    true ratio of 1.5 ÷ 1.125 × 1.5 ÷ 1.2; what it is valid for is said.
    """
    request = asked()
    answer, record = tuned(request, SimulatedDoor(Cluster()), begun(tmp_path, request))

    assert {"front", "best", "trials", "valid_for"} <= set(record["answer"])
    assert record["answer"]["best"]["properties"]["linger.ms"] == "20"
    assert record["answer"]["best"]["properties"]["compression.type"] == "lz4"
    assert (answer.recommendation, answer.exit_code, answer.trials) == ("better", 0, 12)
    assert answer.confirmed is not None and answer.confirmed.low is not None and answer.confirmed.high is not None
    assert answer.confirmed.low <= 1.5 / 1.125 * 1.5 / 1.2 <= answer.confirmed.high
    assert answer.confirmed.candidate.met == PAIRS
    assert set(answer.valid_for) == {"per_producer_per_s", "partitions", "record_bytes", "key"}
    assert answer.valid_for["record_bytes"] == pytest.approx(400) and answer.valid_for["key"] == "order"
    assert record["state"] == "done" and len(record["steps"]) == 12 + 2 * PAIRS


def test_a_slow_clusters_flat_out_runs_are_read_from_their_seconds(tmp_path: Path) -> None:
    """Each flat-out run went to what was queued in its warm-up, so none of its measured records was answered: its rows say
    what the combination takes, and the tuner finds the same best.
    """
    law = Cluster()
    slow = {"messages.acked": 0, "bytes.payload": 0, "throughput.acked_per_s": 0.0}

    def answer(flags: dict[str, Any]) -> dict[str, Any]:
        return law(flags) if "rate" in flags else result(**slow)

    def rows(flags: dict[str, Any]) -> list[dict[str, Any]]:
        if "rate" in flags:
            return []
        per_s = law(flags)["throughput"]["acked_per_s"]
        return [
            {"phase": "measured", "acked": per_s, "length_s": 1.0, "payload_mib_per_s": per_s * 400 / (1 << 20)}
        ] * 2

    request = asked()
    found, record = tuned(request, SimulatedDoor(answer, rows), begun(tmp_path, request))

    assert found.recommendation == "better" and not [step for step in record["steps"] if step["complaint"]]
    assert record["answer"]["best"]["properties"]["linger.ms"] == "20"


def test_a_flat_out_run_without_a_rate_is_a_complaint(tmp_path: Path) -> None:
    """Acknowledged records and no rate: nothing to plan by, so the combination is told as not to be judged."""
    request = asked()
    recorder = begun(tmp_path, request)
    door = SimulatedDoor(lambda flags: result(**{"throughput.acked_per_s": 0.0}))

    trial = TuneRuns(request, GuardedRuns(recorder, door, None, request.max_bytes))(request.start, None)

    assert trial.complaint == "its flat-out run acknowledged nothing a second"


def test_pairs_are_interleaved_and_their_order_is_drawn(tmp_path: Path) -> None:
    """Each pair has the start and the best once; over six pairs both orders come."""
    request = asked()
    _, record = tuned(request, SimulatedDoor(Cluster()), begun(tmp_path, request))
    confirmed = [step["combination"] for step in record["steps"] if step["origin"] == "confirm"]
    firsts = [pair[0] == request.start for pair in zip(confirmed[::2], confirmed[1::2], strict=True)]

    assert all(request.start in pair for pair in zip(confirmed[::2], confirmed[1::2], strict=True))
    assert set(firsts) == {True, False}


@pytest.mark.parametrize(("objective", "best"), [("latency", ("0",)), ("cpu", ("20",)), ("wire", ("0", "5", "20"))])
def test_at_a_rate_every_trial_runs_at_it(objective: str, best: tuple[str, ...], tmp_path: Path) -> None:
    """No flat-out run but none; latency wants no lingering, CPU wants it, wire wants lz4 whatever the linger."""
    request = asked(objective=objective, flags={"rate": "8k/s"})
    door = SimulatedDoor(Cluster(noise=0.001))
    answer, _ = tuned(request, door, begun(tmp_path, request))

    assert {each.flags["rate"] for each in door.requests} == {"8k/s"}
    assert answer.best is not None and answer.best.combination["linger.ms"] in best
    if objective == "wire":
        assert answer.best.combination["compression.type"] == "lz4"


def test_nothing_better_means_keep_what_you_have(tmp_path: Path) -> None:
    """The user's own file already says the best: it is recommended, with nothing changed, after four runs more."""
    request = asked(flags={"X": ["linger.ms=20", "compression.type=lz4"]})
    answer, record = tuned(request, SimulatedDoor(Cluster()), begun(tmp_path, request))

    assert sum(step["origin"] == "confirm" for step in record["steps"]) == 4
    assert (answer.recommendation, answer.exit_code) == ("keep", 0)
    assert answer.best is not None and answer.best.changed == {}


def test_a_clients_file_is_the_start_and_the_thing_to_beat(tmp_path: Path) -> None:
    """-F: its values are the first trial's, also those that are not among the defaults."""
    file = tmp_path / "mine.properties"
    file.write_text("linger.ms=7\ncompression.type=gzip\n")
    request = request_of({**MOCK, "command_config": str(file)}, trials=12)

    assert (request.start["linger.ms"], request.start["compression.type"]) == ("7", "gzip")
    assert "7" in next(each for each in request.space if each.name == "linger.ms").values


def test_an_slo_that_no_settings_meet_is_99(tmp_path: Path) -> None:
    """Every combination misses: nothing is recommended, nothing confirmed."""
    request = asked(flags={"slo": ["response.p99<1ms"]})
    answer, record = tuned(request, SimulatedDoor(Cluster()), begun(tmp_path, request))

    assert (answer.best, answer.confirmed, answer.exit_code) == (None, None, 99)
    assert tune_text.text(answer, on_mock=False).startswith("SLO MISSED") and not record["answer"]["front"]


def test_what_meets_the_slo_only_in_the_search_is_not_recommended(tmp_path: Path) -> None:
    """The cluster is three times slower once the search has ended: nothing met the SLO again, exit 6 and why."""
    request = asked(flags={"slo": ["response.p99<30ms"]})
    law = Cluster(p99_us=lambda properties, runs: 36e3 if "-confirm" in door.requests[-1].folder else 12e3)
    door = SimulatedDoor(law)
    answer, _ = tuned(request, door, begun(tmp_path, request))

    assert (answer.recommendation, answer.best, answer.exit_code) == ("none", None, 6)
    assert [doubt.code for doubt in answer.doubts] == ["missed_on_re_run"]


def test_a_broker_lost_in_the_middle_is_gone_on_from(tmp_path: Path) -> None:
    """In the search or in the confirmation: resumed, no trial is run again, and all pairs are there."""
    request = asked(flags={"rate": "8k/s"})
    for at in (4, 15):
        law = Cluster()
        door = SimulatedDoor(law)

        def lossy(
            flags: dict[str, Any], law: Cluster = law, door: SimulatedDoor = door, at: int = at
        ) -> dict[str, Any]:
            if len(door.requests) == at:
                raise Unreachable("no answer from a:1")
            return law(flags)

        door.answer = lossy
        recorder = begun(tmp_path / str(at), request)
        with pytest.raises(Unreachable), resumable(recorder):
            tuned(request, door, recorder)
        again = resume(recorder.path, "tune", rule_of(request), may_differ=("trials",))
        answer, record = tuned(request, door, again)

        assert answer.exit_code == 0 and record["state"] == "done"
        assert len(door.requests) == 1 + 12 + 2 * PAIRS and len(record["steps"]) == 12 + 2 * PAIRS


def test_the_budget_leaves_the_confirmation_its_time(tmp_path: Path) -> None:
    """Trials take three times as long as planned: the search ends early, the confirmation is whole."""
    request = asked(trials=None, budget="5m", flags={"rate": "8k/s"})
    law, door = Cluster(), SimulatedDoor(lambda flags: law(flags))
    answer, _ = tuned(request, door, begun(tmp_path, request), lambda: 18.0 * len(door.requests))

    assert answer.trials < request.count() / 2 and 18.0 * answer.trials < 300 - request.confirm_s() + 18.0
    assert answer.confirmed is not None and answer.confirmed.pairs == PAIRS


def test_bare_it_ends_within_ten_minutes() -> None:
    """With the defaults, at a rate and without; with --trials alone there is no budget."""
    for flags in ({}, {"rate": "8k/s"}):
        request = request_of({**MOCK, **flags})
        assert request.expected_s() <= 600 and request.count() >= 30
    assert asked(trials=200).budget_s is None


@pytest.mark.parametrize(
    ("flags", "given", "complaint"),
    [
        ({"slo": ["response.p98<5ms"]}, {}, "unknown metric"),
        ({"start": None}, {}, "-b"),
        ({"rate": "50%"}, {}, "another rate"),
        ({"rate": "5/s"}, {}, "needs 1,100 records a run"),
        ({}, {"objective": "latency"}, "needs -r"),
        ({"rate": "8k/s"}, {"objective": "throughput"}, "no throughput to compare"),
        ({}, {"objective": "cpus"}, "did you mean cpu"),
        ({}, {"trials": 2}, "--trials 2"),
        ({}, {"budget": "soon"}, "--budget"),
        ({}, {"params": ["lingr.ms=1,2"]}, "did you mean linger.ms"),
        ({}, {"params": ["linger.ms=1,900001"]}, "linger.ms=900001"),
        ({}, {"params": ["compression.type=lz4,gzipp"]}, "gzipp"),
        ({"X": ["lingr.ms=5"]}, {}, "did you mean linger.ms"),
        ({"verify": "full"}, {}, "--verify"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_run(
    flags: dict[str, Any], given: dict[str, Any], complaint: str
) -> None:
    """Rules, cluster, rates, objectives, parameters and values that librdkafka refuses, by name."""
    with pytest.raises(UsageError, match=complaint):
        request_of({name: value for name, value in {**MOCK, **flags}.items() if value is not None}, **given)


def test_what_cannot_matter_is_not_searched() -> None:
    """Stickiness only where records have no key, workers only where none were asked for; a narrowed one stays narrow."""

    def names(flags: dict[str, Any], params: list[str] | None = None) -> dict[str, tuple[str, ...]]:
        return {each.name: each.values for each in space_of({"start": "mock", **flags}, params or [])[0]}

    assert "sticky.partitioning.linger.ms" not in names({})
    assert "sticky.partitioning.linger.ms" in names({"keys": "none"})
    assert "workers" in names({}) and "workers" not in names({"workers": "2"})
    assert names({}, ["linger.ms=5,30"])["linger.ms"] == ("5", "30")
    assert names({}, ["queue.buffering.max.messages=1000,100000"])["queue.buffering.max.messages"] == ("1000", "100000")


def test_the_answer_in_words_says_why_and_what_it_is_valid_for(tmp_path: Path) -> None:
    """Interval, changes, batches and requests from the measured runs; the block below its remark; MOCK first."""
    request = asked()
    answer, _ = tuned(request, SimulatedDoor(Cluster()), begun(tmp_path, request))
    told, markdown = tune_text.text(answer, on_mock=True), tune_text.markdown(answer, on_mock=True)

    assert told.startswith("MOCK") and "95 %" in told.splitlines()[1] and "6 pairs" in told
    assert "linger.ms 5 → 20" in told
    assert "batches were 12 % full; linger.ms 5 → 20 cut requests 3.5 ×" in told
    assert "bytes on the wire a record" in told
    assert "# MOCK" in told and "6 partitions, records of 400 B, key order" in told
    assert markdown.startswith("MOCK") and markdown.count("```") == 6


@pytest.mark.parametrize("flags", [{}, {"rate": "8k/s"}])
def test_the_picture_is_drawn_the_same_each_time(flags: dict[str, Any], tmp_path: Path) -> None:
    """Front, start and best; the same bytes for the same trials."""
    request = asked(flags=flags)
    recorder = begun(tmp_path, request)
    answer, _ = tuned(request, SimulatedDoor(Cluster()), recorder)
    trials = recorder.experiment.steps[:12]
    first, again = (pareto_picture(answer, trials, "h", at_rate=bool(flags), on_mock=True) for _ in range(2))

    assert first.svg == again.svg and first.png.startswith(b"\x89PNG")
    assert b"MOCK" in first.svg and b"best of the search" in first.svg


def test_a_real_tuner_on_the_mock(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six short real trials and one pair of confirming runs at a rate: record, front, picture and blocks are there, and
    every one of them says MOCK.
    """
    from loadgen.cli.flags import RunFlags

    monkeypatch.setattr("loadgen.experiments.tune_session.PAIRS", 1)
    code = tune(
        param=["linger.ms=0,5", *PARAMS[1:3], "compression.type=snappy,none", *PARAMS[4:]],
        trials=6,
        output=ExperimentOutput(out=tmp_path / "tune", progress="none"),
        flags=RunFlags(
            start="mock", rate="4k/s", slo=["response.p99<2s"], duration="400ms", warmup="100ms", workers="1"
        ),
    )
    told = capsys.readouterr().out
    record = json.loads((tmp_path / "tune" / "experiment.json").read_text())

    assert code == 0 and told.startswith("MOCK")
    assert (record["state"], record["on_mock"]) == ("done", True) and record["answer"]["front"]
    for name in ("paste.librdkafka.properties", "paste.java.properties", "paste.toml"):
        assert (tmp_path / "tune" / name).read_text().startswith("# MOCK")
    assert (tmp_path / "tune" / "pareto.svg").exists()
