"""The slab: one memory, two processes, one layout."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest

from loadgen.recorder import slab as layout
from loadgen.recorder.slab import Count, Header, Metric, Phase, Slab, SlabMismatch, Slot


def test_another_process_sees_what_is_written_here() -> None:
    """A slab handed over by its descriptor is the same memory, and outlives the process that wrote into it."""
    slab = Slab.create(2)
    code = (
        "import sys; from loadgen.recorder.slab import *;"
        "s = Slab.attach(int(sys.argv[1])); s.words[set_at(1, Phase.MEASURED) + Count.ACKED] = 77"
    )
    subprocess.run([sys.executable, "-c", code, str(slab.descriptor)], pass_fds=[slab.descriptor], check=True)

    assert slab.words[layout.set_at(1, Phase.MEASURED) + Count.ACKED] == 77


@pytest.mark.parametrize("word", [Header.MAGIC, Header.LAYOUT_VERSION, Header.PRODUCERS])
def test_a_slab_of_another_layout_is_refused(word: Header) -> None:
    """A worker of another version does not write into memory that it would misread."""
    slab = Slab.create(1)
    slab.words[word] += 1

    with pytest.raises(SlabMismatch):
        Slab.attach(slab.descriptor)


def test_a_short_file_is_no_slab() -> None:
    """An empty descriptor is refused, not mapped."""
    descriptor = os.memfd_create("nothing")

    with pytest.raises(SlabMismatch, match="no slab"):
        Slab.attach(descriptor)


def test_no_two_things_share_a_word() -> None:
    """Sets, histograms, counters and headers of all producers lie side by side."""
    blocks = [(0, layout.HEADER_WORDS), (layout.CONTROL_AT, layout.CONTROL_AT + layout.CELLS)]
    for slot in range(2):
        at = layout.producer_at(slot)
        blocks.append((at, at + layout.SLOT_WORDS))
        blocks.append((at + layout.RING_AT, at + layout.SETS_AT))
        for phase in Phase:
            first = layout.set_at(slot, phase)
            blocks.append((first, first + layout.HISTOGRAMS_AT))
            for metric in Metric:
                cell = layout.histogram_at(slot, phase, metric)
                blocks.append((cell, cell + layout.CELLS))
    blocks.sort()

    assert all(end <= begin for (_, end), (begin, _) in pairwise(blocks))
    assert blocks[-1][1] == layout.words_for(2)
    assert max(Slot) < layout.SLOT_WORDS
    assert max(Header) < layout.HEADER_WORDS
    assert (
        layout.metric_sum_at(0, Phase.WARMUP, Metric.REQUEST_RTT) + 4
        <= layout.set_at(0, Phase.WARMUP) + layout.COUNT_WORDS
    )


def test_a_new_slab_is_empty_and_knows_no_measured_phase() -> None:
    """Counters begin at zero; the first measured sequence is not known yet."""
    slab = Slab.create(1)

    assert slab.words[layout.producer_at(0) + Slot.FIRST_MEASURED] == layout.NOT_YET
    assert not any(slab.words[layout.set_at(0, Phase.WARMUP) : layout.words_for(1)])
