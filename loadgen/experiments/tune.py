"""A search over settings for one objective under an SLO. Pure over the callable that runs one trial; the door to Optuna.

The first trials are known: the user's own settings, which are the thing to beat, then the built-in profiles. Then two
take turns: Optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; multivariate), which looks
everywhere, and a smooth surface through all trials (`surrogate`), which is surer with few; on simulated clusters the two
together came nearer to the best than either. The last trials repeat the few best, because the luckiest of sixty noisy
runs is lucky. Numbers are ordered, so that 5 lies between 2 and 10; other values are not. Not here: what a trial runs
(`tune_session`), the front (`pareto`).
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from loadgen.errors import UsageError
from loadgen.experiments.grid import Combination, Parameter
from loadgen.experiments.surrogate import (
    LEAST_TRIALS,
    Surrogate,
    chance_below,
    coordinates,
    expected_improvement,
    groups,
)

Objective = Literal["throughput", "latency", "cpu", "wire"]

OBJECTIVES: dict[str, tuple[str, bool]] = {  # the axis, and whether more is better
    "throughput": ("rate_per_s", True),
    "latency": ("p99_us", False),
    "cpu": ("cpu_us", False),
    "wire": ("wire_bytes", False),
}
STARTUP_TRIALS = 10
REPEAT_SHARE = 0.1  # of all trials, at the end, for the best again
REPEATED = 3
ESTIMATOR_EVERY = 4  # one trial in so many is the estimator's, the others are the surface's
POLISH_FROM = 0.4  # share of the trials from which on every second one changes one setting of the best
FARTHEST_MOVES, RANDOM_POINTS, NEAR_POINTS = 3, 1_500, 1_500  # where the surface is looked at


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One trial.

    Attributes:
        values: by axis (`pareto.AXES`); what the run did not have is left out.
        margin: of the SLO, below 0 met; None: no SLO.
        complaint: why it cannot be judged; pruned: it was ended early, far behind the best.
        shown: figures of its batches, for the reasons.
    """

    combination: Combination
    values: dict[str, float] = {}
    margin: float | None = None
    complaint: str | None = None
    pruned: bool = False
    shown: dict[str, float] = {}
    origin: str = ""
    folders: list[str] = []


Evaluate = Callable[[Combination, "Trial | None"], Trial]


