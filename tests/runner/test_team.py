"""What a worker that died leaves in its slab is booked so that nothing which may be in the log goes uncounted."""

import pytest

from loadgen.recorder.slab import NOT_YET, Count, Phase, Slab, Slot, producer_at, set_at
from loadgen.report.merge import messages, tally, view
from loadgen.runner.team import book_announced


def dead(first_measured: int, warmup: int, measured: int, announced: int, acked: int) -> Slab:
    """The slab of a worker with one producer that had counted so many and announced more."""
    slab = Slab.create(1)
    slab.words[producer_at(0) + Slot.FIRST_MEASURED] = first_measured
    slab.words[producer_at(0) + Slot.NEXT_SEQUENCE] = announced
    for phase, attempted in ((Phase.WARMUP, warmup), (Phase.MEASURED, measured)):
        slab.words[set_at(0, phase) + Count.ATTEMPTED] = attempted
    slab.words[set_at(0, Phase.MEASURED) + Count.ACKED] = acked
    return slab


@pytest.mark.parametrize(
    ("first_measured", "warmup", "measured", "announced", "expected"),
    [
        (100, 100, 50, 214, (100, 114)),  # died in a batch of the measured phase
        (100, 36, 0, 100, (100, 0)),  # in one of the warm-up
        (100, 100, 0, 164, (100, 64)),  # in the first one of the measured phase
        (NOT_YET, 200, 0, 264, (264, 0)),  # flat out, still warming up
        (100, 100, 50, 150, (100, 50)),  # between two batches: nothing to add
        (0, 0, 0, 1, (0, 1)),  # no warm-up, the very first batch
    ],
)
def test_a_batch_that_was_announced_was_attempted(
    first_measured: int, warmup: int, measured: int, announced: int, expected: tuple[int, int]
) -> None:
    """In the phase of its sequences, once; a batch that was counted is not counted again."""
    slab = dead(first_measured, warmup, measured, announced, acked=0)

    book_announced(slab, 1)
    book_announced(slab, 1)

    told = tuple(messages(tally([(view(slab), 1)], phase)).attempted for phase in Phase)
    assert told == expected


def test_acknowledgements_of_a_batch_that_nobody_counted_leave_nothing_negative() -> None:
    """The broker answers while the batch is still handed over: without its announcement `open` would be below zero."""
    slab = dead(0, 0, 1000, 1500, acked=1400)

    book_announced(slab, 1)

    assert messages(tally([(view(slab), 1)], Phase.MEASURED)).open == 100
