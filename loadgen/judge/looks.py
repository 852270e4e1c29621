"""When to look at the pairs, and how much of the error each look may spend.

Looking twice at growing data is two chances of being wrong. Every look therefore gets an equal part of α, and a rerun
of the whole gate (`--tries`) an equal part of that: a sum of probabilities, true whatever the looks have in common.
Nothing is stored between reruns: a CI forgets, so the number of tries is said beforehand.
"""

import math

import msgspec

from loadgen.errors import UsageError

ALARM_ERROR = 0.01  # false alarms of a gate, all its deciding metrics, looks and tries together
PASS_ERROR = 0.025  # of passing a loss as large as the limit, the same
DEFAULT_PAIRS = 16
FIRST_LOOK = 0.75  # share of the pairs: 12 of 16
LEAST_PAIRS = 7  # 2⁻⁷ is the first sign-flip p below 0.01


class Looks(msgspec.Struct, frozen=True):
    """The plan: after how many pairs to look, and at which levels.

    Attributes:
        pairs: ascending; the last is the most that is run.
        alarm_error, pass_error: of one look.
    """

    pairs: tuple[int, ...]
    alarm_error: float
    pass_error: float


def plan_looks(
    pairs: int = DEFAULT_PAIRS, *, tries: int = 1, alarm_error: float = ALARM_ERROR, pass_error: float = PASS_ERROR
) -> Looks:
    """Looks after three quarters of the pairs and after all of them; one look below 9 pairs.

    Args:
        pairs: the most pairs to run.
        tries: how many times this gate may be started on one change; each may spend its part only.

    Raises:
        UsageError: pairs or tries below 1.
    """
    if pairs < 1 or tries < 1:
        raise UsageError(f"--pairs {pairs} --tries {tries}: both start at 1")
    first = math.floor(pairs * FIRST_LOOK)
    at = (first, pairs) if pairs > LEAST_PAIRS + 1 and first >= LEAST_PAIRS else (pairs,)
    return Looks(at, alarm_error / tries / len(at), pass_error / tries / len(at))
