"""What a gate tells, and to whom: terminal, JSON, JUnit, markdown, a CI's step summary and annotations.

A gate that could not be carried out tells a CI so as well: a test case with an error, an annotation, the reason in the
step summary. Not here: the words and tables themselves (`judge.gate_text`, `judge.gate_junit`).
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from loadgen.cli.answer_output import AnswerOutput
from loadgen.cli.flags import OUTPUT
from loadgen.cli.report import write
from loadgen.errors import LoadgenError

if TYPE_CHECKING:
    from loadgen.experiments.gate_request import GateRequest
    from loadgen.judge.calibrate import Calibrated
    from loadgen.judge.gate import GateRun


@Parameter(name="*")
@dataclass
class GateOutput(AnswerOutput):
    """Where a gate's answer goes."""

    junit_xml: Annotated[Path | None, Parameter(group=OUTPUT, help="A test case for each deciding metric.")] = None

    def check(self) -> None:
        """Whether what comes out has a place, before the first run rather than after the last.

        Raises:
            UsageError: a folder that is not there, or a word that is none of --progress.
        """
        self.check_places(self.junit_xml)


def tell_verdict(
    request: "GateRequest", run: "GateRun", folder: Path, output: GateOutput, *, seconds: float, on_mock: bool
) -> None:
    """A finished gate, or a self-test that passed, to everybody who asked."""
    from loadgen.judge import gate_text
    from loadgen.judge.gate_junit import junit, junit_case

    plan, self_test = request.plan, request.mode == "self-test"
    shown = (run, plan.baseline, plan.candidate)
    passed = f"self-test passed: the planted loss was caught, so this gate can fire ({gate_text.one_line(run)})"
    text = gate_text.text(*shown, on_mock=on_mock) + f"  saved      {folder}\n"
    markdown = gate_text.markdown(*shown, on_mock=on_mock, heading=passed if self_test else None)
    output.tell((folder / "experiment.json").read_bytes(), text + (f"{passed}\n" if self_test else ""), markdown)
    if output.junit_xml is not None:
        fails = request.inconclusive == "fail"
        suite = (
            junit_case("self-test", passed, seconds=seconds, on_mock=on_mock)
            if self_test
            else junit(run, inconclusive_fails=fails, seconds=seconds, on_mock=on_mock)
        )
        write(output.junit_xml, suite)
    if not self_test:
        _annotate(gate_text.annotations(run), output)


def tell_calibration(request: "GateRequest", found: "list[Calibrated]", folder: Path, output: GateOutput) -> None:
    """The limits that were found and written."""
    rows = [{"metric": one.metric, "limit": one.limit.text, "spread": one.spread, "pairs": one.pairs} for one in found]
    lines = [f"limits that equal variants pass in 19 of 20 gates of {request.pairs} pairs on this machine:"]
    lines += [f"  {one.limit.text:<42} spread of a pair {one.spread:.1%}, {one.pairs} pairs" for one in found]
    lines.append(f"written to {request.file}; runs in {folder}; gates with --file {request.file} use them")
    markdown = "\n".join(["## Calibrated\n", *(f"    {line}" for line in lines)]) + "\n"
    output.tell(msgspec.json.encode(rows) + b"\n", "\n".join(lines) + "\n", markdown)


def tell_failure(error: LoadgenError, output: GateOutput, *, seconds: float) -> None:
    """To a CI: why there is no verdict. The terminal's line is the error itself."""
    from loadgen.judge.gate_junit import junit_case
    from loadgen.judge.gate_text import annotation
    from loadgen.report.markdown import escape

    if output.junit_xml is not None:
        write(output.junit_xml, junit_case("gate", str(error), seconds=seconds, failed=True))
    output.tell_markdown(f"## No verdict (exit {error.exit_code})\n\n{escape(str(error))}\n")
    _annotate([annotation("error", f"no verdict: {error}")], output)


def _annotate(lines: list[str], output: GateOutput) -> None:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in lines:
            print(line, file=sys.stderr if output.json == "-" else sys.stdout)
