"""A smooth guess of what no trial has tried yet: a Gaussian process over the settings, in numpy. Pure.

Sixty noisy trials of eight settings are few for an estimator of densities and enough for a smooth surface: settings that
are near each other do about the same, and which of them matter is learnt as a length for each (Matérn 5/2 kernel,
Rasmussen & Williams 2006, chapter 4; lengths, noise and how much each acts by itself by the best marginal likelihood of
random draws, seeded). What is tried next is where the
expected improvement, times the chance that the SLO holds, is largest (Schonlau et al. 1998).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from loadgen.experiments.grid import Combination, Parameter

Floats = npt.NDArray[np.float64]

DRAWS = 80  # of lengths and noise; 60 trials take 40 ms
LEAST_TRIALS = 6
JITTER = 1e-8


def coordinates(space: Sequence[Parameter], combinations: Sequence[Combination]) -> Floats:
    """Each combination as a point: an ordered parameter by its place in 0 … 1, another by one column for each value."""
    columns: list[list[float]] = []
    for parameter in space:
        places = [parameter.values.index(combination[parameter.name]) for combination in combinations]
        if parameter.is_ordered:
            columns.append([place / (len(parameter.values) - 1) for place in places])
        else:
            columns += [
                [math.sqrt(0.5) * (place == value) for place in places] for value in range(len(parameter.values))
            ]
    return np.array(columns, dtype=float).T.reshape(len(combinations), -1)


def groups(space: Sequence[Parameter]) -> npt.NDArray[np.int64]:
    """Which parameter each column of `coordinates` is of, so that all columns of one share a length."""
    widths = [1 if parameter.is_ordered else len(parameter.values) for parameter in space]
    return np.repeat(np.arange(len(widths)), widths)


class Surrogate:
    """A fitted surface: mean and standard deviation anywhere.

    Args:
        points: as `coordinates` makes them; group: as `groups`.
        values: one for each point.
    """

    def __init__(
        self, points: Floats, group: npt.NDArray[np.int64], values: Floats, generator: np.random.Generator
    ) -> None:
        self._points, self._group = points, group
        self._centre, self._scale = float(values.mean()), float(values.std()) or 1.0
        targets = (values - self._centre) / self._scale
        best: tuple[float, Any] | None = None
        parameters = int(group.max()) + 1
        for _ in range(DRAWS):
            lengths = np.exp(generator.normal(0.0, 1.0, parameters))
            alone = float(generator.uniform(0.0, 1.0))
            noise = math.exp(generator.uniform(math.log(1e-3), math.log(0.3)))
            scaled = points / lengths[group]
            fitted = _fit(_kernel(scaled, scaled, group, alone), targets, noise)
            if fitted is not None and (best is None or fitted[0] > best[0]):
                best = fitted[0], (lengths, alone, *fitted[1:])
        assert best is not None  # the noise keeps every kernel matrix positive
        self._lengths, self._alone, self._factor, self._weights = best[1]

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the surface, without the noise of a run."""
        lengths = self._lengths[self._group]
        cross = _kernel(points / lengths, self._points / lengths, self._group, self._alone)
        mean = cross @ self._weights
        solved = np.linalg.solve(self._factor, cross.T)
        variance = np.maximum(1.0 - (solved**2).sum(axis=0), 1e-10)
        return mean * self._scale + self._centre, np.sqrt(variance) * self._scale


def _matern(a: Floats, b: Floats) -> Floats:
    squares = np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T, 0.0)
    scaled = np.sqrt(5.0 * squares)
    kernel: Floats = (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
    return kernel


def _kernel(a: Floats, b: Floats, group: npt.NDArray[np.int64], alone: float) -> Floats:
    """A mixture: settings that act each by itself (a mean of kernels), and settings that act together (one of all)."""
    together = _matern(a, b)
    each = [_matern(a[:, group == number], b[:, group == number]) for number in range(int(group.max()) + 1)]
    mixed: Floats = alone * sum(each) / len(each) + (1 - alone) * together
    return mixed


def _fit(kernel: Floats, targets: Floats, noise: float) -> tuple[float, Any, Any] | None:
    try:
        factor = np.linalg.cholesky(kernel + (noise + JITTER) * np.eye(len(kernel)))
    except np.linalg.LinAlgError:
        return None
    weights = np.linalg.solve(factor.T, np.linalg.solve(factor, targets))
    likelihood = -0.5 * float(targets @ weights) - float(np.log(np.diag(factor)).sum())
    return likelihood, factor, weights


def expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """How far below `best` a value is expected to fall, counting what lies above as nothing."""
    distance = (best - mean) / deviation
    found: Floats = deviation * (
        distance * _normal_below(distance) + np.exp(-(distance**2) / 2) / math.sqrt(2 * math.pi)
    )
    return found


def chance_below(mean: Floats, deviation: Floats, bound: float) -> Floats:
    """The probability that a value lies below a bound."""
    return _normal_below((bound - mean) / deviation)


def _normal_below(z: Floats) -> Floats:
    found: Floats = np.array([0.5 * math.erfc(-each / math.sqrt(2)) for each in z])
    return found
