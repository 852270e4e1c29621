"""`loadgen gate`: is the candidate slower than the baseline? Interleaved pairs, an exact test, three answers."""

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import msgspec
from cyclopts import Parameter

from loadgen.cli.flags import JUDGE, OUTPUT, RunFlags

if TYPE_CHECKING:
    from loadgen.experiments.gate_session import GateRequest, Mode, OnPair
    from loadgen.judge.gate import GateRun, Pair
    from loadgen.judge.verdict import GateVerdict


def gate(
    *,
    baseline: Annotated[
        str | None, Parameter(group=JUDGE, help="key=value,…: profile, properties, serializer, bootstrap, python=PATH.")
    ] = None,
    candidate: Annotated[str | None, Parameter(group=JUDGE, help="The same, of the other side.")] = None,
    fail_if: Annotated[
        list[str] | None,
        Parameter(
            group=JUDGE, help="METRIC-10% or METRIC+10%; repeatable; only these decide.", allow_leading_hyphen=True
        ),
    ] = None,
    pairs: Annotated[int | None, Parameter(group=JUDGE, help="Most pairs; looked at after 3/4 and all; 16.")] = None,
    tries: Annotated[int | None, Parameter(group=JUDGE, help="Starts on one change that share the error; 1.")] = None,
    budget: Annotated[
        str | None, Parameter(group=JUDGE, help="Stop after the pair in which it runs out, like 6m.")
    ] = None,
    inconclusive: Annotated[str | None, Parameter(group=JUDGE, help="fail (exit 6) or pass (exit 0).")] = None,
    file: Annotated[Path | None, Parameter(group=JUDGE, help="Default: gate.toml here, when there is one.")] = None,
    calibrate: Annotated[
        bool, Parameter(group=JUDGE, negative=(), help="20 pairs of the baseline with itself: which limits hold here?")
    ] = False,
    self_test: Annotated[
        bool, Parameter(group=JUDGE, negative=(), help="Plant a loss; exit 0 only if this gate catches it.")
    ] = False,
    json: Annotated[
        str | None, Parameter(group=OUTPUT, allow_leading_hyphen=True, help="FILE, or - for one JSON object.")
    ] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT, help="The gate's folder.")] = None,
    junit_xml: Annotated[Path | None, Parameter(group=OUTPUT, help="A test case for each deciding metric.")] = None,
    report_md: Annotated[Path | None, Parameter(group=OUTPUT, help="The summary as markdown.")] = None,
    progress: Annotated[str, Parameter(group=OUTPUT, help="plain or none.")] = "plain",
    flags: RunFlags | None = None,
) -> int:
    """Is the candidate slower than the baseline? Interleaved pairs, an exact test: pass, regressed or inconclusive.

    Exit 0 pass or improved, 98 regressed, 6 inconclusive, 5 not comparable, 2 not started.
    """
    from loadgen.experiments.gate_session import request_of

    mode: Mode = "calibrate" if calibrate else "self-test" if self_test else "gate"
    request = request_of(
        (flags or RunFlags()).given(),
        baseline=baseline,
        candidate=candidate,
        fail_if=fail_if or (),
        pairs=pairs,
        tries=tries,
        budget=budget,
        inconclusive=inconclusive,
        file=file,
        mode=mode,
    )
    if request.flags.pop("dry_run", None):
        _say_plan(request, sys.stdout)
        return 0
    return _carry_out(request, json=json, out=out, junit_xml=junit_xml, report_md=report_md, quiet=progress == "none")


def _carry_out(
    request: "GateRequest",
    *,
    json: str | None,
    out: Path | None,
    junit_xml: Path | None,
    report_md: Path | None,
    quiet: bool,
) -> int:
    from loadgen.experiments import gate_session
    from loadgen.experiments.gate_runs import GateRuns
    from loadgen.experiments.record import begin
    from loadgen.experiments.run_door import broker_for
    from loadgen.report import folder

    root = folder.results_root(None, os.environ)
    name = str(request.flags.pop("name", None) or request.mode)
    command = ["loadgen", *sys.argv[1:]]
    if not quiet:
        _say_plan(request, sys.stderr)
    recorder = begin(root, name, "gate", command, gate_session.rule_of(request), at=out)
    plan = request.plan
    started_s = time.monotonic()
    with broker_for(request.flags.get("start")) as broker:
        runs = GateRuns(
            flags=request.flags,
            variants={"baseline": plan.baseline, "candidate": plan.candidate},
            limits=plan.limits,
            rate=request.rate,
            recorder=recorder,
            broker=broker,
        )
        with _kept(recorder.path):
            run = gate_session.run_gate(request, runs, recorder, time.monotonic, _progress(request, started_s, quiet))
    seconds = time.monotonic() - started_s
    if request.mode == "calibrate":
        return _calibrated(request, run, recorder.path, json)
    if request.mode == "self-test":
        gate_session.check_self_test(run)
    _tell(request, run, recorder.path, seconds, runs.on_mock, json, junit_xml, report_md)
    if request.mode == "self-test":
        return 0
    inconclusive_passes = run.verdict.verdict == "inconclusive" and request.inconclusive == "pass"
    return 0 if inconclusive_passes else run.verdict.exit_code


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(f"interrupted; the pairs that were finished are in {path}", file=sys.stderr)
        raise SystemExit(130) from None


