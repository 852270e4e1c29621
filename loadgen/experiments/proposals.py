"""What to try next, from the trials so far: points spread out over the space, the most promising by a smooth surface
(`surrogate`), and the best with one setting changed. Pure.
"""

from collections.abc import Sequence

import numpy as np

from loadgen.experiments.grid import Combination, Parameter
from loadgen.experiments.surrogate import (
    LEAST_TRIALS,
    Floats,
    Surrogate,
    chance_below,
    coordinates,
    expected_improvement,
    groups,
)
from loadgen.experiments.trial import Trials, loss

FARTHEST_MOVES, RANDOM_POINTS, NEAR_POINTS = 3, 1_500, 1_500  # where the surface is looked at
BASES = 5


class Proposals:
    """Combinations of a space that are worth a trial.

    Args:
        spread: over how many first trials every value of every setting comes about equally often.
    """

    def __init__(self, space: Sequence[Parameter], trials: Trials, generator: np.random.Generator, spread: int) -> None:
        self.space, self.trials, self.generator, self.spread = list(space), trials, generator, spread
        self._group = groups(self.space)
        self._orders = [
            generator.permutation([place * len(parameter.values) // spread for place in range(spread)])
            for parameter in self.space
        ]

    def spread_out(self, index: int) -> Combination | None:
        """A Latin hypercube's point that was not tried yet, from that one on; None: all were."""
        tried = self.trials.tried()
        points = (self._point(at) for at in range(index, index + self.spread))
        return next((point for point in points if point not in tried), None)

    def _point(self, index: int) -> Combination:
        return {
            parameter.name: parameter.values[int(order[index % self.spread])]
            for parameter, order in zip(self.space, self._orders, strict=True)
        }

    def anywhere(self) -> Combination | None:
        """The most promising of untried combinations: some anywhere, and some a few moves from the best."""
        return self.most_promising(self._candidates())

    def one_change(self) -> Combination | None:
        """The best with one setting changed that was changed least often, to the most promising of its untried values."""
        ranked, tried = self.trials.ranked(), self.trials.tried()
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
        return self.most_promising([change for count, untried in open_changes if count == fewest for change in untried])

    def most_promising(self, candidates: Sequence[Combination]) -> Combination | None:
        """The candidate of the largest expected improvement, times the chance that it meets the SLO.

        Returns:
            None: too few trials to draw a surface through, or no candidates.
        """
        judged = self.trials.judged()
        if len(judged) < LEAST_TRIALS or not candidates:
            return None
        points = coordinates(self.space, [trial.combination for trial in judged])
        there = coordinates(self.space, candidates)
        losses = np.array([loss(trial, self.trials.objective) for trial in judged])
        # how bad the bad half is matters to nobody, and would take the surface's attention from the good one
        surface = Surrogate(points, self._group, np.minimum(losses, np.median(losses)), self.generator)
        held = [trial.combination for trial in judged if (trial.margin or 0.0) <= 0]
        mean, deviation = surface.at(there)
        merit = np.ones(len(candidates))
        if held:  # else what counts is to find something that meets the SLO at all
            best = float(min(surface.at(coordinates(self.space, held))[0]))
            merit = expected_improvement(mean, deviation, best)
        if any(trial.margin is not None for trial in judged):
            merit = merit * self._chance_to_hold(there)
        return dict(candidates[int(np.argmax(merit))])

    def _chance_to_hold(self, there: Floats) -> Floats:
        known = [trial for trial in self.trials.judged() if trial.margin is not None]
        margins = np.array([trial.margin for trial in known], dtype=float)
        points = coordinates(self.space, [trial.combination for trial in known])
        return chance_below(*Surrogate(points, self._group, margins, self.generator).at(there), 0.0)

    def _candidates(self) -> list[Combination]:
        tried = {tuple(sorted(combination.items())) for combination in self.trials.tried()}
        found: dict[tuple[tuple[str, str], ...], Combination] = {}
        bases = self.trials.ranked()[:BASES]
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
