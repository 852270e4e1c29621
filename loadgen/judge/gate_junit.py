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
    group = "MOCK.loadgen.gate" if on_mock else "loadgen.gate"
    deciding = [metric for metric in run.verdict.metrics if metric.decides]
    suite = ET.Element(
        "testsuite", name=f"{MOCK_LINE} (loadgen gate)" if on_mock else "loadgen gate", time=f"{seconds:.3f}"
    )
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
    for key, count in (("tests", len(deciding)), ("failures", failures), ("errors", 0), ("skipped", skipped)):
        suite.set(key, str(count))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
