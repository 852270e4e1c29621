"""What a gate can see: the smallest change that n pairs of a given spread show, and how often a gate ends how.

Normal theory over the pairs' log-ratios, only to plan and to inform; no verdict rests on it. `spread` is the standard
deviation of the pairs' log-ratios, changes are natural logarithms of ratios.
"""

import math
from functools import lru_cache
from statistics import NormalDist, fmean

from loadgen.judge.student import shift_for, student_quantile

POWER = 0.9
_STEPS = 100
_NORMAL = NormalDist()


def standard_error(spread: float, pairs: int) -> float:
    """Of the mean log-ratio."""
    return spread / math.sqrt(pairs)


def smallest_detectable(spread: float, pairs: int, *, error: float, power: float = POWER, limit: float = 0.0) -> float:
    """The log-ratio that raises an alarm with probability `power`: (t₁₋ₑ + t_power) · spread ÷ √n.

    With a limit the estimate must also lie beyond it: nothing below limit + t_power · spread ÷ √n is caught as often.

    Returns:
        inf when there are fewer than two pairs, or so few that no p can reach `error`.
    """
    if pairs < 2 or math.isnan(spread) or 2.0**-pairs > error:
        return math.inf
    unit = standard_error(spread, pairs)
    reach = student_quantile(power, pairs - 1) * unit
    return max(student_quantile(1 - error, pairs - 1) * unit, limit) + reach


@lru_cache(maxsize=64)
def _spread_ratios(degrees: int) -> tuple[float, ...]:
    """Equally likely values of measured ÷ true spread: √(χ² ÷ ν), by Wilson and Hilferty's cube (PNAS 1931)."""
    unit = 2 / (9 * degrees)
    middles = ((step + 0.5) / _STEPS for step in range(_STEPS))
    return tuple(max(1 - unit + _NORMAL.inv_cdf(middle) * math.sqrt(unit), 0.0) ** 1.5 for middle in middles)


def alarm_probability(change: float, spread: float, pairs: int, *, error: float, limit: float = 0.0) -> float:
    """How often a true loss of `change` ends in an alarm at one look: significant, and estimated beyond the limit.

    The estimate must exceed the larger of the limit and t · measured spread ÷ √n; averaged over that spread.
    """
    if 2.0**-pairs > error or pairs < 2:
        return 0.0
    if spread == 0:
        return float(change > limit)
    unit, t = standard_error(spread, pairs), student_quantile(1 - error, pairs - 1)
    thresholds = (max(limit, t * ratio * unit) for ratio in _spread_ratios(pairs - 1))
    return fmean(1 - _NORMAL.cdf((threshold - change) / unit) for threshold in thresholds)


def pass_probability(limit: float, spread: float, pairs: int, *, error: float, change: float = 0.0) -> float:
    """How often a true loss of `change` ends in PASS: the upper bound of the loss below the limit."""
    if 2.0**-pairs > error or pairs < 2:
        return 0.0
    if spread == 0:
        return float(change < limit)
    unit, t = standard_error(spread, pairs), student_quantile(1 - error, pairs - 1)
    return fmean(_NORMAL.cdf((limit - t * ratio * unit - change) / unit) for ratio in _spread_ratios(pairs - 1))


def tightest_limit(spread: float, pairs: int, *, error: float, share: float = 0.95) -> float:
    """The smallest limit (a log-ratio) that two equal variants pass that often: `pass_probability` solved for it."""
    if 2.0**-pairs > error or pairs < 2:
        return math.inf
    threshold = student_quantile(1 - error, pairs - 1)
    return standard_error(spread, pairs) * shift_for(share, threshold, pairs - 1)
