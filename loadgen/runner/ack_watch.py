"""What the coordinator sees of the acknowledgements while a run goes on: instants and sums, for `report/recovery.py`.

It looks twenty times a second; in a silence whenever the coordinator comes round, every few ms, so that its end is known
that well. An hour is 2 MB. A look costs some 10 µs a worker.
"""

from array import array
from itertools import product

import numpy as np

from loadgen.recorder.slab import Count, Phase, State, set_at
from loadgen.report.recovery import Looks
from loadgen.runner.team import Member

EVERY_NS = 50_000_000
SILENT_NS = 200_000_000  # from here on the end of a silence is worth a look of its own
ENDED = (Count.REJECTED, Count.ACKED, Count.FAILED, Count.UNKNOWN)


class AckWatch:
    """Looks at the slabs of a team from the measured phase on, as long as something is sent or owed.

    Args:
        members: the workers; one that was killed keeps its last sums.
    """

    def __init__(self, members: list[Member]) -> None:
        self._members = members
        self._cells = [_cells(member.producers) for member in members]
        self._kept = (array("q"), array("q"), array("q"))
        self._before = (0, -1, 0)
        self._sending_until_ns = 0

    def look(self, now_ns: int) -> None:
        """Take a look when it is time, or when a silence may end; kept when it tells something new."""
        before, instants = self._before, self._kept[0]
        silent, due = before[0] - before[2] >= SILENT_NS, not instants or now_ns - instants[-1] >= EVERY_NS
        if not (silent or due):
            return
        self._before = seen = (now_ns, self._sum(Count.ACKED), self._last_ack_ns())
        if instants and silent and seen[1] != before[1] and before[0] > instants[-1]:
            self._keep(before)
        if not due:
            return
        if any(member.state == State.RUNNING and member.exit is None for member in self._members):
            self._sending_until_ns = now_ns
        elif self._sum(Count.ATTEMPTED) <= sum(self._sum(name) for name in ENDED):
            return
        self._keep(seen)

    def looks(self) -> Looks:
        """Everything that was kept."""
        at_ns, acked, last_ack_ns = (np.array(column, dtype=np.int64) for column in self._kept)
        return Looks(at_ns, acked, last_ack_ns, self._sending_until_ns)

    def _keep(self, look: tuple[int, int, int]) -> None:
        for column, value in zip(self._kept, look, strict=True):
            column.append(value)

    def _sum(self, name: Count) -> int:
        return sum(
            int(member.words[cells + name].sum()) for member, cells in zip(self._members, self._cells, strict=True)
        )

    def _last_ack_ns(self) -> int:
        return max(
            int(member.words[cells + Count.LAST_ACK_NS].max())
            for member, cells in zip(self._members, self._cells, strict=True)
        )


def _cells(producers: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """The first word of every set of a slab."""
    return np.array([set_at(slot, phase) for slot, phase in product(range(producers), Phase)], dtype=np.int64)
