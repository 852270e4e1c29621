"""JUnit XML for a CI's test view: a case for the verdict, and one for each rule with the measured value in its failure."""

import xml.etree.ElementTree as ET

from loadgen.report import ground, wording
from loadgen.report.result import Result
from loadgen.report.text import summary
from loadgen.report.wording import clean

RULES_DECIDED = (0, 99)  # with other exit codes the run itself went wrong, whatever its rules say


def junit(result: Result) -> bytes:
    """One suite with `1 + rules` cases.

    The verdict is an error when the run is not valid, was interrupted or could not reach its cluster; a missed rule is a
    failure. On a mock every case says so in its class, and the suite's name begins with the MOCK line.
    """
    mock = result.broker.kind == "mock"
    name = f"loadgen {clean(result.plan.profile)}: {clean(result.plan.topic)}"
    seconds = f"{ground.measured_s(result) or 0.0:.3f}"
    suite = ET.Element(
        "testsuite",
        name=f"{wording.MOCK_LINE} ({name})" if mock else name,
        timestamp=clean(result.started_at),
        hostname=clean(str(result.environment.get("host") or "unknown")),
        time=seconds,
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in {"run_id": result.run_id, **result.labels}.items():
        ET.SubElement(properties, "property", name=clean(key), value=clean(value))
    group = "MOCK.loadgen" if mock else "loadgen"
    failed = _verdict(suite, group, result, seconds)
    missed = sum(_rule(suite, group, result, at) for at in range(len(result.verdict.slo)))
    ET.SubElement(suite, "system-out").text = summary(result, None, color=False)
    suite.set("tests", str(1 + len(result.verdict.slo)))
    suite.set("errors", str(int(failed)))
    suite.set("failures", str(missed))
    suite.set("skipped", "0")
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _verdict(suite: ET.Element, group: str, result: Result, seconds: str) -> bool:
    case = ET.SubElement(suite, "testcase", classname=group, name="the run can be believed", time=seconds)
    if result.verdict.valid and result.verdict.exit_code in RULES_DECIDED:
        return False
    error = ET.SubElement(case, "error", message=wording.headline(result), type=f"exit {result.verdict.exit_code}")
    reasons = [wording.sentence(doubt) for doubt in result.verdict.doubts if doubt.invalid]
    error.text = "\n".join(reasons or [wording.headline(result)])
    return True


def _rule(suite: ET.Element, group: str, result: Result, at: int) -> bool:
    outcome = result.verdict.slo[at]
    case = ET.SubElement(suite, "testcase", classname=f"{group}.slo", name=clean(outcome.rule), time="0")
    words = wording.rule_in_words(outcome)
    if outcome.ok is True:
        ET.SubElement(case, "system-out").text = words
        return False
    failure = ET.SubElement(case, "failure", message=words, type="missed" if outcome.ok is False else "not measured")
    failure.text = f"{words}\n{ground.rate(result)}\n{ground.cluster(result)}"
    return True
