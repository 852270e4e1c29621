"""`loadgen sweep`: a grid of settings in randomised blocks, and which setting moved what."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from loadgen.cli.experiment import ExperimentOutput, deliver, keep_pictures, recorder_of, resumable
from loadgen.cli.flags import LOAD, RunFlags
from loadgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadgen.experiments.guarded_runs import GuardedRuns
    from loadgen.experiments.plot_experiments import ExperimentPicture
    from loadgen.experiments.sweep import SweepRun
    from loadgen.experiments.sweep_effects import SweepAnswer
    from loadgen.experiments.sweep_request import SweepRequest


def sweep(
    *,
    param: Annotated[
        list[str] | None,
        Parameter(group=LOAD, negative_iterable=(), help="NAME=VALUE,VALUE,…: a setting or property; repeatable."),
    ] = None,
    repeat: Annotated[int, Parameter(group=LOAD, help="Blocks, in each every combination once, in a drawn order.")] = 5,
    output: ExperimentOutput | None = None,
    flags: RunFlags | None = None,
) -> int:
    """A grid of settings in randomised, repeated blocks: which setting moved what, with intervals."""
    from loadgen.experiments import sweep_request, sweep_session, sweep_text
    from loadgen.experiments.guarded_runs import GuardedRuns
    from loadgen.experiments.run_door import RunHere, broker_for

    where = output or ExperimentOutput()
    where.check()
    given = (flags or RunFlags()).given()
    dry, name = given.pop("dry_run", None), given.pop("name", None)
    request = sweep_request.request_of(given, param or (), repeat)
    if dry or not where.quiet:
        print(sweep_text.plan(request), file=sys.stdout if dry else sys.stderr)
    if dry:
        return 0
    recorder = recorder_of("sweep", sweep_request.rule_of(request), where, name)
    with resumable(recorder), broker_for(request.flags.get("start")) as broker:
        guarded = GuardedRuns(recorder, RunHere(), broker, request.max_bytes)
        found, runs = sweep_session.run_sweep(request, guarded, _progress(request, guarded, quiet=where.quiet))
    on_mock = recorder.experiment.on_mock
    keep_pictures(recorder, _pictures(request, found, runs, on_mock=on_mock))
    deliver(recorder, where, sweep_text.text(found, on_mock=on_mock), sweep_text.markdown(found, on_mock=on_mock))
    return sweep_session.exit_code(found)


def _progress(request: "SweepRequest", guarded: "GuardedRuns", *, quiet: bool) -> "Callable[[list[SweepRun]], None]":
    """Says each run as it ends, with the time left; after the first, how much all of them will send."""
    from loadgen.experiments import sweep_text

    started_s, first = time.monotonic(), len(guarded.recorder.experiment.steps)

    def on_run(runs: "list[SweepRun]") -> None:
        if quiet:
            return
        made = len(runs) - first
        if made == 1:
            print(
                sweep_text.volume(request, guarded.sent_bytes / len(guarded.recorder.experiment.runs)), file=sys.stderr
            )
        left_s = (time.monotonic() - started_s) / made * (request.runs() - len(runs))
        print(sweep_text.progress(request, runs, left_s), file=sys.stderr)

    return on_run


def _pictures(
    request: "SweepRequest", found: "SweepAnswer", runs: "list[SweepRun]", *, on_mock: bool
) -> "list[ExperimentPicture]":
    from loadgen.experiments.plot_sweep import sweep_picture

    told = [metric for metric in request.metrics if found.medians and metric in found.medians[0][1]]
    try:
        return [sweep_picture(found, runs, metric, on_mock=on_mock) for metric in told]
    except UsageError as error:
        print(f"no pictures: {error}", file=sys.stderr)
        return []
