"""Raw records: the size asked for, the entropy stated."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.events.raw import raw_record


@given(st.integers(), st.integers(0, 10**12), st.integers(0, 5000), st.floats(0, 1))
def test_size_is_exact_and_bytes_are_the_same_again(seed: int, number: int, size: int, entropy: float) -> None:
    """A record has the size asked for and is a function of its arguments."""
    record = raw_record(seed, number, size, entropy)

    assert size == len(record)
    assert record == raw_record(seed, number, size, entropy)


@pytest.mark.parametrize("entropy", [0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
def test_entropy_is_the_share_that_does_not_compress(entropy: float) -> None:
    """zlib at level 9 shrinks 100 records of 1 KiB to the stated share of their size, within 0.01."""
    records = b"".join(raw_record(3, number, 1024, entropy) for number in range(100))

    assert abs(len(zlib.compress(records, 9)) / len(records) - entropy) < 0.01


def test_the_bytes_are_these_for_ever() -> None:
    """The first bytes of record 0 of seed 0: a change of the generator is seen."""
    assert raw_record(0, 0, 8, 1.0).hex() == "d3cfa5b9550c56a5"


def test_records_differ() -> None:
    """No record of a thousand, and none of another seed, repeats another."""
    assert len({raw_record(seed, number, 16, 1.0) for seed in (1, 2) for number in range(1000)}) == 2000


@pytest.mark.parametrize(("size", "entropy", "named"), [(-1, 0.5, "-1"), (1, 1.5, "1.5"), (1, float("nan"), "nan")])
def test_impossible_records_are_refused(size: int, entropy: float, named: str) -> None:
    """A negative size, or an entropy outside 0 … 1, raises and is named."""
    with pytest.raises(ValueError, match=named):
        raw_record(0, 0, size, entropy)
