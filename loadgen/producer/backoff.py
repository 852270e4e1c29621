"""How often, how long and how far apart a record is tried again.

Non-goal: which may be: `retry` knows. Control calls are tried again by `brokers.control_calls`.
"""

import random
from collections.abc import Callable

import msgspec


class RetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How often, how long, how far apart.

    Args:
        tries: in all, the first included; 1 never tries again.
        total_s: from the first hand-over; no try begins later.
        wait_s: the longest wait before the second try; it doubles with each, and the wait itself is uniform between 0
            and that ("full jitter": M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015).
        wait_s_max: the doubling ends here.
    """

    tries: int = 5
    total_s: float = 60.0
    wait_s: float = 0.2
    wait_s_max: float = 5.0

    def wait_before(self, attempt: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds before try number `attempt`, from 2: uniform in [0, min(wait_s_max, wait_s · 2^(attempt − 2)))."""
        return draw() * min(self.wait_s_max, self.wait_s * 2.0 ** min(attempt - 2, 60))
