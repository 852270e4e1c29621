"""The one clock: CLOCK_MONOTONIC in nanoseconds, and a clock turned by hand for tests.

Nothing that is measured reads the wall clock. `time.monotonic_ns` is CLOCK_MONOTONIC on Linux, the same
counter in every process of a host, so an instant taken in one process can be subtracted from one taken in another.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What the pacer and the drain need of time."""

    def now_ns(self) -> int:
        """Nanoseconds of a counter that only grows."""
        ...

    def sleep_ns(self, duration_ns: int) -> None:
        """Return after about that long; never before a positive duration has passed."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    now_ns = staticmethod(time.monotonic_ns)  # 45 ns a call

    @staticmethod
    def sleep_ns(duration_ns: int) -> None:
        if duration_ns > 0:
            time.sleep(duration_ns / 1e9)


class ManualClock:
    """A clock turned by hand: sleeping moves it, nothing else does.

    Args:
        start_ns: what it shows first.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self.slept_ns: list[int] = []

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_ns(self, duration_ns: int) -> None:
        self.slept_ns.append(duration_ns)
        self.advance_ns(max(duration_ns, 0))

    def advance_ns(self, duration_ns: int) -> None:
        """Let that much time pass."""
        self._now_ns += duration_ns
