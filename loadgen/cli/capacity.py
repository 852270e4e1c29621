"""`loadgen capacity`: the highest rate that holds an SLO, with an interval, confirmed."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loadgen.cli.flags import JUDGE, OUTPUT, RunFlags
from loadgen.errors import LoadgenError, UsageError

if TYPE_CHECKING:
    from loadgen.experiments.capacity import Found
    from loadgen.experiments.capacity_session import CapacityRequest
    from loadgen.experiments.record import Recorder
    from loadgen.experiments.step import JudgedStep


def capacity(
    *,
    least: Annotated[
        str | None, Parameter(name="--min", group=JUDGE, help="Least rate, like 1k/s; below it: exit 99.")
    ] = None,
    most: Annotated[
        str | None, Parameter(name="--max", group=JUDGE, help="Highest rate ever offered, like 500k/s.")
    ] = None,
    confirm_runs: Annotated[int, Parameter(group=JUDGE, help="Runs at the edge, all of which must hold.")] = 3,
    confirm_for: Annotated[str | None, Parameter(group=JUDGE, help="Length of each of those; 60s.")] = None,
    soak: Annotated[
        str | None, Parameter(group=JUDGE, help="One more run that long at the confirmed rate, like 1h.")
    ] = None,
    resume: Annotated[
        Path | None, Parameter(group=OUTPUT, help="Folder of a search that ended early; same flags.")
    ] = None,
    json: Annotated[
        str | None, Parameter(group=OUTPUT, allow_leading_hyphen=True, help="FILE, or - for one JSON object.")
    ] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT, help="The search's folder.")] = None,
    report_md: Annotated[Path | None, Parameter(group=OUTPUT, help="The summary as markdown.")] = None,
    progress: Annotated[str, Parameter(group=OUTPUT, help="plain or none.")] = "plain",
    flags: RunFlags | None = None,
) -> int:
    """The highest rate that holds an SLO: doubling, closing in, confirming; every step an open-loop run of its own.

    --slo, default response.p99<50ms; -d is the length of a search's run, default 10s. Exit 0 an interval, or at least
    because of --max; 5 at least because of this host; 99 below --min; 6 no steady state.
    """
    from loadgen.experiments.capacity_session import request_of

    given = (flags or RunFlags()).given()
    dry = given.pop("dry_run", None)
    request = request_of(given, least=least, most=most, confirm_runs=confirm_runs, confirm_for=confirm_for, soak=soak)
    if dry or progress != "none":
        print(_plan(request), file=sys.stdout if dry else sys.stderr)
    if dry:
        return 0
    return _carry_out(request, resume=resume, json=json, out=out, report_md=report_md, quiet=progress == "none")


def _plan(request: "CapacityRequest") -> str:
    rules = " and ".join(rule.text for rule in request.rules)
    bounds = (
        f"from {request.least_per_s or 'a thousandth of a flat-out probe'} to {request.most_per_s or 'where it ends'}"
    )
    return (
        f"slo        {rules}\n"
        f"rates      {bounds}, a flat-out probe first\n"
        f"each step  {request.search_s:g} s after {request.warmup_s:g} s of warm-up; at the edge "
        f"{request.confirm_runs} × {request.confirm_s:g} s\n"
        f"time       about {request.expected_s() / 60:.0f} min"
    )


def _carry_out(
    request: "CapacityRequest",
    *,
    resume: Path | None,
    json: str | None,
    out: Path | None,
    report_md: Path | None,
    quiet: bool,
) -> int:
    from loadgen.experiments import capacity_session
    from loadgen.experiments.record import begin
    from loadgen.experiments.record import resume as resumed
    from loadgen.experiments.run_door import RunHere, broker_for
    from loadgen.report import folder

    name = str(request.flags.pop("name", None) or "capacity")
    command = ["loadgen", *sys.argv[1:]]
    rule = capacity_session.rule_of(request)
    recorder = (
        resumed(resume, "capacity")
        if resume is not None
        else begin(folder.results_root(None, os.environ), name, "capacity", command, rule, at=out)
    )
    try:
        with broker_for(request.flags.get("start")) as broker:
            runs = capacity_session.CapacityRuns(request, recorder, RunHere(), broker)
            found, answer = capacity_session.run_search(request, runs, recorder, _Steps(runs, quiet))
    except KeyboardInterrupt:
        print(f"interrupted; go on with: {_resume_command(recorder.path)}", file=sys.stderr)
        raise SystemExit(130) from None
    except LoadgenError as error:
        if recorder.experiment.steps and not isinstance(error, UsageError):
            print(f"ended early; go on with: {_resume_command(recorder.path)}", file=sys.stderr)
        raise
    _tell(request, recorder, found, answer, json, report_md)
    return int(answer["exit_code"])


def _resume_command(path: Path) -> str:
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--resume")]
    return shlex.join(["loadgen", *arguments, "--resume", str(path)])


class _Steps:
    """Says each step as it ends; first what all of them may send."""

    def __init__(self, runs: Any, quiet: bool) -> None:
        self.runs, self.quiet, self.told = runs, quiet, False

    def __call__(self, search: Any, step: "JudgedStep") -> None:
        from loadgen.experiments.capacity_text import progress

        if self.quiet:
            return
        if not self.told and self.runs.probed is not None:
            most = self.runs.most_bytes(self.runs.probed) / (1 << 30)
            print(
                f"flat out   {self.runs.probed.acked_per_s:,.0f} msg/s; the search sends at most about {most:,.1f} GiB",
                file=sys.stderr,
            )
            self.told = True
        print(progress(search, step), file=sys.stderr)


def _tell(
    request: "CapacityRequest",
    recorder: "Recorder",
    found: "Found",
    answer: dict[str, Any],
    json: str | None,
    report_md: Path | None,
) -> None:
    from loadgen.experiments import capacity_text
    from loadgen.experiments.plot_capacity import hockey_stick

    steps, on_mock = recorder.experiment.steps, recorder.experiment.on_mock
    try:
        picture = hockey_stick(steps, found, request.rules, capacity_text.headline(found, answer), on_mock=on_mock)
        (recorder.path / "hockey-stick.svg").write_bytes(picture.svg)
        (recorder.path / "hockey-stick.png").write_bytes(picture.png)
    except UsageError as error:
        print(f"no picture: {error}", file=sys.stderr)
    content = (recorder.path / "experiment.json").read_bytes()
    if json == "-":
        sys.stdout.write(content.decode())
    else:
        print(capacity_text.text(found, answer, steps, on_mock=on_mock), end="")
        print(f"  saved      {recorder.path}")
        if json is not None:
            Path(json).write_bytes(content)
    if report_md is not None:
        report_md.write_text(capacity_text.markdown(found, answer, steps, on_mock=on_mock), "utf-8")
