"""End-to-end latencies: planned instants in columns, and a slab that holds what a record at a time would give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.arrivals.plan import Piece, schedule
from loadgen.consumer.end_to_end import EndToEnd, PlannedInstants, cells_of
from loadgen.consumer.identity import BEFORE_IN_VALUE
from loadgen.consumer.plan import ConsumePlan
from loadgen.events.identity import order_id
from loadgen.recorder.histogram import MAX_VALUE_US, cell_of
from loadgen.recorder.slab import Count, Metric, Phase, Slab, histogram_at, metric_sum_at, set_at

TOKEN = "7f3a0000"
T0_NS = 5_000_000_000


def value(producer: int, sequence: int) -> bytes:
    return BEFORE_IN_VALUE + order_id(TOKEN, producer, sequence) + b'","'


@given(st.lists(st.integers(0, MAX_VALUE_US), min_size=1))
def test_cells_in_columns_are_the_histograms(values: list[int]) -> None:
    """Bit lengths by float are exact over the whole range."""
    assert cells_of(np.array(values)).tolist() == [cell_of(one) for one in values]


@pytest.mark.parametrize("arrival", ["uniform", "poisson"])
@pytest.mark.parametrize(
    "pieces",
    [[Piece(1000.0, 1000.0, 1.0), Piece(33_333.3, 33_333.3, None)], [Piece(100.0, 9_000.0, 2.0)]],
    ids=["steps", "ramp"],
)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_planned_instants_are_the_plans(arrival: str, pieces: list[Piece], data: st.DataObject) -> None:
    """Within a microsecond, in any order, across the ends of pieces."""
    sequences = data.draw(st.lists(st.integers(0, 4000), min_size=1, max_size=50))
    due = schedule(arrival, pieces, 2, 1, 7)

    offsets = PlannedInstants(pieces, arrival, 2, 7).offsets_ns(1, np.array(sequences))

    assert np.abs(offsets - np.array([due.intended_ns(one) for one in sequences])).max() <= 1000


def counter(**changes: object) -> tuple[EndToEnd, Slab]:
    slab = Slab.create(1)
    plan = ConsumePlan(
        bootstrap="b",
        topic="t",
        properties={},
        way="beside",
        ranges={},
        **{
            "run_token": TOKEN,
            "id_place": "value",
            "pieces": [Piece(1000.0, 1000.0, None)],
            "producers": 2,
            "warmup_ns": 10_000_000,
            **changes,
        },
    )
    return EndToEnd(plan, slab), slab


def of(slab: Slab, name: Count, phase: Phase) -> int:
    return int(slab.words[set_at(0, phase) + name])


def test_a_record_is_counted_in_its_phase_with_its_latency() -> None:
    """At 1000/s shared by two, sequence 5 of producer 0 is due at 10 ms, when the warm-up ends."""
    end_to_end, slab = counter()

    end_to_end.count([None] * 3, [value(0, 5), value(0, 4), value(1, 4)], T0_NS, T0_NS + 12_000_000)

    assert of(slab, Count.ACKED, Phase.MEASURED) == 1
    assert of(slab, Count.ACKED, Phase.WARMUP) == 2
    assert of(slab, Count.PAYLOAD_BYTES, Phase.MEASURED) == len(value(0, 5))
    at, sum_at = histogram_at(0, Phase.MEASURED, Metric.RESPONSE), metric_sum_at(0, Phase.MEASURED, Metric.RESPONSE)
    assert slab.words[at + cell_of(2000)] == 1
    assert slab.words[sum_at : sum_at + 3].tolist() == [2000, 2000, 0]


def test_a_record_read_before_it_was_due_is_counted_as_negative() -> None:
    """It is shown, recorded as zero, never dropped."""
    end_to_end, slab = counter()

    end_to_end.count([None], [value(0, 500)], T0_NS, T0_NS + 12_000_000)

    assert of(slab, Count.NEGATIVE, Phase.MEASURED) == of(slab, Count.ACKED, Phase.MEASURED) == 1
    assert slab.words[histogram_at(0, Phase.MEASURED, Metric.RESPONSE)] == 1


def test_a_latency_beyond_the_histogram_is_overflow() -> None:
    """Over an hour: in the count, the sum and the maximum, in no cell."""
    end_to_end, slab = counter()
    late_us = MAX_VALUE_US + 5

    end_to_end.count([None], [value(0, 5)], T0_NS, T0_NS + 10_000_000 + late_us * 1000)

    sum_at = metric_sum_at(0, Phase.MEASURED, Metric.RESPONSE)
    assert slab.words[sum_at : sum_at + 3].tolist() == [late_us, late_us, 1]


def test_records_of_others_are_passed_over() -> None:
    """Other runs' records, tombstones and producers that the run does not have are not the run's reading."""
    end_to_end, slab = counter()

    end_to_end.count([None] * 4, [None, b"x", value(2, 0), value(0, 0).replace(b"7f3a", b"0000")], T0_NS, T0_NS)

    assert not of(slab, Count.ACKED, Phase.WARMUP) and not of(slab, Count.ACKED, Phase.MEASURED)


@pytest.mark.parametrize("changes", [{"pieces": []}, {"id_place": "none"}])
def test_without_a_plan_or_ids_records_are_counted_and_not_timed(changes: dict) -> None:
    """Flat out there is no planned instant; the count still tells whether a group kept up."""
    end_to_end, slab = counter(**changes)

    end_to_end.count([None], [value(0, 5)], T0_NS, T0_NS + 1)

    assert of(slab, Count.ACKED, Phase.MEASURED) == 1
    at = histogram_at(0, Phase.MEASURED, Metric.RESPONSE)
    assert not any(slab.words[at : at + 100])
