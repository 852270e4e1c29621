"""slab.h and slab.py are one layout; the cells are histogram.py's."""

from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen import native
from loadgen.native import _native
from loadgen.native._native import Client
from loadgen.recorder import histogram, slab
from loadgen.recorder.slab import SET_WORDS, Count, Metric, Phase, Slab, histogram_at, metric_sum_at, set_at


def _python_number(name: str) -> int:
    first, _, rest = name.partition(".")
    found = getattr(slab, first)
    return int(found[rest]) if rest else int(found)


def test_every_number_of_slab_h_is_that_of_slab_py() -> None:
    """Two descriptions of one memory agree on each word that C touches."""
    expected = {name: _python_number(name) for name in native.load().LAYOUT}

    assert expected == native.load().LAYOUT
    assert len(expected) > 50


def test_metrics_and_phases_are_complete() -> None:
    """An enum member added on one side only would shift what lies behind it."""
    enums: tuple[type[IntEnum], ...] = (Metric, Phase)
    for enum in enums:
        names = {f"{enum.__name__}.{member.name}" for member in enum}

        assert names == {name for name in native.load().LAYOUT if name.startswith(f"{enum.__name__}.")}


@given(st.integers(0, histogram.MAX_VALUE_US) | st.integers(0, 32).map(lambda bit: min(1 << bit, (1 << 32) - 1)))
def test_cells_are_those_of_the_histogram(value_us: int) -> None:
    """C and Python count a value in the same cell, the edges of every doubling included."""
    assert histogram.cell_of(value_us) == _native.cell_of(value_us)


@pytest.mark.parametrize("value_us", [-1, 1 << 32])
def test_values_outside_have_no_cell(value_us: int) -> None:
    """Neither side clips."""
    with pytest.raises((ValueError, OverflowError)):
        _native.cell_of(value_us)


@pytest.mark.parametrize(
    ("value_us", "recorded", "overflow", "negative"),
    [
        (0, 0, 0, 0),
        (1234567, 1234567, 0, 0),
        ((1 << 32) - 1, (1 << 32) - 1, 0, 0),
        (1 << 32, None, 1, 0),
        (-3, 0, 0, 1),
    ],
)
def test_a_value_is_counted_as_the_python_instrument_counts_it(
    slab: Slab, client: Client, value_us: int, recorded: int | None, overflow: int, negative: int
) -> None:
    """Sum, maximum, cell, overflow and values below zero."""
    client.count_value(Phase.MEASURED, Metric.RESPONSE, value_us)

    words, set_words = slab.words, set_at(1, Phase.MEASURED)
    sum_at = metric_sum_at(1, Phase.MEASURED, Metric.RESPONSE)
    cells_at = histogram_at(1, Phase.MEASURED, Metric.RESPONSE)
    counted = [cell for cell in range(histogram.CELLS) if words[cells_at + cell]]
    assert counted == ([] if recorded is None else [histogram.cell_of(recorded)])
    assert [max(value_us, 0), max(value_us, 0), overflow] == words[sum_at : sum_at + 3].tolist()
    assert negative == words[set_words + Count.NEGATIVE]
    with slab.words[set_at(0, Phase.WARMUP) : set_at(0, Phase.MEASURED) + SET_WORDS] as other_slot:
        assert not any(other_slot)


def test_a_slab_of_another_layout_is_refused(slab: Slab) -> None:
    """Memory that another version wrote is not counted into."""
    slab.words[1] += 1

    with pytest.raises(ValueError, match="slab layout 2, the C part has layout 1"):
        native.load().Client(slab.words, 0, "native")


@pytest.mark.parametrize(("size", "slot", "reason"), [(10, 0, "no slab"), (None, 2, "slot 2"), (None, -1, "slot -1")])
def test_memory_that_is_no_slab_is_refused(slab: Slab, size: int | None, slot: int, reason: str) -> None:
    """Too short, or a slot that is not there."""
    words = slab.words if size is None else memoryview(bytearray(8 * size))

    with pytest.raises(ValueError, match=reason):
        native.load().Client(words, slot, "native")
