"""`loadgen capacity`: the highest rate that holds an SLO, with an interval, confirmed."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loadgen.cli.experiment import ExperimentOutput, deliver, keep_pictures, recorder_of, resumable
from loadgen.cli.flags import JUDGE, RunFlags
from loadgen.errors import UsageError

if TYPE_CHECKING:
    from loadgen.experiments.capacity import Search
    from loadgen.experiments.capacity_answer import Probe
    from loadgen.experiments.capacity_found import Found
    from loadgen.experiments.capacity_request import CapacityRequest
    from loadgen.experiments.capacity_session import CapacityRuns
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
    output: ExperimentOutput | None = None,
    flags: RunFlags | None = None,
) -> int:
    """The highest rate that holds an SLO: doubling, closing in, confirming; every step an open-loop run of its own.

    --slo, default response.p99<50ms; -d is the length of a search's run, default 10s. Exit 0 an interval, or at least
    because of --max; 5 at least because of this host; 99 below --min; 6 no steady state.
    """
    from loadgen.experiments import capacity_text
    from loadgen.experiments.capacity_request import request_of, rule_of
    from loadgen.experiments.capacity_session import CapacityRuns, run_search
    from loadgen.experiments.guarded_runs import GuardedRuns
    from loadgen.experiments.run_door import RunHere, broker_for

    where = output or ExperimentOutput()
    where.check()
    given = (flags or RunFlags()).given()
    dry, name = given.pop("dry_run", None), given.pop("name", None)
    request = request_of(given, least=least, most=most, confirm_runs=confirm_runs, confirm_for=confirm_for, soak=soak)
    if dry or not where.quiet:
        print(capacity_text.plan(request), file=sys.stdout if dry else sys.stderr)
    if dry:
        return 0
    recorder = recorder_of("capacity", rule_of(request), where, name)
    with resumable(recorder), broker_for(request.flags.get("start")) as broker:
        runs = CapacityRuns(request, GuardedRuns(recorder, RunHere(), broker, request.max_bytes))
        said = _Said(request, runs, quiet=where.quiet)
        found, answer = run_search(request, runs, said.step, said.probe)
    _keep_picture(request, recorder, found, answer)
    shown = (found, answer, recorder.experiment.steps)
    on_mock = recorder.experiment.on_mock
    deliver(
        recorder, where, capacity_text.text(*shown, on_mock=on_mock), capacity_text.markdown(*shown, on_mock=on_mock)
    )
    return int(answer["exit_code"])


class _Said:
    """What is said while it runs: what all steps may send, then each step as it ends, with the time left."""

    def __init__(self, request: "CapacityRequest", runs: "CapacityRuns", *, quiet: bool) -> None:
        self.request, self.runs, self.quiet = request, runs, quiet

    def probe(self, probe: "Probe") -> None:
        from loadgen.experiments.capacity_text import volume

        if not self.quiet:
            print(volume(self.request, probe, self.runs.most_bytes(probe)), file=sys.stderr)

    def step(self, search: "Search", step: "JudgedStep") -> None:
        from loadgen.experiments.capacity_text import progress

        if not self.quiet:
            print(progress(self.request, search, step), file=sys.stderr)


def _keep_picture(request: "CapacityRequest", recorder: "Recorder", found: "Found", answer: dict[str, Any]) -> None:
    from loadgen.experiments import capacity_text
    from loadgen.experiments.plot_capacity import hockey_stick

    steps, on_mock = recorder.experiment.steps, recorder.experiment.on_mock
    try:
        heading = capacity_text.headline(found, answer)
        keep_pictures(recorder, [hockey_stick(steps, found, request.rules, heading, on_mock=on_mock)])
    except UsageError as error:
        print(f"no picture: {error}", file=sys.stderr)