class Tuner:
    """A search and its trials.

    Args:
        space: the parameters; each holds the start's value.
        start: the user's own settings, the first trial.
        known: further combinations to try first, such as profiles.
        evaluate: runs a combination; gets the best trial so far, so that it may end one that is far behind.
    """

    def __init__(
        self,
        space: Sequence[Parameter],
        objective: Objective,
        evaluate: Evaluate,
        *,
        start: Combination,
        known: Sequence[tuple[str, Combination]] = (),
        seed: int = 1,
    ) -> None:
        self.space, self.objective, self.evaluate, self.start, self.known = (
            list(space),
            objective,
            evaluate,
            start,
            known,
        )
        self.generator = np.random.default_rng(seed)
        self.trials: list[Trial] = []
        self._study, self._optuna = _new_study(seed)
        self._orders = [self.generator.permutation(_stretched(parameter)) for parameter in self.space]

    def search(
        self,
        trials: int,
        *,
        done: Sequence[Trial] = (),
        enough: Callable[[], bool] = lambda: False,
        on_trial: Callable[["Tuner"], None] | None = None,
    ) -> Trial | None:
        """Up to that many trials, fewer when `enough` says so; the best is returned, None when none can be judged.

        Args:
            done: trials of a search that ended early; they are told to the estimator and not run again.
        """
        for trial in done:
            self._tell(trial)
        while len(self.trials) < trials and not enough():
            combination, origin = self._next(trials)
            best = self.best()
            trial = self.evaluate(combination, best)
            self._tell(msgspec.structs.replace(trial, combination=combination, origin=origin))
            if on_trial:
                on_trial(self)
        return self.best()

    def best(self) -> Trial | None:
        """The best combination by the median of its runs, as its median trial; those that meet the SLO go first."""
        ranked = self._ranked()
        return self._median_trial(ranked[0]) if ranked else None

    def score(self, combination: Combination) -> tuple[float, float] | None:
        """(SLO margin where it is missed, logarithm of the objective), both to be small; None: nothing to judge by."""
        runs = [trial for trial in self.trials if trial.combination == combination and _judged(trial, self.objective)]
        if not runs:
            return None
        margins = [trial.margin for trial in runs if trial.margin is not None]
        missed = max(statistics.median(margins), 0.0) if margins else 0.0
        return missed, statistics.median(_loss(trial, self.objective) for trial in runs)

    def _ranked(self) -> list[Combination]:
        scored = [
            (score, combination) for combination in self._tried() if (score := self.score(combination)) is not None
        ]
        return [combination for _, combination in sorted(scored, key=lambda each: each[0])]

    def _tried(self) -> list[Combination]:
        unique = {tuple(sorted(trial.combination.items())): trial.combination for trial in self.trials}
        return list(unique.values())

    def _median_trial(self, combination: Combination) -> Trial:
        runs = [trial for trial in self.trials if trial.combination == combination and _judged(trial, self.objective)]
        return sorted(runs, key=lambda trial: _loss(trial, self.objective))[len(runs) // 2]

    # what to try next

    def _next(self, trials: int) -> tuple[Combination, str]:
        fixed = [("start", self.start), *self.known]
        tried = self._tried()
        for origin, combination in fixed:
            if combination not in tried:
                return combination, origin
        repeats = max(REPEATED, round(REPEAT_SHARE * trials)) if trials > 2 * STARTUP_TRIALS else 0
        if len(self.trials) >= trials - repeats:
            again = self._least_known_of_the_best()
            if again is not None:
                return again, "repeat"
        if len(self.trials) < STARTUP_TRIALS:
            return self._spread_out(len(self.trials) - len(fixed)), "spread"
        if len(self.trials) >= POLISH_FROM * trials and len(self.trials) % 2:
            polished = self._one_change()
            if polished is not None:
                return polished, "one change"
        elif len(self.trials) % ESTIMATOR_EVERY:
            promising = self._promising(self._candidates())
            if promising is not None:
                return promising, "surface"
        return self._proposed()

    def _spread_out(self, index: int) -> Combination:
        """A Latin hypercube's point: over the first trials every value of every setting comes about equally often."""
        return {
            parameter.name: parameter.values[int(order[index % len(order)])]
            for parameter, order in zip(self.space, self._orders, strict=True)
        }

    def _least_known_of_the_best(self) -> Combination | None:
        few = self._ranked()[:REPEATED]
        runs = {id(each): sum(trial.combination == each for trial in self.trials) for each in few}
        return min(few, key=lambda each: runs[id(each)], default=None)

    def _one_change(self) -> Combination | None:
        """The best with one setting changed that was changed least often, to the most promising of its untried values."""
        ranked, tried = self._ranked(), self._tried()
        if not ranked:
            return None
        best = ranked[0]
        open_changes: list[tuple[int, list[Combination]]] = []
        for parameter in self.space:
            changes = [{**best, parameter.name: value} for value in parameter.values if value != best[parameter.name]]
            untried = [change for change in changes if change not in tried]
            if untried:
                open_changes.append((len(changes) - len(untried), untried))
        if not open_changes:
            return None
        fewest = min(count for count, _ in open_changes)
        return self._promising([change for count, untried in open_changes if count == fewest for change in untried])

    def _promising(self, candidates: Sequence[Combination]) -> Combination | None:
        """The candidate of the largest expected improvement; None: too few trials to draw a surface through."""
        judged = [trial for trial in self.trials if _judged(trial, self.objective)]
        if len(judged) < LEAST_TRIALS or not candidates:
            return None
        ordered = [is_ordered(parameter) for parameter in self.space]
        group = groups(self.space, ordered)
        points = coordinates(self.space, ordered, [trial.combination for trial in judged])
        there = coordinates(self.space, ordered, candidates)
        losses = np.array([_loss(trial, self.objective) for trial in judged])
        # how bad the bad half is matters to nobody, and would take the surface's attention from the good one
        losses = np.minimum(losses, np.median(losses))
        surface = Surrogate(points, group, losses, self.generator)
        held = [trial for trial in judged if (trial.margin or 0.0) <= 0]
        best = (
            min(surface.at(coordinates(self.space, ordered, [trial.combination for trial in held]))[0])
            if held
            else None
        )
        mean, deviation = surface.at(there)
        # while nothing holds the SLO, what counts is to find something that does
        merit = np.ones(len(candidates)) if best is None else expected_improvement(mean, deviation, float(best))
        if any(trial.margin is not None for trial in judged):
            margins = np.array([trial.margin or 0.0 for trial in judged])
            merit = merit * chance_below(*Surrogate(points, group, margins, self.generator).at(there), 0.0)
        return dict(candidates[int(np.argmax(merit))])

    def _candidates(self) -> list[Combination]:
        """Untried combinations: some anywhere, and some a few moves from the best."""
        tried = {tuple(sorted(combination.items())) for combination in self._tried()}
        found: dict[tuple[tuple[str, str], ...], Combination] = {}
        bases = self._ranked()[:5]
        for index in range(RANDOM_POINTS + NEAR_POINTS):
            near = bool(bases) and index >= RANDOM_POINTS
            moved = dict(bases[index % len(bases)]) if near else {}
            moves = int(self.generator.integers(1, FARTHEST_MOVES + 1)) if near else len(self.space)
            for at in self.generator.choice(len(self.space), size=min(moves, len(self.space)), replace=False):
                parameter = self.space[int(at)]
                moved[parameter.name] = parameter.values[int(self.generator.integers(len(parameter.values)))]
            key = tuple(sorted(moved.items()))
            if key not in tried:
                found[key] = moved
        return list(found.values())

    def _proposed(self) -> tuple[Combination, str]:
        tried = self._tried()
        combination: Combination = {}
        for _ in range(10):
            asked = self._study.ask(self._distributions())
            combination = self._combination(asked.params)
            if combination not in tried:
                return combination, "estimator"
            # told again with what is known of it, so that the estimator does not propose it for ever
            self._study.tell(asked, self._optuna_value(combination))
        return (self._promising(self._candidates()) or combination), "estimator"

    # Optuna's side

    def _distributions(self) -> dict[str, Any]:
        of = self._optuna.distributions
        return {
            parameter.name: of.IntDistribution(0, len(parameter.values) - 1)
            if is_ordered(parameter)
            else of.CategoricalDistribution(list(parameter.values))
            for parameter in self.space
        }

    def _combination(self, params: Mapping[str, Any]) -> Combination:
        return {
            parameter.name: parameter.values[params[parameter.name]]
            if is_ordered(parameter)
            else params[parameter.name]
            for parameter in self.space
        }

    def _params(self, combination: Combination) -> dict[str, Any]:
        return {
            parameter.name: parameter.values.index(combination[parameter.name])
            if is_ordered(parameter)
            else combination[parameter.name]
            for parameter in self.space
        }

    def _tell(self, trial: Trial) -> None:
        self.trials.append(trial)
        created = self._optuna.trial.create_trial(
            params=self._params(trial.combination),
            distributions=self._distributions(),
            value=self._optuna_value(trial.combination, trial),
        )
        self._study.add_trial(created)

    def _optuna_value(self, combination: Combination, trial: Trial | None = None) -> float:
        """One number for the estimator: the loss, and far above all losses for what misses the SLO or cannot be judged."""
        if trial is not None and _judged(trial, self.objective):
            missed = max(trial.margin or 0.0, 0.0)
            return _loss(trial, self.objective) + (10.0 + missed if missed > 0 else 0.0)
        score = self.score(combination)
        return 100.0 if score is None else score[1] + (10.0 + score[0] if score[0] > 0 else 0.0)


def _judged(trial: Trial, objective: Objective) -> bool:
    return trial.complaint is None and not trial.pruned and trial.values.get(OBJECTIVES[objective][0], 0) > 0


def _loss(trial: Trial, objective: Objective) -> float:
    axis, more = OBJECTIVES[objective]
    return -math.log(trial.values[axis]) if more else math.log(trial.values[axis])


def is_ordered(parameter: Parameter) -> bool:
    """Whether its values are numbers that rise, so that what lies between two is likely between them."""
    try:
        numbers = [float(value) for value in parameter.values]
    except ValueError:
        return False
    return numbers == sorted(numbers) and len(numbers) > 2


def _stretched(parameter: Parameter) -> list[int]:
    """The places of a parameter's values, each about equally often, as many as there are first trials."""
    return [place * len(parameter.values) // STARTUP_TRIALS for place in range(STARTUP_TRIALS)]


def _new_study(seed: int) -> tuple[Any, Any]:
    """An Optuna study that minimises, quietly.

    Raises:
        UsageError: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise UsageError("a tuner needs Optuna: pip install 'kafka-loadgen[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True)
    return optuna.create_study(direction="minimize", sampler=sampler), optuna
