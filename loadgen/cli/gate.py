"""`loadgen gate`: is the candidate slower than the baseline? Interleaved pairs, an exact test, three answers."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from cyclopts import Parameter

from loadgen.cli.flags import JUDGE, RunFlags
from loadgen.cli.gate_output import GateOutput, tell_calibration, tell_failure, tell_verdict
from loadgen.errors import LoadgenError

if TYPE_CHECKING:
    from loadgen.experiments.gate_request import GateRequest, Mode
    from loadgen.experiments.gate_session import OnPair
    from loadgen.judge.gate import Pair
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
    output: GateOutput | None = None,
    flags: RunFlags | None = None,
) -> int:
    """Is the candidate slower than the baseline? Interleaved pairs, an exact test: pass, regressed or inconclusive.

    Exit 0 pass or improved, 98 regressed, 6 inconclusive, 5 not comparable, 2 not started.
    """
    from loadgen.experiments.gate_request import request_of

    where = output or GateOutput()
    where.check()
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
    if not where.quiet:
        _say_plan(request, sys.stderr)
    started_s = time.monotonic()
    try:
        return _carry_out(request, where, started_s)
    except LoadgenError as error:
        tell_failure(error, where, seconds=time.monotonic() - started_s)
        raise


def _carry_out(request: "GateRequest", output: GateOutput, started_s: float) -> int:
    from loadgen.experiments.gate_calibration import calibration_of, write_calibration
    from loadgen.experiments.gate_request import rule_of
    from loadgen.experiments.gate_runs import GateRuns
    from loadgen.experiments.gate_session import check_self_test, run_gate
    from loadgen.experiments.record import begin
    from loadgen.experiments.run_door import broker_for
    from loadgen.report import folder

    root = folder.results_root(None, os.environ)
    name = str(request.flags.pop("name", None) or request.mode)
    command = ["loadgen", *sys.argv[1:]]
    recorder = begin(root, name, "gate", command, rule_of(request), at=output.out)
    plan = request.plan
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
            on_pair = _progress(request, started_s, output.quiet)
            run = run_gate(request, runs, recorder, time.monotonic, on_pair)
    if request.mode == "calibrate":
        found = calibration_of(run, plan.limits, request.looks)
        write_calibration(request.file, found)
        tell_calibration(request, found, recorder.path, output)
        return 0
    if request.mode == "self-test":
        check_self_test(run)
    seconds = time.monotonic() - started_s
    tell_verdict(request, run, recorder.path, output, seconds=seconds, on_mock=runs.on_mock)
    inconclusive_passes = run.verdict.verdict == "inconclusive" and request.inconclusive == "pass"
    return 0 if request.mode == "self-test" or inconclusive_passes else run.verdict.exit_code


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
    apart = bool(plan.baseline.python or plan.candidate.python)
    minutes = seconds_a_pair(request.flags, request.rate, apart=apart) * plan.looks.pairs[-1] / 60
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
