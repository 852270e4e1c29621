"""Ending a run that can no longer matter, by its own one-second rows: far behind the best, or not taking the rate.

Two rows in a row must say so, because one may be a pause. What was seen until then is kept in the exception. Pure.
"""

from loadgen.experiments.run_door import Stopped
from loadgen.report.result import Interval

ROWS = 2


class EarlyEnd:
    """Watches the rows of one run after another (`run_door.RunHere`'s `on_interval`)."""

    def __init__(self) -> None:
        self.below(None)

    def below(self, least_per_s: float | None) -> None:
        """What measured rows of the next run must reach; None: it goes to its end."""
        self._least_per_s = least_per_s
        self._rates: list[float] = []
        self._sent_bytes = 0.0

    def __call__(self, row: Interval) -> None:
        """A row as it is made.

        Raises:
            Stopped: the last `ROWS` measured rows were below.
        """
        self._sent_bytes += row.payload_mib_per_s * row.length_s * (1 << 20)
        if row.phase != "measured" or self._least_per_s is None:
            return
        self._rates = [*self._rates, row.acked_per_s] if row.acked_per_s < self._least_per_s else []
        if len(self._rates) >= ROWS:
            raise Stopped(sum(self._rates) / len(self._rates), self._sent_bytes)
