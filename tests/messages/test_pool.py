"""The pool: a stamped event is the encoded event, and memory is laid out as the C sender reads it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.events.generator import OrderGenerator
from loadgen.events.identity import created_at, created_at_bytes, order_id
from loadgen.messages.order_events import OrderEventMessage, encode_order_event
from loadgen.messages.pool import OrderPool, Pool, PoolError
from loadgen.messages.translator import OrderEventTranslator

SIZE = 64
START_US = 1_795_000_000_000_000
GENERATOR = OrderGenerator(11, (1, 8))


def pooled_order(number: int, identity: bytes, instant_us: int) -> bytes:
    order = GENERATOR.order(number, identity.decode(), created_at(instant_us, 0))
    return encode_order_event(OrderEventTranslator.to_event_message(order))


POOL = OrderPool(
    GENERATOR.order(number, order_id("00000000", 0, number).decode(), created_at(START_US, 0)) for number in range(SIZE)
)


@given(
    st.integers(0, SIZE - 1),
    st.integers(0, 0xFFFF),
    st.integers(0, 10**12 - 1),
    st.integers(0, 253402300800 * 10**6 - 1),
)
def test_a_stamped_event_is_the_encoded_order(index: int, producer: int, sequence: int, instant_us: int) -> None:
    """Stamping gives byte for byte what msgspec encodes for the order of that content, id and instant."""
    identity = order_id("7f3a9c21", producer, sequence)

    assert pooled_order(index, identity, instant_us) == POOL.stamped(index, identity, created_at_bytes(instant_us, 0))


def test_as_is_stays_as_it_was() -> None:
    """A pooled event is the encoded order with the id it was pooled under, before and after stamping."""
    before = POOL.as_is(3)
    POOL.stamped(3, order_id("ffffffff", 1, 1), created_at_bytes(0, 0))

    assert before == POOL.as_is(3) == pooled_order(3, order_id("00000000", 0, 3), START_US)


def test_the_layout_for_c() -> None:
    """Records lie end to end in `blob`; offsets are unsigned 64-bit, lengths unsigned 32-bit."""
    assert (POOL.offsets.typecode, POOL.offsets.itemsize) == ("Q", 8)
    assert (POOL.lengths.typecode, POOL.lengths.itemsize) == ("I", 4)
    assert SIZE == len(POOL) == len(POOL.offsets) == len(POOL.lengths)
    assert len(POOL.blob) == sum(POOL.lengths)
    assert POOL.mean_bytes == len(POOL.blob) / SIZE
    for index, (offset, length) in enumerate(zip(POOL.offsets, POOL.lengths, strict=True)):
        record = POOL.blob[offset : offset + length]
        assert record == POOL.as_is(index)
        assert record[POOL.id_offset :][:26] == order_id("00000000", 0, index)
        assert record[POOL.time_offset :][:32] == created_at_bytes(START_US, 0)


def other_order(message: OrderEventMessage) -> bytes:
    """An encoder that writes the time first."""
    return b'{"created_at":"' + message.created_at.encode() + b'","order_id":"' + message.order_id.encode() + b'"}'


@pytest.mark.parametrize(
    ("identity", "moment", "encode"),
    [
        ("short", datetime(2026, 1, 1, tzinfo=UTC), encode_order_event),
        ("7f3a9c21-0003-0000000123456", datetime(2026, 1, 1, tzinfo=UTC), encode_order_event),
        ('7f3a9c21-0003-00000001234"', datetime(2026, 1, 1, tzinfo=UTC), encode_order_event),
        ("7f3a9c21-0003-000000012345", datetime(2026, 1, 1, tzinfo=UTC), other_order),
        ("7f3a9c21-0003-000000012345", datetime(2026, 1, 1, tzinfo=UTC), lambda message: b"{}"),
        (
            "7f3a9c21-0003-000000012345",
            datetime(2026, 1, 1, tzinfo=UTC),
            lambda message: encode_order_event(message).replace(b"order_id", b"ORDER_ID"),
        ),
    ],
)
def test_events_that_begin_otherwise_are_not_pooled(identity: str, moment: datetime, encode: object) -> None:
    """An id of another width, or a serializer with another layout, is refused with the beginning shown."""
    with pytest.raises(PoolError, match="event 0 begins"):
        OrderPool([GENERATOR.order(0, identity, moment)], encode)  # type: ignore[arg-type]


def test_an_empty_pool_is_refused() -> None:
    """There is nothing to send from no records."""
    with pytest.raises(PoolError, match="at least one record"):
        Pool([])
    with pytest.raises(PoolError, match="at least one record"):
        OrderPool([])


@given(st.lists(st.binary(max_size=40), min_size=1))
def test_any_records_can_be_pooled(records: list[bytes]) -> None:
    """Raw records, empty ones included, lie end to end and come back; they have no place for a stamp."""
    pool = Pool(records)

    assert records == [pool.as_is(index) for index in range(len(pool))]
    assert records == [pool.blob[o : o + n] for o, n in zip(pool.offsets, pool.lengths, strict=True)]
    assert (pool.id_offset, pool.time_offset) == (None, None)
