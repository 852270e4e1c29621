"""What a worker holds in memory, and which part of it is copies of its pool."""

import mmap
import os

from bench.instrument_memory import COPIES_LEAST_MIB, resident


def test_a_large_mapping_is_told_apart() -> None:
    """8 MiB touched of a mapping as large as the copies'; the rest of it is address space alone."""
    before = resident(os.getpid())
    with mmap.mmap(-1, COPIES_LEAST_MIB << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as copies:
        for offset in range(0, 8 << 20, mmap.PAGESIZE):
            copies[offset] = 1
        during = resident(os.getpid())

    assert during.copies - before.copies >= 8
    assert during.all >= during.copies
