"""A gate to its record, over simulated runs; and the same over real ones on the mock."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.cli.gate import gate
from loadgen.cli.gate_output import GateOutput
from loadgen.errors import NotValid, UsageError
from loadgen.experiments.gate_request import GateRequest, request_of, rule_of
from loadgen.experiments.gate_runs import GateRuns
from loadgen.experiments.gate_session import check_self_test, run_gate
from loadgen.experiments.record import begin
from loadgen.judge.gate import GateRun
from loadgen.judge.stored import side
from tests.experiments.doors import SimulatedDoor
from tests.judge.simulated import result

MOCK = {"start": "mock"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own, with no gate.toml and no CI around it."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "GITHUB_ACTIONS",
        "GITHUB_STEP_SUMMARY",
        "LOADGEN_RESULTS",
        "LOADGEN_BOOTSTRAP_SERVERS",
        "RPK_BROKERS",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


class Cluster:
    """A simulated one: batches of a longer linger are faster by `gain`; a rate is kept; noise by run."""

    def __init__(self, gain: float = 1.0, noise: float = 0.01) -> None:
        self.gain, self.generator, self.noise = gain, np.random.default_rng(3), noise

    def __call__(self, flags: dict[str, Any]) -> dict[str, Any]:
        properties = {"linger.ms": "5", "acks": "-1", **dict(text.split("=") for text in flags.get("X", []))}
        factor = self.generator.lognormal(0, self.noise)
        factor *= self.gain if properties["linger.ms"] == "20" else 1.0
        if flags.get("events") == "fresh" or flags.get("instrument") == "python":
            factor *= 0.4
        data = result(acked_per_s=2e5 * factor, cpu_us=3 / factor, p99_us=5_000 / factor)
        data["client"]["properties"] = properties
        data["bytes"]["payload"] = data["messages"]["acked"]  # small: all of a gate stay below --max-bytes
        data["plan"]["events"] = flags.get("events", "stamped")
        data["client"]["instrument"] = flags.get("instrument", "c")
        if "rate" in flags:
            rate = float(flags["rate"])
            data["plan"] |= {"loop": "open", "offered_per_s": rate}
            data["throughput"] = {"acked_per_s": rate, "achieved_ratio": 1.0}
            data["latency_us"]["response"] = data["latency_us"]["service"]
            data["verdict"]["limited_by"] = "plan"
        return data


def carried_out(request: GateRequest, door: SimulatedDoor, folder: Path) -> tuple[GateRun, dict[str, Any]]:
    recorder = begin(folder, "gate", "gate", ["loadgen", "gate"], rule_of(request))
    runs = GateRuns(
        flags=request.flags,
        variants={"baseline": request.plan.baseline, "candidate": request.plan.candidate},
        limits=request.plan.limits,
        rate=request.rate,
        recorder=recorder,
        broker=None,
        door=lambda variant: door,
    )
    run = run_gate(request, runs, recorder, lambda: 0.0)
    return run, json.loads((recorder.path / "experiment.json").read_text())


def test_a_gate_over_runs_writes_its_record(tmp_path: Path) -> None:
    """Verdict, metrics, order, limits, every run with its hash; the runs can be compared by label afterwards."""
    request = request_of({**MOCK, "seed": "5"}, baseline="linger.ms=5", candidate="linger.ms=20")
    door = SimulatedDoor(Cluster(0.8))

    run, record = carried_out(request, door, tmp_path)
    folder = next(tmp_path.iterdir())

    assert (run.verdict.verdict, record["answer"]["verdict"], record["state"]) == ("regressed", "regressed", "done")
    assert {metric["name"] for metric in record["answer"]["metrics"]} >= {
        "throughput.acked_per_s",
        "cost.cpu_us_per_message",
        "latency_us.response.p99",
        "bytes.wire_per_message",
    }
    assert len(record["runs"]) == len(door.requests) == 2 + 12 * 4
    assert len(record["steps"]) == 12
    assert len(side(f"{folder}:candidate", tmp_path)) == 12


def test_both_sides_of_a_pair_send_the_same_orders_at_the_same_rate(tmp_path: Path) -> None:
    """One seed a pair, one rate for all, half of the slower side's flat-out rate; 4 s after 1 s, and half of it."""
    request = request_of(MOCK, candidate="linger.ms=20")
    door = SimulatedDoor(Cluster(0.8, noise=0.0))

    carried_out(request, door, tmp_path)
    judged = [request.flags for request in door.requests[2:]]
    rated = [flags for flags in judged if "rate" in flags]

    assert [flags["seed"] for flags in judged[:8]] == ["1"] * 4 + ["2"] * 4
    assert {flags["rate"] for flags in rated} == {"80000"}
    assert {(flags["duration"], flags["warmup"]) for flags in rated} == {("2s", "0.5s")}
    assert {flags["workers"] for flags in judged} == {"1"}


def test_without_a_rate_there_are_no_rated_runs(tmp_path: Path) -> None:
    """`-r max`: flat out only, and no latency is judged or shown."""
    request = request_of({**MOCK, "rate": "max"}, candidate="linger.ms=20")
    door = SimulatedDoor(Cluster())

    run, _ = carried_out(request, door, tmp_path)

    assert not any("rate" in request.flags for request in door.requests)
    assert not any(metric.name.startswith("latency_us.") for metric in run.verdict.metrics)


