"""What a gate tells people and a CI."""

import xml.etree.ElementTree as ET

import pytest

from loadgen.judge import gate_text
from loadgen.judge.gate import GateRun
from loadgen.judge.gate_junit import junit
from loadgen.judge.gate_text import change
from loadgen.judge.variant import Variant
from tests.judge.test_gate import NAMED, Machine, ran

AS_IT_IS = Variant()


@pytest.fixture(scope="module", params=[1.0, 0.8, 0.95])
def run(request: pytest.FixtureRequest) -> GateRun:
    """A gate that passed, one that regressed, one that ended inconclusive."""
    return ran(Machine(request.param, noise=0.12 if request.param == 0.95 else 0.02))


def test_the_first_line_is_the_verdict(run: GateRun) -> None:
    """The verdict in capitals, the effect with interval and p, the exit code when it is not 0."""
    first = gate_text.text(run, AS_IT_IS, NAMED).splitlines()[0]

    assert first.startswith(run.verdict.verdict.upper())
    assert ("exit" in first) is bool(run.verdict.exit_code)
    assert "pairs" in first


def test_the_table_has_every_metric_with_interval_and_p(run: GateRun) -> None:
    """Each row: both medians, change, interval, p; deciding ones with their limit, watched ones marked so."""
    shown = gate_text.text(run, AS_IT_IS, NAMED)

    for metric in run.verdict.metrics:
        line = next(line for line in shown.splitlines() if line.strip().startswith(gate_text.short_name(metric.name)))
        assert "…" in line and gate_text.p_value(metric.p) in line
        assert (f"limit {metric.limit}" if metric.decides else "(watched)") in line


def test_a_mock_is_said_first_everywhere(run: GateRun) -> None:
    """Text, markdown and JUnit begin with MOCK when no Kafka was involved."""
    assert gate_text.text(run, AS_IT_IS, NAMED, on_mock=True).startswith("MOCK")
    assert gate_text.markdown(run, AS_IT_IS, NAMED, on_mock=True).startswith("MOCK")
    suite = ET.fromstring(junit(run, inconclusive_fails=True, seconds=1, on_mock=True))[0]
    assert str(suite.get("name")).startswith("MOCK")


def test_foreign_words_are_escaped(run: GateRun) -> None:
    """A variant's text can hold neither markup nor a terminal's escape."""
    evil = Variant(text="linger.ms=5|<b>`\x1b[31m")

    markdown = gate_text.markdown(run, evil, NAMED)

    assert "|<b>" not in markdown and "\x1b" not in markdown
    assert "\x1b" not in gate_text.text(run, evil, NAMED)


@pytest.mark.parametrize("fails", [True, False])
def test_junit_has_a_case_for_each_deciding_metric(run: GateRun, fails: bool) -> None:
    """Regressed is a failure; inconclusive a failure or skipped, as the gate was told; the counts agree."""
    suite = ET.fromstring(junit(run, inconclusive_fails=fails, seconds=12.5))[0]
    cases = suite.findall("testcase")
    deciding = [metric for metric in run.verdict.metrics if metric.decides]

    assert [case.get("name") for case in cases] == [metric.limit for metric in deciding]
    for case, metric in zip(cases, deciding, strict=True):
        failed = metric.verdict == "regressed" or (metric.verdict == "inconclusive" and fails)
        assert (case.find("failure") is not None) is failed
        assert (case.find("skipped") is not None) is (metric.verdict == "inconclusive" and not fails)
    assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    assert suite.get("tests") == str(len(cases))


def test_annotations_name_what_did_not_pass(run: GateRun) -> None:
    """An error for each regressed metric, a warning for each inconclusive one, one line each, per cents escaped."""
    lines = gate_text.annotations(run)
    bad = [
        metric for metric in run.verdict.metrics if metric.decides and metric.verdict in {"regressed", "inconclusive"}
    ]

    assert len(lines) == len(bad)
    for line, metric in zip(lines, bad, strict=True):
        assert line.startswith("::error " if metric.verdict == "regressed" else "::warning ")
        assert "\n" not in line and "%25" in line


def test_a_change_of_many_times_is_told_as_times() -> None:
    """+3406.2 % takes a second look; × 35.1 does not."""
    assert [change(ratio) for ratio in (0.959, 1.123, 9.99, 35.062)] == ["-4.1 %", "+12.3 %", "+899.0 %", "× 35.1"]
