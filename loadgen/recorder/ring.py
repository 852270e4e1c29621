"""The ring of records that were not delivered: sequence and code, in the slab, from whichever instrument saw it.

The C instrument writes it from librdkafka's threads; the Python one through `Ring.put`. It holds the first 4,096 of a
producer; more are counted as overflow. The coordinator reads it after the run and makes the records again.
"""

from loadgen.recorder.slab import CODE_OFFSET, RING_AT, RING_COLUMNS, RING_ENTRIES, Slab, Slot, producer_at


class Ring:
    """One producer's ring.

    Args:
        slab, slot: where.
    """

    def __init__(self, slab: Slab, slot: int) -> None:
        self._words = slab.words
        self._slot_at = producer_at(slot)

    def put(self, sequence: int, code: int) -> None:
        """Note an undelivered record; when the ring is full it is counted."""
        words, head_at = self._words, self._slot_at + Slot.RING_HEAD
        place = words[head_at]
        if place >= RING_ENTRIES:
            words[self._slot_at + Slot.RING_OVERFLOW] += 1
            return
        entry = self._slot_at + RING_AT + place * RING_COLUMNS
        words[entry], words[entry + 1] = sequence, code + CODE_OFFSET
        words[head_at] = place + 1

    def read(self) -> list[tuple[int, int]]:
        """(sequence, code) of what it holds, oldest first."""
        words = self._words
        held: list[tuple[int, int]] = []
        for place in range(min(words[self._slot_at + Slot.RING_HEAD], RING_ENTRIES)):
            entry = self._slot_at + RING_AT + place * RING_COLUMNS
            if words[entry + 1]:  # 0: its writer was killed between two stores
                held.append((words[entry], words[entry + 1] - CODE_OFFSET))
        return held

    @property
    def overflow(self) -> int:
        """Records that found it full."""
        return int(self._words[self._slot_at + Slot.RING_OVERFLOW])
