"""The test of the gate: paired log-ratios, every way to flip their signs, and the interval that inverts the test.

The model, stated. A pair is two runs, one of each variant, next to each other in time, their order drawn from a seed.
If the variants are the same then, whatever drifts or spikes the machine had, the draw alone decides which of the two
got the better place: the sign of every log-ratio is a fair coin. So the test is exact for any noise, with no normal
distribution, no equal variances and no independence of what the machine does. What it asks for is the drawn order,
and that the run is the unit: windows inside a run are not independent and never enter.

The statistic. Flipped signs are weighed by the ranks of the log-ratios' sizes (Wilcoxon's signed ranks), not by the
sizes: where one run in twenty comes out at double or half, 16 pairs of equal variants pass a 10 % limit in 84 of 100
gates instead of 50, and without such runs the two are alike (simulated). Ranks also make all 2ⁿ flips countable in
closed form, so nothing is ever sampled. The sum of positive ranks is the number of Walsh averages, means of two
log-ratios or of one with itself, above 0; so their order statistics are the interval, and their median, Hodges and
Lehmann's (Ann. Math. Statist. 1963), the centre. Coverage is exact when log-ratios are symmetric about the true one.
Ties make a p larger than it had to be, never smaller.

Not here: limits and verdicts (`verdict`), how many pairs are enough (`power`), several metrics (`holm`).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loadgen.errors import NotValid
from loadgen.judge.student import student_quantile
from loadgen.report.result import Doubt

Floats = npt.NDArray[np.float64]

MAX_PAIRS = 1_000  # 500,500 Walsh averages and 0.5 s; twenty gates of 36 pairs together are 720
OUTLIER_SPREADS = 6.0
_TIE = 1e-12  # two averages that differ by less, relative to the largest log-ratio, are one


def log_ratios(baseline: Sequence[float], candidate: Sequence[float], metric: str = "metric") -> Floats:
    """ln(candidate ÷ baseline) of each pair; swapping the two negates it exactly.

    Raises:
        NotValid: different numbers of runs, or a value that is missing, not finite, zero or below.
    """
    if len(baseline) != len(candidate):
        raise NotValid(f"{metric}: {len(baseline)} baseline runs, {len(candidate)} candidate runs; a pair needs both")
    for variant, values in (("baseline", baseline), ("candidate", candidate)):
        for index, value in enumerate(values):
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
                raise NotValid(
                    f"{metric} of {variant}, pair {index + 1}, is {value!r}; a ratio needs finite numbers above 0: "
                    "look at that run's result.json"
                )
    # a difference of logarithms, not the logarithm of a quotient: only the former negates to the last bit
    difference: Floats = np.log(np.asarray(candidate, float)) - np.log(np.asarray(baseline, float))
    return difference


@lru_cache(maxsize=64)
def _at_most(pairs: int) -> Floats:
    """P(sum of positive ranks ≤ w) for w = 0 … n(n+1)/2 over all 2ⁿ signs; ranks are added one by one."""
    chance = np.zeros(pairs * (pairs + 1) // 2 + 1)
    chance[0] = 1.0
    for rank in range(1, pairs + 1):
        chance[rank:] += chance[:-rank].copy()
        chance /= 2
    cumulative: Floats = np.cumsum(chance)
    return cumulative


@lru_cache(maxsize=64)
def _two_or_one(pairs: int) -> tuple[Any, Any]:
    return np.triu_indices(pairs)


class SignFlips:
    """All ways to flip the signs of some log-ratios, ready to be asked.

    Attributes:
        pairs: how many log-ratios.
        resolution: the smallest p that can come out, 2⁻ⁿ.
        centre: Hodges and Lehmann's.
    """

    def __init__(self, log_ratio: Sequence[float] | Floats) -> None:
        values = np.asarray(log_ratio, dtype=float)
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise NotValid("the sign-flip test needs at least one pair, and finite log-ratios")
        if len(values) > MAX_PAIRS:
            raise NotValid(f"{len(values)} pairs; the test counts all flips of at most {MAX_PAIRS}: name fewer runs")
        self.pairs = len(values)
        self.resolution = 2.0**-self.pairs
        first, second = _two_or_one(self.pairs)
        self._walsh = np.sort((values[first] + values[second]) / 2)
        self._tie = _TIE * float(np.abs(values).max())
        self.centre = float(np.median(self._walsh))

    def p_above(self, reference: float = 0.0) -> float:
        """One-sided p against "the true log-ratio is at most `reference`"."""
        return self._chance(int(np.count_nonzero(self._walsh <= reference + self._tie)))

    def p_below(self, reference: float = 0.0) -> float:
        """One-sided p against "the true log-ratio is at least `reference`"."""
        return self._chance(int(np.count_nonzero(self._walsh >= reference - self._tie)))

    def lower(self, error: float) -> float:
        """A value that the true log-ratio is below with at most that probability; −inf: too few pairs."""
        rank = self._rank(error)
        return -math.inf if rank < 0 else float(self._walsh[rank])

    def upper(self, error: float) -> float:
        """A value that the true log-ratio is above with at most that probability; inf: too few pairs."""
        rank = self._rank(error)
        return math.inf if rank < 0 else float(self._walsh[-1 - rank])

    def spread(self) -> float:
        """The standard deviation that normal log-ratios would have whose interval is as wide as this one's.

        What the power of this test depends on; one wild pair, which swells the plain deviation, hardly moves it.
        nan below 6 pairs.
        """
        rank = self._rank(0.025)
        if rank < 0:
            return math.nan
        attained = float(_at_most(self.pairs)[rank])
        half_width = float(self._walsh[-1 - rank] - self._walsh[rank]) / 2
        return half_width * math.sqrt(self.pairs) / student_quantile(1 - attained, self.pairs - 1)

    def _chance(self, negative: int) -> float:
        return float(min(1.0, _at_most(self.pairs)[negative]))

    def _rank(self, error: float) -> int:
        """The last rank, from 0, whose Walsh average encloses with that error; −1: none does."""
        return int(np.searchsorted(_at_most(self.pairs), error * (1 + 1e-12), side="right")) - 1


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """What n pairs say about candidate ÷ baseline.

    Attributes:
        log_ratio, log_low, log_high: centre and interval, natural logarithms; ±inf where n is too small for a bound.
        confidence: of the interval, two-sided.
        p_higher, p_lower: one-sided, of "candidate is not higher" and "candidate is not lower".
        spread: of the pairs' log-ratios as a standard deviation (`SignFlips.spread`).
        resolution: the smallest p that these pairs could give.
    """

    pairs: int
    log_ratio: float
    log_low: float
    log_high: float
    confidence: float
    p_higher: float
    p_lower: float
    spread: float
    resolution: float
    doubts: list[Doubt]

    @property
    def ratio(self) -> float:
        return math.exp(self.log_ratio)


def paired(log_ratio: Sequence[float] | Floats, *, confidence: float = 0.95) -> Paired:
    """Centre, interval and both one-sided p-values of paired runs, with what to doubt about them.

    Args:
        log_ratio: of each pair, as `log_ratios` makes them.

    Raises:
        NotValid: no pair, too many, or a log-ratio that is not finite.
    """
    flips = SignFlips(log_ratio)
    error = (1 - confidence) / 2
    return Paired(
        pairs=flips.pairs,
        log_ratio=flips.centre,
        log_low=flips.lower(error),
        log_high=flips.upper(error),
        confidence=confidence,
        p_higher=flips.p_above(),
        p_lower=flips.p_below(),
        spread=flips.spread(),
        resolution=flips.resolution,
        doubts=_doubts(np.asarray(log_ratio, dtype=float), confidence),
    )


def _doubts(values: Floats, confidence: float) -> list[Doubt]:
    found: list[Doubt] = []
    needed = math.ceil(math.log2(2 / (1 - confidence)))
    if len(values) < needed:
        found.append(
            Doubt(
                "few_pairs",
                f"{len(values)} pairs cannot bound a ratio at {confidence:.0%}",
                f"at least {needed} pairs",
            )
        )
    if len(values) > 1 and np.ptp(values) == 0:
        found.append(
            Doubt(
                "no_variation",
                "every pair gives the very same ratio, which measured values do not do",
                "look whether this metric is measured or set",
            )
        )
        return found
    middle = float(np.median(values))
    scatter = float(np.median(np.abs(values - middle))) * 1.4826  # the normal's standard deviation per median deviation
    far = np.abs(values - middle) > OUTLIER_SPREADS * scatter
    if scatter > 0 and len(values) >= needed and far.any():
        where = ", ".join(str(index + 1) for index in np.flatnonzero(far))
        found.append(
            Doubt(
                "outlier_pair",
                f"pair {where} lies more than {OUTLIER_SPREADS:.0f} spreads away from the others",
                "the test holds all the same, less sharply; a quieter host or more pairs",
            )
        )
    return found
