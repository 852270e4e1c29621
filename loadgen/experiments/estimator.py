"""The door to Optuna: its tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; multivariate), which looks
everywhere. It minimises one number, in which what misses the SLO or cannot be judged stands far above every loss.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from loadgen.errors import UsageError
from loadgen.experiments.grid import Combination, Parameter
from loadgen.experiments.trial import Trials

MISSED, NOT_JUDGED = 10.0, 100.0  # above any logarithm of a rate, a time or a size relative to another


class Estimator:
    """An Optuna study over combinations.

    Raises:
        UsageError: Optuna is not installed.
    """

    def __init__(self, space: Sequence[Parameter], seed: int, startup_trials: int) -> None:
        try:
            import optuna
        except ImportError:
            raise UsageError("a tuner needs Optuna: pip install 'kafka-loadgen[tune]'") from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = list(space)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup_trials, multivariate=True)
        self._study, self._optuna = optuna.create_study(direction="minimize", sampler=sampler), optuna
        of = optuna.distributions
        self._distributions: dict[str, Any] = {
            parameter.name: of.IntDistribution(0, len(parameter.values) - 1)
            if parameter.is_ordered
            else of.CategoricalDistribution(list(parameter.values))
            for parameter in self.space
        }

    def tell(self, trials: Trials, combination: Combination) -> None:
        """What is known of a combination by now."""
        created = self._optuna.trial.create_trial(
            params=self._params(combination), distributions=self._distributions, value=_value(trials, combination)
        )
        self._study.add_trial(created)

    def ask(self, trials: Trials, attempts: int = 10) -> Combination | None:
        """A combination that was not tried yet; None: it keeps proposing what was."""
        tried = trials.tried()
        for _ in range(attempts):
            asked = self._study.ask(self._distributions)
            combination = self._combination(asked.params)
            if combination not in tried:
                return combination
            # told again with what is known of it, so that it is not proposed for ever
            self._study.tell(asked, _value(trials, combination))
        return None

    def _combination(self, params: Mapping[str, Any]) -> Combination:
        return {
            each.name: each.values[params[each.name]] if each.is_ordered else params[each.name] for each in self.space
        }

    def _params(self, combination: Combination) -> dict[str, Any]:
        return {
            each.name: each.values.index(combination[each.name]) if each.is_ordered else combination[each.name]
            for each in self.space
        }


def _value(trials: Trials, combination: Combination) -> float:
    score = trials.score(combination)
    if score is None:
        return NOT_JUDGED
    missed, loss = score
    return loss + (MISSED + missed if missed > 0 else 0.0)