@pytest.mark.parametrize("rate", ["50%", "max"])
@pytest.mark.parametrize(
    ("answered", "told"),
    [
        (1_000, r"baseline got 1,000/s .* -d 4s is too short.*-X queue\.buffering\.max\.messages=400$"),
        (0, "baseline got nothing acknowledged: is the cluster up"),
    ],
)
def test_a_cluster_too_slow_to_be_judged_is_told_after_the_first_run(
    answered: int, told: str, rate: str, tmp_path: Path
) -> None:
    """With what to do about it, and before a pair is spent."""
    row = {"phase": "measured", "acked": answered, "length_s": 1.0, "payload_mib_per_s": 0.1}
    door = SimulatedDoor(lambda flags: result(**{"messages.acked": 0}), lambda flags: [row])

    with pytest.raises(NotValid, match=told):
        carried_out(request_of({**MOCK, "rate": rate}, candidate="linger.ms=20"), door, tmp_path)

    assert len(door.requests) == 1


def test_a_planted_loss_is_caught_and_a_gate_that_cannot_fire_says_so(tmp_path: Path) -> None:
    """--self-test: the planted variant ends regressed; on a machine too noisy to see it, the self-test fails with 5."""
    request = request_of(MOCK, mode="self-test")
    fine, _ = carried_out(request, SimulatedDoor(Cluster()), tmp_path / "fine")
    noisy, _ = carried_out(request, SimulatedDoor(Cluster(noise=3.0)), tmp_path / "noisy")

    check_self_test(fine)
    with pytest.raises(NotValid, match="would not fire"):
        check_self_test(noisy)


def test_an_interrupted_gate_keeps_what_it_had(tmp_path: Path) -> None:
    """Ctrl-C in the fifth pair: four pairs are in the record, marked interrupted."""
    cluster = Cluster()
    door = SimulatedDoor(cluster)

    def answer(flags: dict[str, Any]) -> dict[str, Any]:
        if len(door.requests) > 2 + 4 * 2:
            raise KeyboardInterrupt
        return cluster(flags)

    door.answer = answer
    request = request_of({**MOCK, "rate": "max"}, candidate="linger.ms=20")

    with pytest.raises(KeyboardInterrupt):
        carried_out(request, door, tmp_path)
    record = json.loads(next(tmp_path.rglob("experiment.json")).read_text())

    assert (record["state"], len(record["steps"]), record["answer"]) == ("interrupted", 4, None)


def test_the_plan_is_told_without_running(capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run: variants, limits, pairs and the time it takes, and nothing is made."""
    from loadgen.cli.flags import RunFlags

    code = gate(candidate="linger.ms=20", flags=RunFlags(start="mock", dry_run=True))

    told = capsys.readouterr().out
    assert code == 0
    assert "linger.ms=20" in told and "min" in told and "looks after 12 and 16" in told
    assert not Path("results").exists()


def test_a_real_gate_on_the_mock_catches_a_real_loss(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven pairs of real runs in processes of their own, the candidate making every record anew: regressed, exit 98,
    JUnit, markdown, step summary and JSON written, MOCK said first. The baseline is named by another interpreter's path.
    """
    from loadgen.cli.flags import RunFlags

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code = gate(
        baseline="events=stamped",
        candidate="events=fresh",
        pairs=7,
        fail_if=["cost.cpu_us_per_message+10%"],
        output=GateOutput(
            junit_xml=tmp_path / "junit.xml", report_md=tmp_path / "gate.md", out=tmp_path / "gate", progress="none"
        ),
        flags=RunFlags(start="mock", duration="300ms", warmup="100ms", rate="max", line_items="3"),
    )
    told = capsys.readouterr().out
    record = json.loads((tmp_path / "gate" / "experiment.json").read_text())

    assert code == 98
    assert told.startswith("MOCK") and "REGRESSED" in told and "::error" in told
    assert record["answer"]["verdict"] == "regressed" and record["on_mock"] is True
    assert 'failures="1"' in (tmp_path / "junit.xml").read_text()
    assert (tmp_path / "gate.md").read_text().startswith("MOCK")
    assert (tmp_path / "summary.md").read_text() == (tmp_path / "gate.md").read_text()
    assert len(side(f"{tmp_path / 'gate'}:candidate", tmp_path)) == 7


def test_a_run_of_another_interpreter_without_loadgen_is_refused(tmp_path: Path) -> None:
    """`python=` names an environment; one that has no loadgen ends in a line that says so, not in a traceback."""
    from loadgen.experiments.run_door import Request, RunApart

    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E -s "$@"\n')
    bare.chmod(0o755)

    with pytest.raises(UsageError, match="is kafka-loadgen installed there"):
        RunApart(str(bare))(Request(flags={"start": "mock", "duration": "100ms"}, folder=str(tmp_path / "run")))
    with pytest.raises(UsageError, match="cannot be run"):
        RunApart(str(tmp_path / "none"))(Request(flags={"start": "mock", "duration": "100ms"}, folder="x"))
