"""Order ids and instants: fixed width, there and back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.events.identity import (
    CREATED_AT_BYTES,
    ORDER_ID_BYTES,
    Identity,
    created_at,
    created_at_bytes,
    order_id,
    order_id_prefix,
    parse_order_id,
    second_text,
)

tokens = st.text("0123456789abcdef", min_size=8, max_size=8)
producers = st.integers(0, 0xFFFF)
sequences = st.integers(0, 10**12 - 1)
instants_us = st.integers(-62135596800 * 10**6, 253402300800 * 10**6 - 1)  # years 1 … 9999
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_the_documented_example() -> None:
    """The id is written as the module's docstring shows it."""
    assert order_id("7f3a9c21", 3, 12345) == b"7f3a9c21-0003-000000012345"


@given(tokens, producers, sequences)
def test_ids_come_back_and_keep_their_width(token: str, producer: int, sequence: int) -> None:
    """Every id is 26 ASCII bytes and says what it was made of, as bytes and as text."""
    identity = order_id(token, producer, sequence)

    assert len(identity) == ORDER_ID_BYTES
    assert Identity(token, producer, sequence) == parse_order_id(identity) == parse_order_id(identity.decode("ascii"))
    assert identity == order_id_prefix(token, producer) + b"%012d" % sequence


@given(tokens, producers, st.lists(sequences, min_size=2))
def test_ids_sort_as_sequences(token: str, producer: int, numbers: list[int]) -> None:
    """A producer's ids are in the order of its sequence when sorted as bytes."""
    assert [order_id(token, producer, n) for n in sorted(numbers)] == sorted(
        order_id(token, producer, n) for n in numbers
    )


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"7f3a9c21-0003-00000001234",  # a digit short
        b"7f3a9c21-0003-0000000123456",  # a digit more
        b"7F3A9C21-0003-000000012345",  # capitals are not ours
        b"7f3a9c21-0003-00000001234a",
        b"7f3a9c21_0003-000000012345",
        b"7f3a9c21-0003-000000012345\n",  # `$` in a regular expression would let this through
        b" 7f3a9c21-0003-00000001234",
        "7f3a9c21-0003-00000001234٣",  # an Arabic digit is a digit to int()
        b"7f3a9c21-0003-\xd9\xa3\xd9\xa3\xd9\xa3\xd9\xa3\xd9\xa3\xd9\xa3",
    ],
)
def test_foreign_ids_are_none(foreign: bytes | str) -> None:
    """What we would not have written, however near, is foreign."""
    assert parse_order_id(foreign) is None


@given(st.binary(max_size=40))
def test_any_bytes_are_parsed_or_foreign(text: bytes) -> None:
    """The parser never raises, and what it accepts it would write the same."""
    identity = parse_order_id(text)

    assert identity is None or text == order_id(*identity)


@pytest.mark.parametrize(
    ("token", "producer", "sequence", "named"),
    [
        ("7f3a9c2", 0, 0, "7f3a9c2"),
        ("7F3A9C21", 0, 0, "7F3A9C21"),
        ("7f3a9c21\n", 0, 0, "run token"),
        ("7f3a9c21", -1, 0, "producer -1"),
        ("7f3a9c21", 65536, 0, "producer 65536"),
        ("7f3a9c21", 0, -1, "sequence -1"),
        ("7f3a9c21", 0, 10**12, "sequence 1000000000000"),
    ],
)
def test_what_does_not_fit_is_refused(token: str, producer: int, sequence: int, named: str) -> None:
    """A part too wide for its place raises and is named; it never widens the id."""
    with pytest.raises(ValueError, match=named):
        order_id(token, producer, sequence)


@given(instants_us)
def test_instants_are_exact_and_keep_their_width(instant_us: int) -> None:
    """The instant is right to the microsecond, and its text is what datetime writes, always 32 bytes."""
    moment = created_at(instant_us, 0)
    text = created_at_bytes(instant_us, 0)

    assert timedelta(microseconds=instant_us) == moment - EPOCH
    assert moment.isoformat(timespec="microseconds").encode() == text
    assert len(text) == CREATED_AT_BYTES
    assert text.startswith(second_text(instant_us // 1_000_000) + b".")


@given(st.integers(0, 4 * 10**15), st.integers(-(10**12), 10**12))
def test_start_and_offset_add_up(start_us: int, offset_us: int) -> None:
    """Only the sum of start and offset matters; a negative offset is as good as any."""
    assert created_at(start_us + offset_us, 0) == created_at(start_us, offset_us)
    assert created_at_bytes(start_us + offset_us, 0) == created_at_bytes(start_us, offset_us)
