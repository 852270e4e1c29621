"""JUnit: what a CI's test view makes of a run."""

import xml.etree.ElementTree as ET

import msgspec
import pytest

from loadgen.report import wording
from loadgen.report.junit import junit
from loadgen.report.result import RuleOutcome
from tests.report.samples import SAMPLES, flat_out_mock, not_valid, orders_run, slo_missed


def suite_of(result):
    return ET.fromstring(junit(result)).find("testsuite")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_counts_are_those_of_the_cases(name):
    """One case for the verdict and one for each rule; the suite's numbers are those of its cases."""
    result = SAMPLES[name]()
    suite = suite_of(result)

    assert int(suite.get("tests")) == len(suite.findall("testcase")) == 1 + len(result.verdict.slo)
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
    assert int(suite.get("errors")) == len(suite.findall("testcase/error"))


def test_a_missed_rule_is_a_failure_with_its_value():
    """The failure's message holds what was measured and what was asked; a kept rule passes, the verdict passes."""
    cases = {case.get("name"): case for case in suite_of(slo_missed()).findall("testcase")}

    assert cases["response.p99.9<25ms"].find("failure").get("message") == "response.p99.9 392 ms, asked < 25 ms"
    assert cases["response.p50<25ms"].find("failure") is None
    assert cases["the run can be believed"].find("error") is None


def test_a_rule_that_was_not_measured_fails():
    """A rule without a value is no pass."""
    run = orders_run()
    verdict = msgspec.structs.replace(run.verdict, slo=[RuleOutcome("end_to_end.p99<1s", None, None)])
    failure = suite_of(msgspec.structs.replace(run, verdict=verdict)).find("testcase/failure")

    assert failure.get("type") == "not measured"
    assert failure.get("message") == "end_to_end.p99 not measured, asked < 1,000 ms"


@pytest.mark.parametrize("code", [3, 4, 5, 130])
def test_a_run_that_went_wrong_is_an_error(code):
    """Not valid, interrupted, unreachable, data wrong: an error with the reasons, whatever the rules say."""
    run = not_valid()
    verdict = msgspec.structs.replace(run.verdict, exit_code=code, valid=code != 5)
    error = suite_of(msgspec.structs.replace(run, verdict=verdict)).find("testcase/error")

    assert error.get("type") == f"exit {code}"
    assert "worker 2 was killed" in error.text


def test_mock_is_said_in_suite_and_class():
    """A test view that shows only names still shows that no Kafka was involved."""
    suite = suite_of(flat_out_mock())

    assert suite.get("name").startswith(wording.MOCK_LINE)
    assert all(case.get("classname").startswith("MOCK.") for case in suite.findall("testcase"))


def test_control_characters_cannot_break_the_file():
    """XML has no way to write most control characters: they are spelled out, and the file is read by any parser."""
    run = orders_run()
    hostile = msgspec.structs.replace(
        run,
        labels={"a\x00b": "\x1b[2J<&>\ud800"},
        plan=msgspec.structs.replace(run.plan, topic="\x08</testsuite>"),
    )

    assert suite_of(hostile).find("properties/property[@name='a\\x00b']").get("value") == "\\x1b[2J<&>\\ud800"
