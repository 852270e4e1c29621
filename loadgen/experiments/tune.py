"""A search over settings for one objective under an SLO. Pure over the callable that runs one trial.

The first trials are known: the user's own settings, which are the thing to beat, then the built-in profiles. Then two
take turns: Optuna's estimator (`estimator`), which looks everywhere, and a smooth surface through all trials
(`proposals`), which is surer with few; on simulated clusters the two together came nearer to the best than either. The
last trials repeat the few best, because the luckiest of sixty noisy runs is lucky. Not here: what a trial runs
(`tune_runs`), the front (`pareto`).
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from loadgen.experiments.estimator import Estimator
from loadgen.experiments.grid import Combination, Parameter
from loadgen.experiments.proposals import Proposals
from loadgen.experiments.trial import Objective, Trial, Trials

STARTUP_TRIALS = 10
REPEAT_SHARE = 0.1  # of all trials, at the end, for the best again
REPEATED = 3
ESTIMATOR_EVERY = 4  # one trial in so many is the estimator's, the others are the surface's
POLISH_FROM = 0.4  # share of the trials from which on every second one changes one setting of the best

Evaluate = Callable[[Combination, "Trial | None"], Trial]


class Tuner:
    """A search and its trials.

    Args:
        space: the parameters; each holds the start's value.
        start: the user's own settings, the first trial.
        known: further combinations to try first, such as profiles.
        evaluate: runs a combination; gets the best trial so far, so that it may end one that is far behind.

    Raises:
        UsageError: Optuna is not installed.
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
        self.evaluate = evaluate
        self.fixed = [("start", start), *known]
        self.trials = Trials(objective)
        self._estimator = Estimator(space, seed, STARTUP_TRIALS)
        self._proposals = Proposals(space, self.trials, np.random.default_rng(seed), STARTUP_TRIALS)

    def search(
        self,
        count: int,
        *,
        done: Sequence[Trial] = (),
        enough: Callable[[], bool] = lambda: False,
        on_trial: Callable[[Trials], None] | None = None,
    ) -> Trial | None:
        """Up to that many trials, fewer when `enough` says so; the best is returned, None when none can be judged.

        Args:
            done: trials of a search that ended early; they are told to the estimator and not run again.
        """
        for trial in done:
            self._remember(trial)
        while len(self.trials) < count and not enough():
            combination, origin = self._next(count)
            trial = self.evaluate(combination, self.trials.best())
            self._remember(msgspec.structs.replace(trial, combination=combination, origin=origin))
            if on_trial:
                on_trial(self.trials)
        return self.trials.best()

    def _remember(self, trial: Trial) -> None:
        self.trials.all.append(trial)
        self._estimator.tell(self.trials, trial.combination)

    def _next(self, count: int) -> tuple[Combination, str]:
        made, tried = len(self.trials), self.trials.tried()
        for origin, combination in self.fixed:
            if combination not in tried:
                return combination, origin
        repeats = max(REPEATED, round(REPEAT_SHARE * count)) if count > 2 * STARTUP_TRIALS else 0
        if made >= count - repeats and (again := self._least_known_of_the_best()) is not None:
            return again, "repeat"
        if made < STARTUP_TRIALS and (point := self._proposals.spread_out(made - len(self.fixed))) is not None:
            return point, "spread"
        if made >= POLISH_FROM * count and made % 2:
            if (polished := self._proposals.one_change()) is not None:
                return polished, "one change"
        elif made % ESTIMATOR_EVERY and (promising := self._proposals.anywhere()) is not None:
            return promising, "surface"
        asked = self._estimator.ask(self.trials) or self._proposals.anywhere()
        # a space that is used up leaves only what was tried
        return asked or tried[0], "estimator"

    def _least_known_of_the_best(self) -> Combination | None:
        few = self.trials.ranked()[:REPEATED]
        runs = [sum(trial.combination == each for trial in self.trials.all) for each in few]
        return few[runs.index(min(runs))] if few else None
