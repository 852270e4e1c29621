"""Whether each producer's sequences rise in each partition, a batch at a time."""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SEQUENCE_BITS = 40  # sequences are below 10¹² < 2⁴⁰; what is left of 63 bits numbers the pairs of one batch


class Rising:
    """The highest sequence read so far, by producer and partition: 8 bytes a pair.

    Args:
        producers, partitions: how many.
    """

    def __init__(self, producers: int, partitions: int) -> None:
        self.partitions = partitions
        self.highest = np.full(producers * partitions, -1, np.int64)

    def check(self, producers: Integers, partitions: Integers, sequences: Integers) -> Flags:
        """Which records came after a higher sequence of their producer in their partition. 150 ns a record.

        A running maximum over all pairs at once: behind a stable sort by pair, the pair's number goes above the
        sequence, so that a pair's maximum never reaches into the next.
        """
        fallen = np.zeros(len(sequences), np.bool_)
        if not len(sequences):
            return fallen
        pairs = producers * self.partitions + partitions
        order = np.argsort(pairs, kind="stable")
        pairs, ordered = pairs[order], sequences[order]
        starts = np.concatenate(([True], pairs[1:] != pairs[:-1]))
        rank = (np.cumsum(starts) - 1) << SEQUENCE_BITS
        value = rank + ordered + 1  # 0 stands for "none yet"
        before = rank + self.highest[pairs] + 1
        running = np.maximum.accumulate(np.maximum(value, before))
        previous = np.where(starts, before, np.concatenate(([0], running[:-1])))
        fallen[order] = value < previous
        ends = np.concatenate((starts[1:], [True]))
        self.highest[pairs[ends]] = (running[ends] & ((1 << SEQUENCE_BITS) - 1)) - 1
        return fallen
