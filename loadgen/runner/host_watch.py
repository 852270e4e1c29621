"""A control beside the run: a thread that only sleeps, so what it oversleeps is the host's doing, not ours.

Its histogram says how late a process that asks for nothing is woken; the pacer's lateness is judged against it (jHiccup's
idea). It lives in the coordinator, which holds no lock of a sending process. 100 wake-ups a second: 0.2 % of a core.
"""

import threading
import time

from loadgen.recorder.histogram import CELLS, MAX_VALUE_US, cell_of, quantiles_us

SLEEP_S = 0.01


class HostWatch:
    """Records by how much bare sleeps overshoot, in µs."""

    def __init__(self) -> None:
        self.counts = [0] * CELLS
        self.longest_us = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="host-watch", daemon=True)

    def _watch(self) -> None:
        while not self._ended.is_set():
            before_ns = time.monotonic_ns()
            time.sleep(SLEEP_S)
            late_us = max((time.monotonic_ns() - before_ns) // 1000 - round(SLEEP_S * 1e6), 0)
            self.counts[cell_of(min(late_us, MAX_VALUE_US))] += 1
            self.longest_us = max(self.longest_us, late_us)

    def start(self) -> None:
        self._thread.start()

    def reset(self) -> None:
        """Forget what was seen so far: the measured phase begins."""
        self.counts = [0] * CELLS
        self.longest_us = 0

    def stop(self) -> None:
        """End the thread; it is gone within one sleep."""
        self._ended.set()
        self._thread.join()

    def p99_us(self) -> float | None:
        """99 % of the sleeps were late by less; None before the first."""
        return quantiles_us(self.counts, [0.99])[0] if any(self.counts) else None
