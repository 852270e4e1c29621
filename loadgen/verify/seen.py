"""Which events were read: one bit each, 12.5 MB for 100 million."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from loadgen.recorder.outcomes import Outcome, Outcomes

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
CHUNK_SEQUENCES = 1 << 20  # looked at together at the end: a few MB, whatever the run's size


class Seen:
    """A bit for every event that a run attempted, all producers end to end.

    Args:
        attempted: sequences of each producer.

    Attributes:
        bits: 8 events a byte, low bits first; every producer begins a byte of its own.
    """

    def __init__(self, attempted: Sequence[int]) -> None:
        self.attempted = np.asarray(attempted, np.int64)
        self.firsts = np.zeros(len(attempted) + 1, np.int64)
        np.cumsum(-(-self.attempted // 8) * 8, out=self.firsts[1:])
        self.bits = np.zeros(int(self.firsts[-1]) // 8, np.uint8)

    def places(self, producers: Integers, sequences: Integers) -> Integers:
        """The bit of each event."""
        places: Integers = self.firsts[producers] + sequences
        return places

    def mark(self, places: Integers) -> Flags:
        """Note events as read; which of them had been read before, here or earlier in the same call. 120 ns each."""
        repeated = np.zeros(len(places), np.bool_)
        if not len(places):
            return repeated
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        again = np.zeros(len(places), np.bool_)
        again[1:] = ordered[1:] == ordered[:-1]
        at, mask = ordered >> 3, np.left_shift(1, ordered & 7).astype(np.uint8)
        again |= (self.bits[at] & mask) != 0
        repeated[order] = again
        starts = np.flatnonzero(np.concatenate(([True], at[1:] != at[:-1])))
        self.bits[at[starts]] |= np.bitwise_or.reduceat(mask, starts)
        return repeated

    def marked(self, producer: int, first: int, count: int) -> Flags:
        """Whether each of `count` events from `first` (a multiple of 8) on was read."""
        start = int(self.firsts[producer] + first) // 8
        block = np.unpackbits(self.bits[start : start + -(-count // 8)], bitorder="little")
        flags: Flags = block[:count].view(np.bool_)
        return flags

    def merge(self, bits: npt.NDArray[np.uint8]) -> int:
        """Add what another reader of other partitions saw; how many events both had seen."""
        both = (
            int(np.bitwise_count(self.bits & bits).sum()) if hasattr(np, "bitwise_count") else _ones(self.bits & bits)
        )
        self.bits |= bits
        return both


def _ones(bits: npt.NDArray[np.uint8]) -> int:
    return int(_ONES[bits].sum())


_ONES = np.array([bin(value).count("1") for value in range(256)], np.int64)


class Settled:
    """What the log says of each outcome.

    Attributes:
        acked: how many were; `lost` of them were not read.
        unknown_found, failed_found, rejected_found: read although not acknowledged.
        first_lost: (producer, sequence) of the first few.
    """

    def __init__(self, seen: Seen, claimed: Seen | None, outcomes: Outcomes, *, examples: int) -> None:
        self.acked = self.lost = self.unknown_found = self.failed_found = self.rejected_found = 0
        self.first_lost: list[tuple[int, int]] = []
        for producer, attempted in enumerate(seen.attempted.tolist()):
            kept = min(outcomes.producers[producer].kept, attempted)
            for first in range(0, kept, CHUNK_SEQUENCES):
                count = min(CHUNK_SEQUENCES, kept - first)
                cells = np.frombuffer(outcomes.cells[producer], np.uint8)[first // 4 : (first + count + 3) // 4]
                outcome = ((cells[:, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3).reshape(-1)[:count]
                read = seen.marked(producer, first, count)
                acked = outcome == Outcome.ACKED
                missing = acked & ~read
                if claimed is not None:
                    missing &= ~claimed.marked(producer, first, count)
                self.acked += int(acked.sum())
                lost = int(missing.sum())
                if lost and len(self.first_lost) < examples:
                    room = examples - len(self.first_lost)
                    self.first_lost += [(producer, first + int(at)) for at in np.flatnonzero(missing)[:room]]
                self.lost += lost
                self.unknown_found += int((read & (outcome == Outcome.UNKNOWN)).sum())
                self.failed_found += int((read & (outcome == Outcome.FAILED)).sum())
                self.rejected_found += int((read & (outcome == Outcome.REJECTED)).sum())
