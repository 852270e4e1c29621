"""The exact sign-flip test of paired differences, and the interval that it inverts to.

Goal: a test that is right for few pairs of any symmetric distribution: were there no difference, each pair's sign
could as well have been the other (Fisher, The Design of Experiments, 1935, §21; the order within a pair is drawn, so
this holds by design and is not an assumption about noise).
Non-goal: many pairs; the 2^n sign patterns are all looked at, so n is at most 20.
"""

from itertools import combinations_with_replacement
from statistics import median

import numpy as np

MOST_PAIRS = 20
_ROUNDING = 1e-12  # relative; sums that are equal but for their order of adding count as equal


def p_value(differences: list[float], shift: float = 0.0) -> float:
    """The share of sign patterns whose sum is as far from zero as the observed one, two-sided.

    Args:
        differences: one a pair.
        shift: the difference under test, taken off each first.

    Raises:
        ValueError: no pairs, or more than 20.
    """
    if not 1 <= len(differences) <= MOST_PAIRS:
        raise ValueError(f"{len(differences)} pairs: 1 … {MOST_PAIRS} can be tested exactly")
    shifted = [difference - shift for difference in differences]
    sums = np.zeros(1)
    for difference in shifted:
        sums = np.concatenate((sums + difference, sums - difference))
    observed = abs(sum(shifted)) - _ROUNDING * sum(map(abs, shifted))
    return float(np.mean(np.abs(sums) >= observed))


def interval(differences: list[float], confidence: float = 0.95) -> tuple[float, float]:
    """The shifts that the test does not reject at 1 − confidence.

    With n pairs the smallest p is 2^(1−n); where that is not below 1 − confidence nothing can be rejected, and the
    interval is (−∞, ∞).
    """
    level = 1 - confidence
    if 2.0 ** (1 - len(differences)) >= level:
        return -np.inf, np.inf
    centre, width = estimate(differences), max(differences) - min(differences) or 1e-12
    return _edge(differences, level, centre, centre - width), _edge(differences, level, centre, centre + width)


def estimate(differences: list[float]) -> float:
    """Hodges and Lehmann's: the median of the means of all pairs of differences, each with itself included."""
    return median((one + other) / 2 for one, other in combinations_with_replacement(differences, 2))


def _edge(differences: list[float], level: float, inside: float, outside: float) -> float:
    """Where p falls below the level between a shift that is kept and one that is rejected, by bisection."""
    while p_value(differences, outside) > level:  # the range of the data may not be enough
        outside += outside - inside
    for _ in range(50):
        middle = (inside + outside) / 2
        if p_value(differences, middle) > level:
            inside = middle
        else:
            outside = middle
    return outside
