"""The end of sending: wait for answers to a deadline, give the rest up, and say what is left.

Goal: no answer lost and no hang, whatever the broker does. Non-goal: what an answer means.
Place: called by a worker, by the publisher and by shutdown, with the sender's own count of what is outstanding.

Not flush() and not close(): they cannot be woken, wait for the whole message.timeout.ms, and after a fatal error an
exception left pending inside flush() takes delivery reports with it. `len(producer)` is not asked either: it counts
reports not yet served, and what it forgets at the end it forgets silently.
"""

from collections.abc import Callable
from typing import Protocol

from loadgen.clock import Clock

LONGEST_POLL_S = 0.1  # how late `give_up` and the deadline may be noticed
PURGE_GRACE_NS = 2_000_000_000  # purged records are reported within milliseconds; a client that hangs is not waited for


class Drained(Protocol):
    """The part of a Transport that is needed here."""

    def poll(self, timeout_s: float) -> int: ...

    def purge(self) -> None: ...


def _never() -> bool:
    return False


def drain(
    transport: Drained,
    outstanding: Callable[[], int],
    deadline_ns: int,
    clock: Clock,
    give_up: Callable[[], bool] = _never,
) -> int:
    """Serve reports until nothing is outstanding or the time is over, then purge and serve what that reports.

    Args:
        outstanding: records accepted and not yet reported, counted by the sender's own callbacks.
        deadline_ns: on the clock; when it has passed, what is queued or in flight is purged: the first is definite
            (`_PURGE_QUEUE`), the second is not (`_PURGE_INFLIGHT`).
        give_up: true ends the wait at once, as a second signal does.

    Returns:
        how many records were never reported. They are unknown; 0 unless the client broke.
    """
    wait(transport, outstanding, deadline_ns, clock, give_up)
    if outstanding() <= 0:
        return 0
    transport.purge()
    wait(transport, outstanding, clock.now_ns() + PURGE_GRACE_NS, clock)
    return max(outstanding(), 0)


def wait(
    transport: Drained,
    outstanding: Callable[[], int],
    deadline_ns: int,
    clock: Clock,
    give_up: Callable[[], bool] = _never,
) -> int:
    """The waiting half alone: nothing is given up. Returns what is still outstanding."""
    transport.poll(0.0)  # what is there already counts, also when the time is over
    while (left := outstanding()) > 0 and not give_up():
        remaining_s = (deadline_ns - clock.now_ns()) / 1e9
        if remaining_s <= 0:
            return left
        transport.poll(min(LONGEST_POLL_S, remaining_s))
    return max(outstanding(), 0)
