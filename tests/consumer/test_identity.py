"""Ids read as columns are the ids that events/identity.py writes and reads."""

from hypothesis import given
from hypothesis import strategies as st

from loadgen.consumer.identity import BEFORE_IN_VALUE, ID_BYTES, IdentityColumns, id_place
from loadgen.events.identity import ORDER_ID_BYTES, order_id, parse_order_id
from loadgen.messages.pool import BEFORE_ID

TOKEN = "7f3a0000"
IDS = st.tuples(st.integers(0, 65535), st.integers(0, 10**12 - 1))


def test_the_place_of_an_id_is_the_pools() -> None:
    """The reader's constants are those of the events."""
    assert (BEFORE_IN_VALUE, ID_BYTES) == (BEFORE_ID, ORDER_ID_BYTES)


@given(st.lists(IDS, min_size=1), st.booleans())
def test_every_id_is_read_as_it_was_written(ids: list[tuple[int, int]], in_key: bool) -> None:
    """All producers and sequences that fit."""
    texts = [order_id(TOKEN, *one) for one in ids]

    good, producers, sequences = IdentityColumns(TOKEN, in_key=in_key).parse(
        [text if in_key else BEFORE_ID + text + b'","rest' for text in texts]
    )

    assert good.all()
    assert list(zip(producers.tolist(), sequences.tolist(), strict=True)) == ids


@given(IDS, st.integers(0, 25), st.integers(0, 255))
def test_a_changed_id_is_taken_exactly_when_the_parser_takes_it(one: tuple[int, int], at: int, byte: int) -> None:
    """Columns and the one-by-one parser agree on every byte."""
    text = bytearray(order_id(TOKEN, *one))
    text[at] = byte
    said = parse_order_id(bytes(text))

    good, producers, sequences = IdentityColumns(TOKEN, in_key=True).parse([bytes(text)])

    assert good[0] == (said is not None and said.run_token == TOKEN)
    if good[0] and said is not None:
        assert (producers[0], sequences[0]) == (said.producer, said.sequence)


@given(st.lists(st.one_of(st.none(), st.binary(max_size=60)), min_size=1))
def test_anything_else_is_not_taken(texts: list[bytes | None]) -> None:
    """Absent, short, long and arbitrary values: never an error, never ours."""
    for in_key in (False, True):
        good, _, _ = IdentityColumns(TOKEN, in_key=in_key).parse(texts)
        assert not good.any()


def test_where_a_run_keeps_its_ids() -> None:
    """Orders carry them, raw records have them as key when keys are orders, pooled records none of their own."""
    assert id_place("stamped", "none") == id_place("fresh", "order") == "value"
    assert id_place("raw", "order") == id_place("payload_file", "order") == "key"
    assert id_place("raw", "none") == id_place("pool", "order") == id_place("fresh:m:f", "order") == "none"
