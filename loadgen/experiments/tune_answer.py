"""A tuner's answer by the contract's keys: the Pareto front, what to run, what it is valid for, and the exit code. Pure."""

from typing import Any, Literal

import msgspec

from loadgen.experiments.grid import Combination, flags_with
from loadgen.experiments.pareto import front
from loadgen.experiments.trial import Trial, Trials, median_trial
from loadgen.experiments.tune_confirm import Confirmed
from loadgen.experiments.tune_reasons import reasons
from loadgen.experiments.tune_request import TuneRequest
from loadgen.profile import resolve
from loadgen.properties import redacted
from loadgen.report.result import Doubt

Recommendation = Literal["better", "not shown to be better", "keep", "none"]

EXIT_CODES = {"better": 0, "not shown to be better": 0, "keep": 0}


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """What to run.

    Attributes:
        properties: of the client, whole; settings: of a run (workers).
        changed: setting → (of the start, of this).
    """

    properties: dict[str, str]
    settings: dict[str, str]
    changed: dict[str, tuple[str, str]]
    combination: Combination
    values: dict[str, float]


class TuneAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a tuner found.

    Attributes:
        front: trials that no other beats in one thing without losing in another; each meets the SLO.
        best: None: nothing meets the SLO.
        overhead_share, sending_share: of the wall time, outside of runs and planned for sending.
        valid_for: what batches fill by: rate per producer, partitions, size of a record, key.
    """

    recommendation: Recommendation
    objective: str
    slo: list[str]
    best: Best | None
    confirmed: Confirmed | None
    front: list[Trial]
    trials: int
    valid_for: dict[str, Any]
    why: list[str]
    doubts: list[Doubt]
    exit_code: int
    overhead_share: float = 0.0
    sending_share: float = 0.0


def answer_of(
    request: TuneRequest, trials: Trials, confirmed: Confirmed | None, candidate: Combination | None
) -> TuneAnswer:
    """The answer.

    Args:
        confirmed: the interleaved runs of start and candidate; None: nothing met the SLO, so there was nothing to confirm.
    """
    recommendation, doubts = _recommended(request, confirmed, candidate)
    chosen = request.start if recommendation == "keep" else candidate
    side = None
    if confirmed is not None:
        side = confirmed.start if recommendation == "keep" else confirmed.candidate
    measured = side.trial if side else None
    best = _best(request, chosen, measured) if recommendation != "none" and chosen is not None and measured else None
    return TuneAnswer(
        recommendation=recommendation,
        objective=request.objective,
        slo=[rule.text for rule in request.rules],
        best=best,
        confirmed=confirmed,
        front=front_of(trials),
        trials=len(trials),
        valid_for=_valid_for(request, measured) if measured else {},
        why=reasons(confirmed, best.changed) if confirmed and best and best.changed else [],
        doubts=doubts,
        exit_code=_exit_code(recommendation, trials, confirmed),
    )


def front_of(trials: Trials) -> list[Trial]:
    """The Pareto front of the combinations that meet the SLO, each by its median trial."""
    met = []
    for combination in trials.tried():
        score = trials.score(combination)
        if score is not None and score[0] == 0:
            met.append(median_trial(trials.of(combination), trials.objective))
    return [met[index] for index in front([trial.values for trial in met])]


def _recommended(
    request: TuneRequest, confirmed: Confirmed | None, candidate: Combination | None
) -> tuple[Recommendation, list[Doubt]]:
    if confirmed is None:
        return "none", []
    if candidate == request.start:
        return ("keep" if confirmed.start.held else "none"), []
    if not confirmed.candidate.held:
        lost = Doubt(
            "missed_on_re_run",
            f"the best of the search met the SLO in {confirmed.candidate.met} of {confirmed.candidate.runs} runs when it "
            "was run again",
            "a longer -d, more --trials, or an SLO that leaves more room",
        )
        return ("keep" if confirmed.start.held else "none"), [lost]
    if not confirmed.start.held or confirmed.is_better:
        return "better", []
    if confirmed.is_worse:
        return "keep", []
    return "not shown to be better", [
        Doubt("not_shown", "the interval of the gain holds none", "a longer -d makes each pair surer")
    ]


def _best(request: TuneRequest, combination: Combination, measured: Trial) -> Best:
    settings = resolve(flags_with(request.flags, combination))
    changed = {
        name: (request.start[name], value) for name, value in combination.items() if value != request.start[name]
    }
    of_run = {name: value for name, value in combination.items() if name not in settings.properties}
    return Best(
        properties=redacted(settings.properties),
        settings=of_run,
        changed=changed,
        combination=combination,
        values=measured.values,
    )


def _valid_for(request: TuneRequest, measured: Trial) -> dict[str, Any]:
    return {
        "per_producer_per_s": measured.shown.get("per_producer_per_s"),
        "partitions": measured.shown.get("partitions"),
        "record_bytes": measured.shown.get("record_bytes"),
        "key": resolve(request.flags).keys,
    }


def _exit_code(recommendation: Recommendation, trials: Trials, confirmed: Confirmed | None) -> int:
    """0 something to run; 99 nothing met the SLO; 6 it was met once and not again; 5 nothing could be judged."""
    if recommendation in EXIT_CODES:
        return EXIT_CODES[recommendation]
    if confirmed is not None:
        return 6
    return 99 if trials.judged() or any(trial.margin is not None for trial in trials.all) else 5
