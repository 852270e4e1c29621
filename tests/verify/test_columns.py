"""What is computed in columns is what a loop over records would compute, however they are cut into batches."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadgen.verify.crew import deal
from loadgen.verify.rising import Rising
from loadgen.verify.seen import Seen
from tests.verify.sent import check, log_of, plan, renumbered

RECORDS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 30)), max_size=60)
CUTS = st.lists(st.integers(0, 60), max_size=4).map(sorted)


def cut(records: list, cuts: list[int]) -> list[list]:
    edges = [0, *cuts, max([len(records), *cuts])]
    return [records[start:end] for start, end in itertools.pairwise(edges)]


def columns(records: list[tuple[int, int, int]]) -> list[np.ndarray]:
    return [np.array([record[column] for record in records], np.int64) for column in range(3)]


@given(RECORDS, CUTS)
def test_a_record_falls_when_a_higher_sequence_stood_before_it(
    records: list[tuple[int, int, int]], cuts: list[int]
) -> None:
    """Of its producer, in its partition, in this batch or an earlier one."""
    highest: dict[tuple[int, int], int] = {}
    expected = []
    for producer, partition, sequence in records:
        before = highest.get((producer, partition), -1)
        expected.append(sequence < before)
        highest[producer, partition] = max(before, sequence)
    rising = Rising(3, 4)

    found = [flag for part in cut(records, cuts) for flag in rising.check(*columns(part)).tolist()]

    assert found == expected


@given(RECORDS, CUTS)
def test_an_event_is_seen_again_when_it_was_seen(records: list[tuple[int, int, int]], cuts: list[int]) -> None:
    """In this batch or an earlier one; every producer has bits of its own."""
    known: set[tuple[int, int]] = set()
    expected = []
    for producer, _, sequence in records:
        expected.append((producer, sequence) in known)
        known.add((producer, sequence))
    seen = Seen([31, 31, 31])

    found = []
    for part in cut(records, cuts):
        producers, _, sequences = columns(part)
        found += seen.mark(seen.places(producers, sequences)).tolist()

    assert found == expected
    for producer in range(3):
        assert seen.marked(producer, 0, 31).tolist() == [(producer, sequence) in known for sequence in range(31)]


@given(RECORDS, RECORDS)
def test_what_two_readers_saw_meets(ours: list[tuple[int, int, int]], theirs: list[tuple[int, int, int]]) -> None:
    """Merging counts the events that both saw, once each, and knows of all afterwards."""
    sets = [{(producer, sequence) for producer, _, sequence in records} for records in (ours, theirs)]
    both = []
    for records in (ours, theirs):
        seen = Seen([31, 31, 31])
        producers, _, sequences = columns(records)
        seen.mark(seen.places(producers, sequences))
        both.append(seen)

    assert both[0].merge(both[1].bits) == len(sets[0] & sets[1])
    assert int(np.unpackbits(both[0].bits).sum()) == len(sets[0] | sets[1])


def test_a_hundred_million_records_fit_in_200_mb() -> None:
    """One bit each, and outcomes of two: 37.5 MB together."""
    seen = Seen([50_000_000] * 2)

    assert seen.bits.nbytes + 100_000_000 // 4 < 40e6


def test_a_late_copy_is_duplicated_and_not_reordered_too() -> None:
    """A retry that was written twice is one finding."""
    of = plan(50, partitions=1)
    (rows,) = log_of(of)

    found, _ = check(of, [renumbered([*rows, rows[3]])])

    assert found == {"duplicated": 1}


def test_two_neighbouring_sequences_in_the_wrong_order_are_reordered() -> None:
    """The smallest disorder there is."""
    of = plan(50, partitions=1)
    (rows,) = log_of(of)
    rows[20], rows[21] = rows[21], rows[20]

    found, (example,) = check(of, [renumbered(rows)])

    assert found == {"reordered": 1}
    assert (example.sequence, example.offset) == (20, 21)


@given(st.dictionaries(st.integers(0, 20), st.integers(0, 1000), max_size=12), st.integers(1, 5))
def test_partitions_are_dealt_once_each_and_evenly(sizes: dict[int, int], readers: int) -> None:
    """Every partition has one reader, nobody is without, and no share exceeds the fair one by more than a partition."""
    ranges = {partition: (5, 5 + size) for partition, size in sizes.items()}

    shares = deal(ranges, readers)

    assert sorted(partition for share in shares for partition in share) == sorted(ranges)
    assert all(shares)
    loads = [sum(end - begin for begin, end in share.values()) for share in shares]
    assert max(loads, default=0) <= sum(sizes.values()) / readers + max(sizes.values(), default=0)
