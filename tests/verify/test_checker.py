"""The checker under mutation: one record of a faultless log changed, and it is caught, counted once and named."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.events.identity import order_id
from loadgen.recorder.outcomes import Outcome, OutcomeRegions, Outcomes, ProducerOutcomes
from loadgen.verify.checker import Checker
from tests.verify.sent import Row, check, log_of, plan, renumbered

PLAN = plan(211, 190)
LOG = log_of(PLAN)
MODES = st.sampled_from(["ids", "full"])
PARTITIONS = st.integers(0, len(LOG) - 1)
SIZES = st.sampled_from([1, 7, 64, 1000])


def mutated(partition: int, rows: list[Row]) -> list[list[Row]]:
    return [renumbered(rows) if index == partition else kept for index, kept in enumerate(LOG)]


def sequence_of(row: Row) -> tuple[int, int]:
    assert row.value is not None
    return int(row.value[22:26], 16), int(row.value[27:39])


@given(MODES, SIZES)
@settings(max_examples=10, deadline=None)
def test_a_faultless_log_has_no_findings(mode: str, size: int) -> None:
    """However its records are cut into batches."""
    assert check(PLAN, LOG, mode, size=size) == ({}, [])


@given(MODES, PARTITIONS, st.integers(0, 10**6), SIZES)
@settings(max_examples=40, deadline=None)
def test_a_dropped_record_is_lost(mode: str, partition: int, place: int, size: int) -> None:
    """One acknowledged record that is not there is one lost, named by producer and sequence."""
    rows = list(LOG[partition])
    gone = sequence_of(rows.pop(place % len(rows)))

    found, (example,) = check(PLAN, mutated(partition, rows), mode, size=size)

    assert found == {"lost": 1}
    assert (example.kind, example.producer, example.sequence) == ("lost", *gone)


@given(MODES, PARTITIONS, PARTITIONS, st.integers(0, 10**6), st.integers(0, 10**6), SIZES)
@settings(max_examples=60, deadline=None)
def test_a_doubled_record_is_duplicated(
    mode: str, partition: int, into: int, place: int, target: int, size: int
) -> None:
    """A second copy, beside the first or far from it, in its partition or another, is one duplicated."""
    twice = LOG[partition][place % len(LOG[partition])]
    rows = list(LOG[into])
    rows.insert(target % (len(rows) + 1), twice._replace(partition=into))

    found, examples = check(PLAN, mutated(into, rows), mode, size=size)

    # a copy that is read first may put the original, or what follows it, out of order: never more than said
    assert found["duplicated"] == 1
    assert set(found) <= {"duplicated", "reordered"}
    duplicate = next(example for example in examples if example.kind == "duplicated")
    assert (duplicate.producer, duplicate.sequence) == sequence_of(twice)


@given(MODES, PARTITIONS, st.integers(0, 10**6), SIZES)
@settings(max_examples=40, deadline=None)
def test_two_swapped_records_of_a_producer_are_reordered(mode: str, partition: int, place: int, size: int) -> None:
    """The later of two neighbours of one producer, put first, leaves one out of order, with partition and offset."""
    rows = list(LOG[partition])
    producer = sequence_of(rows[place % len(rows)])[0]
    own = [at for at, row in enumerate(rows) if sequence_of(row)[0] == producer]
    nth = place % (len(own) - 1)
    first, second = own[nth], own[nth + 1]
    rows[first], rows[second] = rows[second], rows[first]

    found, (example,) = check(PLAN, mutated(partition, rows), mode, size=size)

    assert found == {"reordered": 1}
    assert (example.kind, example.partition, example.offset) == ("reordered", partition, second)


@given(PARTITIONS, st.integers(0, 10**6), st.integers(0, 10**9), st.integers(1, 255), SIZES)
@settings(max_examples=150, deadline=None)
def test_any_flipped_bits_are_corrupted_in_full_mode(partition: int, place: int, at: int, bits: int, size: int) -> None:
    """Whatever byte of a value is changed, the record is corrupted, its event not also lost, and nothing else said."""
    rows = list(LOG[partition])
    index = place % len(rows)
    value = bytearray(rows[index].value or b"")
    value[at % len(value)] ^= bits
    rows[index] = rows[index]._replace(value=bytes(value))

    found, (example,) = check(PLAN, mutated(partition, rows), "full", size=size)

    assert found == {"corrupted": 1}
    assert (example.kind, example.partition, example.offset) == ("corrupted", partition, index)


@given(PARTITIONS, st.integers(0, 10**6), st.integers(13, 38), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_a_flipped_id_is_never_silent_in_ids_mode(partition: int, place: int, at: int, bits: int) -> None:
    """A changed id is corrupted, or names another event, which is then there twice while its own is lost."""
    rows = list(LOG[partition])
    index = place % len(rows)
    value = bytearray(rows[index].value or b"")
    value[at] ^= bits
    rows[index] = rows[index]._replace(value=bytes(value))

    found, examples = check(PLAN, mutated(partition, rows), "ids")

    assert found.get("corrupted") == 1 or {"lost", "duplicated"} <= set(found)
    assert examples


FOREIGN = {
    "another run's": (b"x", b'{"order_id":"' + order_id("00000001", 0, 3) + b'","created_at":"2026"}'),
    "text": (b"k", b"hello"),
    "nothing": (None, b""),
    "a tombstone": (b"k", None),
    "an id in the wrong place": (None, b' {"order_id":"' + order_id(PLAN.run_token, 0, 3) + b'"}'),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("mode", ["ids", "full"])
def test_a_record_of_somebody_else_is_foreign(mode: str, what: str) -> None:
    """What carries no id of this run is foreign, with partition and offset, and disturbs no other count."""
    key, value = FOREIGN[what]
    rows = list(LOG[1])
    rows.insert(5, Row(1, 0, key, value))

    found, (example,) = check(PLAN, mutated(1, rows), mode)

    assert found == {"foreign": 1}
    assert (example.kind, example.partition, example.offset) == ("foreign", 1, 5)


def test_an_event_that_was_never_sent_is_corrupted() -> None:
    """Our token with a sequence or producer beyond the run is no record of this run's ledger."""
    for producer, sequence in ((0, 211), (1, 10**12 - 1), (2, 0)):
        rows = list(LOG[0])
        rows.append(Row(0, 0, b"k", b'{"order_id":"' + order_id(PLAN.run_token, producer, sequence) + b'","x"'))

        found, (example,) = check(PLAN, mutated(0, rows), "ids")

        assert found == {"corrupted": 1}
        assert "never sent" in example.why


