"""A share with the interval that holds the true one: k of n, by Clopper and Pearson (Biometrika 1934)."""

import math
from collections.abc import Callable

STEPS = 60  # of the bisection


def share_interval(found: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """The shares that k of n does not speak against, two-sided.

    Raises:
        ValueError: nothing counted, or more found than there were.
    """
    if not 0 <= found <= of or of < 1:
        raise ValueError(f"{found} of {of} is no share")
    error = (1 - confidence) / 2
    low = 0.0 if found == 0 else _root(lambda share: at_least(found, of, share) - error)
    high = 1.0 if found == of else _root(lambda share: error - (1 - at_least(found + 1, of, share)))
    return low, high


def at_least(found: int, of: int, share: float) -> float:
    """P(X ≥ found) of a binomial X."""
    if share in {0.0, 1.0}:
        return float(found == 0 or share == 1.0)
    terms = range(found, of + 1) if found > of * share else range(found)
    total = math.fsum(_term(of, count, share) for count in terms)
    return total if found > of * share else 1 - total


def _term(of: int, count: int, share: float) -> float:
    choices = math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)
    return math.exp(choices + count * math.log(share) + (of - count) * math.log1p(-share))


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
