"""JUnit XML of a gate: one case for each deciding metric, so that a CI's test view shows which one failed."""

import xml.etree.ElementTree as ET

from loadgen.judge.gate import GateRun
from loadgen.judge.gate_text import all_doubts, one_line, short_name, table
from loadgen.report.wording import MOCK_LINE, clean


def junit(run: GateRun, *, inconclusive_fails: bool, seconds: float, on_mock: bool = False) -> bytes:
    """One suite; a regressed metric is a failure, an inconclusive one a failure or skipped, as the gate was told.

    Args:
        seconds: wall time of the gate.
    """
    group = _group(on_mock)
    deciding = [metric for metric in run.verdict.metrics if metric.decides]
    suite = _suite(seconds, on_mock)
    failures = skipped = 0
    for metric in deciding:
        case = ET.SubElement(suite, "testcase", classname=group, name=clean(metric.limit or metric.name), time="0")
        line = table([metric])
        if metric.verdict == "regressed" or (metric.verdict == "inconclusive" and inconclusive_fails):
            failures += 1
            message = f"{short_name(metric.name)} {metric.verdict}"
            ET.SubElement(case, "failure", message=message, type=metric.verdict).text = line
        elif metric.verdict == "inconclusive":
            skipped += 1
            ET.SubElement(case, "skipped", message="inconclusive").text = line
        else:
            ET.SubElement(case, "system-out").text = line
    told = [one_line(run), *(f"{doubt.message}. {doubt.remedy}" for doubt in all_doubts(run))]
    ET.SubElement(suite, "system-out").text = clean("; ".join(told))
    return _document(suite, tests=len(deciding), failures=failures, skipped=skipped)


def junit_case(name: str, told: str, *, seconds: float, failed: bool = False, on_mock: bool = False) -> bytes:
    """A suite of one case: a self-test, or a gate that ended without a verdict, which is an error and no failure."""
    suite = _suite(seconds, on_mock)
    case = ET.SubElement(suite, "testcase", classname=_group(on_mock), name=name, time=f"{seconds:.3f}")
    if failed:
        ET.SubElement(case, "error", message=clean(told)[:200], type="no verdict").text = clean(told)
    else:
        ET.SubElement(case, "system-out").text = clean(told)
    return _document(suite, tests=1, errors=int(failed))


def _group(on_mock: bool) -> str:
    return "MOCK.loadgen.gate" if on_mock else "loadgen.gate"


def _suite(seconds: float, on_mock: bool) -> ET.Element:
    name = f"{MOCK_LINE} (loadgen gate)" if on_mock else "loadgen gate"
    return ET.Element("testsuite", name=name, time=f"{seconds:.3f}")


def _document(suite: ET.Element, *, tests: int, failures: int = 0, errors: int = 0, skipped: int = 0) -> bytes:
    for key, count in (("tests", tests), ("failures", failures), ("errors", errors), ("skipped", skipped)):
        suite.set(key, str(count))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
