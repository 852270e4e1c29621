"""`loadgen tune`: linger, batches, compression and more for one objective under an SLO, with the Pareto front."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from loadgen.cli.experiment import ExperimentOutput, deliver, keep_pictures, recorder_of, resumable
from loadgen.cli.flags import JUDGE, LOAD, RunFlags
from loadgen.errors import UsageError

if TYPE_CHECKING:
    from loadgen.experiments.guarded_runs import GuardedRuns
    from loadgen.experiments.record import Recorder
    from loadgen.experiments.trial import Trial
    from loadgen.experiments.tune_answer import TuneAnswer
    from loadgen.experiments.tune_request import TuneRequest


def tune(
    *,
    objective: Annotated[
        str | None,
        Parameter(group=JUDGE, help="throughput, latency, cpu or wire; throughput, or latency with -r."),
    ] = None,
    param: Annotated[
        list[str] | None,
        Parameter(group=LOAD, negative_iterable=(), help="NAME=VALUE,VALUE,… narrows or adds a setting; repeatable."),
    ] = None,
    trials: Annotated[int | None, Parameter(group=LOAD, help="At most; 60, or what fits into --budget.")] = None,
    budget: Annotated[
        str | None, Parameter(group=LOAD, help="Of wall time, confirmation included, like 10m, which is the default.")
    ] = None,
    output: ExperimentOutput | None = None,
    flags: RunFlags | None = None,
) -> int:
    """Which settings to run: a search under an SLO, its Pareto front, and the best confirmed against your own.

    With -r every trial runs at it; without, at its own capacity. Your own settings (--profile, -F, -X) are the start and
    the thing to beat. --slo, default response.p99<50ms. Exit 99 nothing met it; 6 it was met once and not again.
    """
    from loadgen.experiments import tune_text
    from loadgen.experiments.early_end import EarlyEnd
    from loadgen.experiments.guarded_runs import GuardedRuns
    from loadgen.experiments.run_door import RunHere, broker_for
    from loadgen.experiments.tune_request import request_of, rule_of
    from loadgen.experiments.tune_runs import TuneRuns
    from loadgen.experiments.tune_session import run_tune

    where = output or ExperimentOutput()
    where.check()
    given = (flags or RunFlags()).given()
    dry, name = given.pop("dry_run", None), given.pop("name", None)
    request = request_of(given, objective=objective, params=param or (), trials=trials, budget=budget)
    if dry or not where.quiet:
        print(tune_text.plan(request), file=sys.stdout if dry else sys.stderr)
    if dry:
        return 0
    recorder = recorder_of("tune", rule_of(request), where, name, may_differ=("trials", "budget_s"))
    with resumable(recorder), broker_for(request.flags.get("start")) as broker:
        early = EarlyEnd()
        guarded = GuardedRuns(recorder, RunHere(early), broker, request.max_bytes)
        said = _progress(request, guarded, quiet=where.quiet)
        answer = run_tune(request, guarded, TuneRuns(request, guarded, early), said)
    _keep(request, recorder, answer)
    on_mock = recorder.experiment.on_mock
    deliver(recorder, where, tune_text.text(answer, on_mock=on_mock), tune_text.markdown(answer, on_mock=on_mock))
    return answer.exit_code


def _progress(request: "TuneRequest", guarded: "GuardedRuns", *, quiet: bool) -> "Callable[[Sequence[Trial]], None]":
    """Says each trial as it ends, with the time left; after the first, how much all of them will send."""
    from loadgen.experiments import tune_text

    first, started_s = len(guarded.recorder.experiment.steps), time.monotonic()

    def on_trial(steps: "Sequence[Trial]") -> None:
        made = len(steps) - first
        if quiet or made < 1:
            return
        if made == 1:
            print(tune_text.volume(request, guarded.sent_bytes / len(steps)), file=sys.stderr)
        left_s = request.expected_s() - request.first_s() - len(steps) * request.trial_s()
        if request.budget_s is not None:
            left_s = min(left_s, request.budget_s - (time.monotonic() - started_s))
        print(tune_text.progress(request, steps, left_s), file=sys.stderr)

    return on_trial


def _keep(request: "TuneRequest", recorder: "Recorder", answer: "TuneAnswer") -> None:
    """The blocks to paste and the picture, beside the record."""
    from loadgen.experiments import tune_text
    from loadgen.experiments.plot_tune import pareto_picture
    from loadgen.experiments.record import write_whole
    from loadgen.experiments.tune_session import search_trials

    on_mock = recorder.experiment.on_mock
    if (block := tune_text.pasted(answer, on_mock=on_mock)) is not None:
        write_whole(recorder.path / "paste.librdkafka.properties", block.librdkafka.encode())
        write_whole(recorder.path / "paste.java.properties", block.java.encode())
        write_whole(recorder.path / "paste.toml", block.profile.encode())
    trials = search_trials(recorder.experiment.steps)
    try:
        heading = tune_text.headline(answer)
        keep_pictures(recorder, [pareto_picture(answer, trials, heading, at_rate=request.at_rate, on_mock=on_mock)])
    except UsageError as error:
        print(f"no picture: {error}", file=sys.stderr)
