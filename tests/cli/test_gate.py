"""What `loadgen gate` tells whom, over simulated runs: a verdict, a self-test, a calibration, a gate without a verdict."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadgen.cli.flags import RunFlags
from loadgen.cli.gate import gate
from loadgen.cli.gate_output import GateOutput
from loadgen.errors import NotValid, UsageError
from loadgen.experiments import gate_runs
from tests.experiments.doors import SimulatedDoor
from tests.experiments.test_gate_session import Cluster, elsewhere

__all__ = ["elsewhere"]  # the fixture: a folder of its own, no CI around it

FLAT_OUT = RunFlags(start="mock", rate="max")


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[dict[str, Any]], dict[str, Any]]], SimulatedDoor]:
    """Runs are answered by a function of their flags instead of being made."""

    def use(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> SimulatedDoor:
        door = SimulatedDoor(answer)
        monkeypatch.setattr(gate_runs, "doors", lambda variants: lambda variant: door)
        return door

    return use


@pytest.fixture
def in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GitHub Actions' environment; its step summary, with what an earlier step wrote."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    summary = tmp_path / "summary.md"
    summary.write_text("earlier\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    return summary


def output(tmp_path: Path, **more: Any) -> GateOutput:
    return GateOutput(junit_xml=tmp_path / "junit.xml", report_md=tmp_path / "gate.md", progress="none", **more)


def suite(tmp_path: Path) -> ET.Element:
    return ET.fromstring((tmp_path / "junit.xml").read_bytes())[0]


def test_a_regression_is_told_everywhere(simulated: Any, in_ci: Path, tmp_path: Path, capsys: Any) -> None:
    """Exit 98; the first line is the verdict; JUnit fails; markdown is appended to the step summary, nothing lost; an
    annotation; JSON in a file is the record.
    """
    simulated(Cluster(0.7))

    code = gate(candidate="linger.ms=20", output=output(tmp_path, json=str(tmp_path / "g.json")), flags=FLAT_OUT)
    told = capsys.readouterr().out

    assert code == 98
    assert told.startswith("REGRESSED  throughput.acked_per_s -3") and "::error title=loadgen gate::" in told
    assert suite(tmp_path).get("failures") == "2"
    assert in_ci.read_text() == "earlier\n" + (tmp_path / "gate.md").read_text()
    assert json.loads((tmp_path / "g.json").read_text())["answer"]["verdict"] == "regressed"


@pytest.mark.parametrize(
    ("inconclusive", "code", "failures", "skipped"), [("fail", 6, "1", "0"), ("pass", 0, "0", "1")]
)
def test_inconclusive_is_what_it_was_said_to_be(
    simulated: Any, tmp_path: Path, inconclusive: str, code: int, failures: str, skipped: str
) -> None:
    """--inconclusive fail: exit 6 and a failure; pass: exit 0 and skipped. The verdict itself is the same."""
    simulated(Cluster(0.95, noise=0.1))

    given = {"candidate": "linger.ms=20", "fail_if": ["throughput.acked_per_s-10%"], "flags": FLAT_OUT}
    assert gate(inconclusive=inconclusive, output=output(tmp_path, out=tmp_path / "gate"), **given) == code
    assert (suite(tmp_path).get("failures"), suite(tmp_path).get("skipped")) == (failures, skipped)
    record = json.loads((tmp_path / "gate" / "experiment.json").read_text())
    assert record["answer"]["verdict"] == "inconclusive" and record["rule"]["inconclusive"] == inconclusive


def test_a_gate_without_a_verdict_tells_a_ci_why(simulated: Any, in_ci: Path, tmp_path: Path, capsys: Any) -> None:
    """Exit 5 by its error; an error and no failure in JUnit, an annotation, the reason in the summary; the record has
    the pairs before it and is marked.
    """
    cluster = Cluster()
    door = simulated(cluster)

    def breaking(flags: dict[str, Any]) -> dict[str, Any]:
        data = cluster(flags)
        if len(door.requests) > 2 + 2 * 3:
            data["messages"]["failed"] = data["messages"]["acked"] // 50
        return data

    door.answer = breaking
    with pytest.raises(NotValid, match="pair 4 cannot be compared"):
        gate(candidate="linger.ms=20", output=output(tmp_path, out=tmp_path / "gate"), flags=FLAT_OUT)
    record = json.loads((tmp_path / "gate" / "experiment.json").read_text())

    assert (suite(tmp_path).get("errors"), suite(tmp_path).get("failures")) == ("1", "0")
    assert "::error title=loadgen gate::no verdict: " in capsys.readouterr().out
    assert "No verdict (exit 5)" in in_ci.read_text() and "records failed" in in_ci.read_text()
    assert (record["state"], len(record["steps"]), record["answer"]) == ("interrupted", 3, None)


def test_a_self_test_that_fires_passes(simulated: Any, in_ci: Path, tmp_path: Path, capsys: Any) -> None:
    """The gate inside regressed, and that is the pass: exit 0, no failure, no annotation, the summary says self-test."""
    simulated(Cluster())

    code = gate(self_test=True, output=output(tmp_path), flags=FLAT_OUT)
    told = capsys.readouterr().out

    assert code == 0 and "self-test passed" in told and "::" not in told
    assert (suite(tmp_path).get("tests"), suite(tmp_path).get("failures")) == ("1", "0")
    assert "## self-test passed" in in_ci.read_text()


def test_a_self_test_that_does_not_fire_fails(simulated: Any, tmp_path: Path) -> None:
    """A machine on which the planted loss makes no difference: exit 5, an error in JUnit."""

    class Blind(Cluster):
        def __call__(self, flags: dict[str, Any]) -> dict[str, Any]:
            data = super().__call__({**flags, "events": "stamped"})
            data["plan"]["events"] = flags.get("events", "stamped")
            return data

    simulated(Blind())

    with pytest.raises(NotValid, match="would not fire here"):
        gate(self_test=True, output=output(tmp_path), flags=FLAT_OUT)
    assert suite(tmp_path).get("errors") == "1"


def test_a_calibration_is_told_and_written(simulated: Any, tmp_path: Path, capsys: Any) -> None:
    """20 pairs for gates of --pairs; limits on the terminal, as JSON in a file, in markdown, in gate.toml; more pairs a
    gate allow a tighter limit.
    """
    limits = []
    for pairs in (9, 40):
        door = simulated(Cluster(noise=0.05))
        where = output(tmp_path, json=str(tmp_path / "limits.json"))
        assert gate(calibrate=True, pairs=pairs, output=where, flags=FLAT_OUT) == 0
        assert len(door.requests) == 2 + 2 * 20
        limits.append(json.loads((tmp_path / "limits.json").read_text()))
    told = capsys.readouterr().out

    assert "in 19 of 20 gates of 9 pairs" in told and "in 19 of 20 gates of 40 pairs" in told
    assert [row["metric"] for row in limits[0]] == ["throughput.acked_per_s", "cost.cpu_us_per_message"]
    percents = [float(rows[1]["limit"].split("+")[1].rstrip("%")) for rows in limits]
    assert percents[1] < percents[0]
    assert (
        limits[1][0]["limit"] in Path("gate.toml").read_text()
        and limits[1][0]["limit"] in (tmp_path / "gate.md").read_text()
    )


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ({"junit_xml": Path("none/j.xml")}, "no folder none"),
        ({"report_md": Path("none/r.md")}, "no folder none"),
        ({"json": "none/g.json"}, "no folder none"),
        ({"progress": "lively"}, "must be plain or none"),
    ],
)
def test_an_answer_without_a_place_is_refused_before_the_first_run(
    simulated: Any, where: dict[str, Any], complaint: str
) -> None:
    """Not after six minutes of load."""
    door = simulated(Cluster())

    with pytest.raises(UsageError, match=complaint):
        gate(candidate="linger.ms=20", output=GateOutput(**where), flags=FLAT_OUT)
    assert door.requests == []
