"""How often, how long and how far apart something is tried again: one rule for records and for control calls.

Non-goal: what may be tried again: `retry.py` knows of records, whoever calls `again` of its own calls.
"""

import random
from collections.abc import Callable
from itertools import count
from typing import TypeVar

import msgspec

from loadgen.clock import Clock, SystemClock

Result = TypeVar("Result")


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


def again(
    call: Callable[[], Result],
    passes: Callable[[Exception], bool],
    settings: RetrySettings = RetrySettings(tries=6, total_s=10.0, wait_s=0.1, wait_s_max=2.0),  # noqa: B008  # frozen
    clock: Clock | None = None,
) -> Result:
    """The result of a control call (an offset, a topic's shape), tried again with the same backoff and jitter.

    Args:
        passes: whether an exception is of a kind that can pass by itself.
        settings: `total_s` is from now on; no try begins later.

    Raises:
        the last exception, when it does not pass, or the tries or the time are used up.
    """
    clock = clock or SystemClock()
    end_ns = clock.now_ns() + round(settings.total_s * 1e9)
    for attempt in count(2):
        try:
            return call()
        except Exception as error:
            wait_ns = round(settings.wait_before(attempt) * 1e9)
            if not passes(error) or attempt > settings.tries or clock.now_ns() + wait_ns > end_ns:
                raise
        clock.sleep_ns(wait_ns)
    raise AssertionError("never reached: the last try returns or raises")
