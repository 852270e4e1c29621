"""A tuner over real runs: its search, the interleaved runs that confirm what it found, its record as both grow."""

from collections.abc import Callable, Sequence

import msgspec

from loadgen.experiments.grid import Combination
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.trial import Trial, Trials
from loadgen.experiments.tune import Tuner
from loadgen.experiments.tune_answer import TuneAnswer, answer_of
from loadgen.experiments.tune_confirm import Confirmed, confirm
from loadgen.experiments.tune_request import PAIRS, TuneRequest
from loadgen.experiments.tune_runs import TuneRuns

CONFIRM = "confirm"
ITSELF_PAIRS = 2


def run_tune(
    request: TuneRequest, guarded: GuardedRuns, runs: TuneRuns, on_trial: Callable[[Sequence[Trial]], None]
) -> TuneAnswer:
    """Search, confirm, and write the record as it goes; a record that has trials is gone on with.

    Raises:
        LoadgenError, KeyboardInterrupt: it ended early; the record can be resumed.
    """
    recorder = guarded.recorder
    before = [msgspec.convert(step, Trial) for step in recorder.experiment.steps]
    steps = search_trials(before)
    confirmations = [trial for trial in before if trial.origin == CONFIRM]
    guarded.warm_up({**request.flags, "duration": f"{request.run_s:g}s", "warmup": f"{request.warmup_s:g}s"})

    def keep(trial: Trial) -> None:
        steps.append(trial)
        recorder.write(steps=list(steps))
        on_trial(steps)

    tuner = Tuner(request.space, request.objective, runs, start=request.start, known=request.known, seed=request.seed)
    best = tuner.search(
        # what was confirmed already was found by a search that had ended
        0 if confirmations else request.count(),
        done=list(steps),
        enough=lambda: _used_up(request, guarded),
        on_trial=lambda trials: keep(trials.all[-1]),
    )
    candidate = best.combination if best is not None and _met(tuner.trials, best.combination) else None
    confirmed = None if candidate is None else _confirmed(request, runs, candidate, confirmations, keep)
    found = answer_of(request, tuner.trials, confirmed, candidate)
    found = msgspec.structs.replace(
        found, overhead_share=guarded.overhead_share(), sending_share=guarded.sending_share()
    )
    recorder.write(state="done", answer=found)
    return found


def search_trials(steps: Sequence[Trial]) -> list[Trial]:
    """A record's steps without those of the confirmation."""
    return [trial for trial in steps if trial.origin != CONFIRM]


def _used_up(request: TuneRequest, guarded: GuardedRuns) -> bool:
    """Whether another trial would not leave the confirmation its time."""
    if request.budget_s is None:
        return False
    return guarded.now_s() - guarded.started_s + request.trial_s() + request.confirm_s() > request.budget_s


def _met(trials: Trials, combination: Combination) -> bool:
    score = trials.score(combination)
    return score is not None and score[0] == 0


def _confirmed(
    request: TuneRequest,
    runs: TuneRuns,
    candidate: Combination,
    before: Sequence[Trial],
    keep: Callable[[Trial], None],
) -> Confirmed:
    waiting = list(before)

    def run(combination: Combination) -> Trial:
        if waiting and waiting[0].combination == combination:
            trial = waiting.pop(0)
        else:
            waiting.clear()
            trial = msgspec.structs.replace(runs(combination, None, CONFIRM), origin=CONFIRM)
        keep(trial)
        return trial

    # with itself there is nothing to compare, only the SLO to meet again
    pairs = ITSELF_PAIRS if candidate == request.start else PAIRS
    return confirm(request.start, candidate, request.objective, pairs, request.seed, run)