def test_a_missing_record_counts_as_its_outcome_says() -> None:
    """Only what was acknowledged can be lost; what was unknown, failed or rejected and is there is told apart."""
    regions = OutcomeRegions.create(1, 100)
    mark = regions.marker(0)
    for sequence in range(100):
        mark(sequence, (Outcome.ACKED, Outcome.UNKNOWN, Outcome.FAILED, Outcome.REJECTED)[sequence % 4])
    outcomes = Outcomes([ProducerOutcomes(100, 100)], [regions.region(0)])
    of = plan(100)
    kept = [renumbered([row for row in rows if sequence_of(row)[1] >= 8]) for rows in log_of(of)]

    checker = Checker(of, "ids", len(kept))
    found, _ = check(of, kept, outcomes=outcomes)
    from tests.verify.sent import batches

    for batch in batches(kept, 10):
        checker.feed(batch)
    settled = checker.settled(outcomes)

    assert found == {"lost": 2}  # 0 and 4
    assert (settled.acked, settled.unknown_found, settled.failed_found, settled.rejected_found) == (25, 23, 23, 23)


@pytest.mark.parametrize(
    "changes",
    [
        {"events": "fresh"},
        {"loop": "open", "phases": [{"from_per_s": 1000.0, "to_per_s": 9000.0, "duration_s": 0.05}]},
        {
            "loop": "open",
            "arrival": "poisson",
            "phases": [{"from_per_s": 4000.0, "to_per_s": 4000.0, "duration_s": None}],
        },
        {"keys": "none"},
        {"keys": "zipf:1.1:1000"},
        {"events": "raw", "record_size": 100},
    ],
    ids=str,
)
def test_full_mode_makes_every_kind_of_run_again(changes: dict) -> None:
    """Fresh orders, ramps, Poisson arrivals, other keys and raw records with their id as key all compare equal."""
    of = msgspec.convert(msgspec.to_builtins(plan(100, 90)) | changes, type(PLAN))

    assert check(of, log_of(of), "full") == ({}, [])


@pytest.mark.parametrize("changes", [{"events": "pool"}, {"events": "raw", "keys": "none"}, {"events": "fresh:a:b"}])
def test_records_without_an_id_are_refused(changes: dict) -> None:
    """Before anything is read, with the remedy."""
    with pytest.raises(UsageError, match=r"no id of their own.*--events stamped"):
        Checker(plan(10, **changes), "ids", 1)


def test_events_of_another_generator_are_not_compared() -> None:
    """Their bytes would differ for no fault of the log; ids still serve."""
    with pytest.raises(UsageError, match=r"generator 0.*--mode ids"):
        Checker(plan(10, generator="0"), "full", 1)
