"""Poisson arrivals: a unit-rate process in N, so the same inverse carries ramps and steps; no array of the run.

In blocks of 256 expected events: a Poisson count and that many sorted uniforms, all from (seed, producer, block).
"""

import math
from array import array
from bisect import bisect_left, bisect_right

from loadgen.arrivals.curve import RateCurve
from loadgen.events.splitmix import GAMMA, mix64, stream_seed

BLOCK_EVENTS = 256  # expected events of one producer in a block
BLOCKS_KEPT = 64  # 130 KB; with one, pacer and sender would make the same two blocks again in every round
_ARRIVALS_STREAM = 0x1_0000  # from here on one stream a producer; keeps arrivals apart from what makes orders


def _poisson_cumulative(mean: float) -> list[float]:
    """P(X ≤ k) for k = 0, 1, … until nothing is left at double precision."""
    probability, total, cumulative = math.exp(-mean), 0.0, []
    k = 0
    while k < mean or probability > 1e-18:
        total += probability
        cumulative.append(total)
        k += 1
        probability *= mean / k
    return cumulative


_BLOCK_CUMULATIVE = _poisson_cumulative(BLOCK_EVENTS)


class Poisson:
    """Independent arrivals of one producer: exponential gaps at a rate that follows the plan.

    In blocks of 256 expected events: a Poisson count and that many sorted uniforms, all from (seed, producer, block). So
    an arrival is found from its sequence; what is kept is one number a block, 1/256 of the run.
    """

    def __init__(self, curve: RateCurve, producers: int, index: int, seed: int) -> None:
        self.curve, self.producers, self.index = curve, producers, index
        self._stream = stream_seed(seed, _ARRIVALS_STREAM + index)
        self._block_width = float(BLOCK_EVENTS * producers)  # in N, the events of all producers
        self._ends = array("Q")  # events up to and including each block
        # the newest blocks: the pacer asks for the block of now, the sender for that of its next event, a few behind
        self._made: dict[int, list[int]] = {}

    def _draw(self, block: int, position: int) -> float:
        """A uniform of [0, 1) that only the seed, the producer, the block and the position decide."""
        return (mix64(self._stream + ((block << 16) + position) * GAMMA) >> 11) * 2.0**-53

    def _count(self, block: int) -> int:
        return bisect_left(_BLOCK_CUMULATIVE, self._draw(block, 0))

    def _block_of(self, sequence: int) -> int:
        while not self._ends or self._ends[-1] <= sequence:
            block = len(self._ends)
            self._ends.append((self._ends[-1] if self._ends else 0) + self._count(block))
        return bisect_right(self._ends, sequence)

    def _load(self, block: int) -> tuple[int, list[int]]:
        """(sequence of a block's first event, the offsets of its events), made when it is not among the newest."""
        first = self._ends[block - 1] if block else 0
        offsets_ns = self._made.get(block)
        if offsets_ns is None:
            count = self._ends[block] - first
            places = sorted(self._draw(block, position) for position in range(1, count + 1))
            width = self._block_width
            offsets_ns = self.curve.offsets_ns([(block + place) * width for place in places])
            if len(self._made) >= BLOCKS_KEPT:
                del self._made[next(iter(self._made))]
            self._made[block] = offsets_ns
        return first, offsets_ns

    def intended_ns(self, sequence: int) -> int:
        """Offset of an event, ns; 1.1 µs in order, spread over the making of a block (250 µs)."""
        first, offsets_ns = self._load(self._block_of(sequence))
        return offsets_ns[sequence - first]

    def offsets_ns(self, first: int, count: int) -> list[int]:
        """`intended_ns` of a run of sequences: whole blocks at a time."""
        found: list[int] = []
        while len(found) < count:
            sequence = first + len(found)
            block_first, offsets_ns = self._load(self._block_of(sequence))
            found += offsets_ns[sequence - block_first : sequence - block_first + count - len(found)]
        return found

    def due(self, offset_ns: int) -> int:
        """How many events are due by an offset."""
        if offset_ns < 0:
            return 0
        if self.curve.end_ns is not None:
            offset_ns = min(offset_ns, self.curve.end_ns - 1)
        block = int(self.curve.events_at(offset_ns) / self._block_width)
        while len(self._ends) <= block:
            self._block_of(self._ends[-1] if self._ends else 0)
        first, offsets_ns = self._load(block)
        return first + bisect_right(offsets_ns, offset_ns)

    @property
    def limit(self) -> int | None:
        """How many events fall before the plan's end; None without an end."""
        return None if self.curve.end_ns is None else self.due(self.curve.end_ns - 1)