def _say_plan(request: "GateRequest", to: TextIO) -> None:
    from loadgen.experiments.gate_runs import DEFAULT_RUN, seconds_a_pair

    plan, run = request.plan, {**DEFAULT_RUN, **request.flags}
    minutes = seconds_a_pair(request.flags, request.rate) * plan.looks.pairs[-1] / 60
    rated = "" if request.rate.kind == "max" else f", and for half of that at one equal rate ({_rate_words(request)})"
    lines = [
        f"baseline   {plan.baseline.text}",
        f"candidate  {plan.candidate.text}",
        f"each run   flat out for {run['duration']} after {run['warmup']} of warm-up{rated}",
        f"decides    {', '.join(limit.text for limit in plan.limits)}",
        f"pairs      looks after {' and '.join(map(str, plan.looks.pairs))}; at most about {minutes:.1f} min",
        *(f"doubt      {doubt.message}. {doubt.remedy}" for doubt in request.doubts),
    ]
    for line in lines:
        print(line, file=to)


def _rate_words(request: "GateRequest") -> str:
    rate = request.rate
    return f"{rate.value:g} % of the slower one" if rate.kind == "percent" else f"{rate.value:,.0f} msg/s"


def _progress(request: "GateRequest", started_s: float, quiet: bool) -> "OnPair":
    from loadgen.judge.gate_text import change, short_name

    def on_pair(pairs: "Sequence[Pair]", verdict: "GateVerdict | None") -> None:
        if quiet:
            return
        last, n, most = pairs[-1], len(pairs), request.plan.looks.pairs[-1]
        told = [
            f"{short_name(limit.metric)} {change(last.candidate.metrics[limit.metric] / last.baseline.metrics[limit.metric])}"
            for limit in request.plan.limits
            if last.baseline.metrics.get(limit.metric) and last.candidate.metrics.get(limit.metric)
        ]
        left_s = (time.monotonic() - started_s) / n * (most - n)
        look = f"  look: {verdict.verdict}" if verdict else ""
        print(f"pair {n:2d}/{most}  {'  '.join(told)}  at most {left_s:.0f} s left{look}", file=sys.stderr)

    return on_pair


def _tell(
    request: "GateRequest",
    run: "GateRun",
    path: Path,
    seconds: float,
    on_mock: bool,
    json: str | None,
    junit_xml: Path | None,
    report_md: Path | None,
) -> None:
    from loadgen.judge import gate_text
    from loadgen.judge.gate_junit import junit

    plan = request.plan
    if json is not None:
        content = (path / "experiment.json").read_bytes()
        if json == "-":
            sys.stdout.write(content.decode())
        else:
            Path(json).write_bytes(content)
    if json != "-":
        print(gate_text.text(run, plan.baseline, plan.candidate, on_mock=on_mock), end="")
        print(f"  saved      {path}")
        if request.mode == "self-test":
            print("self-test passed: the planted loss was caught, so this gate can fire")
    if junit_xml is not None:
        junit_xml.write_bytes(
            junit(run, inconclusive_fails=request.inconclusive == "fail", seconds=seconds, on_mock=on_mock)
        )
    markdown = gate_text.markdown(run, plan.baseline, plan.candidate, on_mock=on_mock)
    if report_md is not None:
        report_md.write_text(markdown, "utf-8")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown)
    if os.environ.get("GITHUB_ACTIONS") == "true" and request.mode == "gate":
        for line in gate_text.annotations(run):
            print(line, file=sys.stderr if json == "-" else sys.stdout)


def _calibrated(request: "GateRequest", run: "GateRun", path: Path, json: str | None) -> int:
    from loadgen.experiments.gate_session import calibration_of, write_calibration

    found = calibration_of(request, run)
    write_calibration(request.file, found)
    if json == "-":
        rows = [
            {"metric": one.metric, "limit": one.limit.text, "spread": one.spread, "pairs": one.pairs} for one in found
        ]
        print(msgspec.json.encode(rows).decode())
        return 0
    print(f"limits that equal variants pass in 19 of 20 gates of {request.pairs} pairs on this machine:")
    for one in found:
        print(f"  {one.limit.text:<42} spread of a pair {one.spread:.1%}, {one.pairs} pairs")
    print(
        f"written to {request.file}; runs in {path}; use it: {shlex.join(['loadgen', 'gate', '--file', str(request.file)])} …"
    )
    return 0
