"""The outcomes file: two bits a record, merged, and refused when it is not that run's or not whole."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.recorder.outcomes import (
    Outcome,
    OutcomeRegions,
    Outcomes,
    OutcomesMismatch,
    ProducerOutcomes,
    read_outcomes,
    write_outcomes,
)

MARKS = st.dictionaries(st.integers(0, 20_000), st.sampled_from(list(Outcome)), max_size=200)


def written(path: Path, marks: list[dict[int, Outcome]], attempted: list[int]) -> Path:
    regions = OutcomeRegions.create(len(marks), 20_001)
    for slot, of_producer in enumerate(marks):
        mark = regions.marker(slot)
        for sequence, outcome in of_producer.items():
            mark(sequence, outcome)
    write_outcomes(path, "run-1", "7f3a0000", [regions.region(slot) for slot in range(len(marks))], attempted)
    return path


@given(st.lists(MARKS, min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_what_was_marked_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, marks: list[dict[int, Outcome]]
) -> None:
    """Every mark of every producer survives the merge; what nobody marked is unknown."""
    file = tmp_path_factory.mktemp("outcomes") / "outcomes.bin"
    attempted = [max(of_producer, default=0) + 1 for of_producer in marks]

    outcomes = read_outcomes(written(file, marks, attempted), "run-1")

    for producer, of_producer in enumerate(marks):
        for sequence in [*of_producer, 0, attempted[producer] - 1]:
            assert outcomes.of(producer, sequence) == of_producer.get(sequence, Outcome.UNKNOWN)


def test_marks_of_two_maps_of_one_file_meet() -> None:
    """A worker maps the coordinator's file by its descriptor: the coordinator reads what the worker wrote."""
    theirs = OutcomeRegions.create(2, 10)
    ours = OutcomeRegions(theirs.descriptor, 2)
    theirs.marker(1)(5, Outcome.FAILED)

    assert ours.region(1)[1] == Outcome.FAILED << 2
    assert ours.capacity == theirs.capacity >= 10


def test_sequences_beyond_the_room_are_said_to_be_missing(tmp_path: Path) -> None:
    """A run longer than its regions keeps what fits, and the file says how much that is."""
    regions = OutcomeRegions.create(1, 1)
    regions.marker(0)(regions.capacity, Outcome.ACKED)  # no room: left out, no error
    write_outcomes(tmp_path / "o", "r", "7f3a0000", [regions.region(0)], [regions.capacity + 7])

    outcomes = read_outcomes(tmp_path / "o", "r")

    assert outcomes.producers == [ProducerOutcomes(regions.capacity + 7, regions.capacity)]
    assert outcomes.of(0, regions.capacity) == Outcome.UNKNOWN


def test_a_region_that_is_never_written_takes_no_memory() -> None:
    """A producer without a planned end has room for 4 billion records, and none of it is there."""
    regions = OutcomeRegions.create(4, None)
    regions.marker(3)(2**31, Outcome.ACKED)

    import os

    assert os.fstat(regions.descriptor).st_blocks * 512 <= 1 << 16
    regions.close()


def test_all_acked_says_so_of_every_record() -> None:
    """A ledger without a loss needs no file."""
    outcomes = Outcomes.all_acked([5, 0])

    assert [outcomes.of(0, sequence) for sequence in range(5)] == [Outcome.ACKED] * 5
    assert outcomes.of(0, 5) == Outcome.UNKNOWN


CHANGES = {
    "another run's": (
        lambda content: content.replace(b"run-1", b"run-2"),
        "of run run-2, but the result beside it is of run run-1",
    ),
    "cut short": (lambda content: content[:-1], "not whole"),
    "longer": (lambda content: content + b"\0", "not whole"),
    "head cut short": (lambda content: content[:40], "half-written"),
    "changed": (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "changed"),
    "empty": (lambda content: b"", "not an outcomes file"),
    "another file": (lambda content: b"PK\3\4" * 100, "not an outcomes file"),
    "a head of 4 GB": (lambda content: content[:8] + b"\xff" * 4 + content[12:], "not an outcomes file"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_that_runs_is_refused(tmp_path: Path, change: str) -> None:
    """In one line with the reason, never a traceback."""
    alter, said = CHANGES[change]
    file = written(tmp_path / "outcomes.bin", [{3: Outcome.ACKED, 4000: Outcome.FAILED}], [4001])
    file.write_bytes(alter(file.read_bytes()))

    with pytest.raises(OutcomesMismatch, match=said):
        read_outcomes(file, "run-1")


def test_an_absent_file_is_said() -> None:
    """The path is in the error."""
    with pytest.raises(OutcomesMismatch, match=r"nowhere.*No such file"):
        read_outcomes(Path("nowhere"), "run-1")
