"""Student's t in closed form: the few values that power and confidence need, without scipy.

Whole degrees of freedom only (a number of runs less one), for which the distribution is a finite sum. Not here: any
test; the gate's own test assumes no distribution (`stats`). These values only say how much a given spread can show.
"""

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()


def student_cdf(t: float, degrees: int) -> float:
    """P(T ≤ t), by the finite trigonometric series of Abramowitz & Stegun 26.7.3 and 26.7.4.

    Args:
        degrees: degrees of freedom, at least 1.
    """
    angle = math.atan2(t, math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = degrees % 2 == 1
    term, total = (cosine, 0.0) if odd else (1.0, 1.0)
    if odd and degrees > 1:
        total = cosine
    for step in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (step - 1) / step
        total += term
    within = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + within / 2


@lru_cache(maxsize=4096)
def student_quantile(probability: float, degrees: int) -> float:
    """The t below which `probability` lies; bisection of `student_cdf`, to 1e-10 of its size.

    Raises:
        ValueError: probability not inside (0, 1) or no degree of freedom.
    """
    if not 0 < probability < 1 or degrees < 1:
        raise ValueError(f"no quantile {probability} of Student's t with {degrees} degrees of freedom")
    if probability < 0.5:
        return -student_quantile(1 - probability, degrees)
    low, high = 0.0, 1.0
    while student_cdf(high, degrees) < probability:
        high *= 2
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def shift_for(share: float, t: float, degrees: int) -> float:
    """How many standard errors the mean must lie away for T > t with probability `share`.

    Noncentral t by Abramowitz & Stegun 26.7.10, solved for the shift; the share is met to about 0.02 from six degrees
    of freedom on, which is what a statement about power needs.
    """
    return t * (1 - 1 / (4 * degrees)) + _NORMAL.inv_cdf(share) * math.sqrt(1 + t * t / (2 * degrees))
