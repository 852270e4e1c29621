"""What a tuner was asked: from flags, checked whole before anything runs. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from loadgen.errors import UsageError
from loadgen.experiments.capacity_request import least_rate_for
from loadgen.experiments.grid import Combination, Parameter
from loadgen.experiments.guarded_runs import EXPECTED_WARM_UPS
from loadgen.experiments.record import kept_flags
from loadgen.experiments.search_flags import SearchFlags
from loadgen.experiments.trial import Objective
from loadgen.experiments.tune_space import known_combinations, space_of
from loadgen.profile import resolve
from loadgen.properties import nearest
from loadgen.quantities import parse_duration_s, parse_rate
from loadgen.slo import Rule

RUN_S, WARMUP_S, FLAT_OUT_S = 4.0, 1.0, 2.0
TRIALS, BUDGET_S = 60, 600.0
MAX_TRIALS = 1_000
LEAST_TRIALS = 6
PAIRS = 6  # of the confirmation: the fewest that bound an effect at 95 %
OVERHEAD_S = 1.0  # of a run, outside of its sending


class TuneRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A search over settings, checked whole.

    Attributes:
        flags: of every run; a rate among them is every trial's, without one each is measured at its own capacity.
        rules: the SLO.
        space, start, known: as `tune_space` makes them.
        trials: at most; budget_s: of wall time, confirmation included; None: as long as the trials take.
        run_s, warmup_s: of a run at a rate.
        max_bytes: of payload, all runs together.
    """

    flags: dict[str, Any]
    rules: list[Rule]
    objective: Objective
    space: list[Parameter]
    start: Combination
    known: list[tuple[str, Combination]]
    trials: int
    budget_s: float | None
    run_s: float
    warmup_s: float
    seed: int
    max_bytes: int

    @property
    def at_rate(self) -> bool:
        """Whether every trial has the same offered rate."""
        return "rate" in self.flags

    def trial_s(self) -> float:
        """How long a trial takes, about."""
        flat_out_s = 0.0 if self.at_rate else FLAT_OUT_S + self.warmup_s + OVERHEAD_S
        return flat_out_s + self.run_s + self.warmup_s + OVERHEAD_S

    def confirm_s(self) -> float:
        """How long the confirmation takes, about."""
        return 2 * PAIRS * self.trial_s()

    def first_s(self) -> float:
        """How long the unjudged runs before the first trial take, about."""
        warm_ups = 0 if self.flags.get("start") == "mock" else EXPECTED_WARM_UPS
        return warm_ups * (self.run_s + self.warmup_s + OVERHEAD_S)

    def count(self) -> int:
        """How many trials there will be: as many as were asked for, or fit into the budget."""
        if self.budget_s is None:
            return self.trials
        fitting = int((self.budget_s - self.first_s() - self.confirm_s()) / self.trial_s())
        return max(min(self.trials, fitting), LEAST_TRIALS)

    def expected_s(self) -> float:
        """How long it takes, about."""
        return self.first_s() + self.count() * self.trial_s() + self.confirm_s()


def request_of(
    flags: Mapping[str, Any],
    *,
    objective: str | None = None,
    params: Sequence[str] = (),
    trials: int | None = None,
    budget: str | None = None,
) -> TuneRequest:
    """A search from flags.

    Args:
        objective: None: throughput, or latency at a rate.

    Raises:
        UsageError: everything that is wrong, before anything runs.
    """
    read = SearchFlags(dict(flags))
    read.refuse(("ramp", "steps", "count", "verify"), "not for a tuner: every trial runs at -r, or at its own capacity")
    rules, run_s, warmup_s = read.rules(), read.duration_s(RUN_S), read.warmup_s(WARMUP_S)
    budget_s = read.parsed("--budget", budget, parse_duration_s)
    max_bytes, given = read.max_bytes(), read.given
    if str(given.get("rate")) == "max":
        del given["rate"]
    objective = objective or ("latency" if "rate" in given else "throughput")
    read.check(*_wrong_words(given, objective, trials))
    if budget_s is None and trials is None:
        budget_s = BUDGET_S
    # partitions decide how batches fill, so all runs have the same
    given.setdefault("partitions", "6")
    space, start = space_of(given, params)
    request = TuneRequest(
        flags=given,
        rules=rules,
        objective=_objective(objective),
        space=space,
        start=start,
        known=known_combinations(space, start),
        trials=trials or (TRIALS if budget is None else MAX_TRIALS),
        budget_s=budget_s,
        run_s=run_s,
        warmup_s=warmup_s,
        seed=int(given.get("seed", 1)),
        max_bytes=max_bytes,
    )
    _check_judgeable(request)
    return request


def _objective(word: str) -> Objective:
    for known in get_args(Objective):
        if word == known:
            return known  # type: ignore[no-any-return]
    words = list(get_args(Objective))
    raise UsageError(f"--objective {word}: must be one of {', '.join(words)}{nearest(word, words)}")


def _wrong_words(given: Mapping[str, Any], objective: str, trials: int | None) -> list[str]:
    problems = []
    rate = str(given.get("rate", "max"))
    if rate.endswith("%"):
        problems.append(f"-r {rate}: would offer every trial another rate; give it in events a second, or leave it out")
    if _objective(objective) == "latency" and "rate" not in given:
        problems.append("--objective latency: needs -r, for at its own capacity each combination has another latency")
    if _objective(objective) == "throughput" and "rate" in given:
        problems.append(
            f"-r {rate}: is what every trial would reach, so there is no throughput to compare: "
            "--objective latency, cpu or wire, or no -r"
        )
    if trials is not None and not LEAST_TRIALS <= trials <= MAX_TRIALS:
        problems.append(f"--trials {trials}: must be {LEAST_TRIALS} to {MAX_TRIALS:,}")
    return problems


def _check_judgeable(request: TuneRequest) -> None:
    if not request.at_rate:
        return
    resolve({**request.flags, "duration": "1s"})
    rate = parse_rate(str(request.flags["rate"]))
    least = least_rate_for(request.rules, request.run_s)
    if rate.kind == "events" and rate.value < least:
        raise UsageError(
            f"-r {request.flags['rate']}: the SLO's percentile needs {least * request.run_s:,.0f} records a run, which is "
            f"{least:,.0f}/s at -d {request.run_s:g}s; a higher -r or a longer -d"
        )


def rule_of(request: TuneRequest) -> dict[str, Any]:
    """What was asked, for experiment.json; enough to go on from."""
    return {
        "slo": [rule.text for rule in request.rules],
        "objective": request.objective,
        "space": request.space,
        "start": request.start,
        "trials": request.trials,
        "budget_s": request.budget_s,
        "run_s": request.run_s,
        "warmup_s": request.warmup_s,
        "seed": request.seed,
        "flags": kept_flags(request.flags),
    }
