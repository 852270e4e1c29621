"""Events encoded before the run, and a stamp that makes each of them a fresh one.

Goal: during a run an event costs a copy and two patches, not an encoding; a stamped event is byte for byte what
msgspec would have encoded for that order.
Non-goal: making orders (they are handed in) and choosing ids (`events.identity`).
Place: filled at a worker's start; read by `messages.source` and, through `blob`, by the C sender.

A pooled order event:

    {"order_id":"7f3a9c21-0003-000000012345","created_at":"2026-11-23T20:30:11.000123+00:00","customer_name":…}
                 ^ id_offset 13, 26 bytes                  ^ time_offset 55, 32 bytes       ^ 87: the rest stays
"""

from array import array
from collections.abc import Callable, Iterable

from loadgen.events.identity import CREATED_AT_BYTES, ORDER_ID_BYTES
from loadgen.events.order import Order
from loadgen.messages.order_events import OrderEventMessage, encode_order_event
from loadgen.messages.translator import OrderEventTranslator

BEFORE_ID = b'{"order_id":"'
BEFORE_TIME = b'","created_at":"'
ID_OFFSET = len(BEFORE_ID)
TIME_OFFSET = ID_OFFSET + ORDER_ID_BYTES + len(BEFORE_TIME)
REST_OFFSET = TIME_OFFSET + CREATED_AT_BYTES
_AFTER_TIME = b'","'


class PoolError(ValueError):
    """What was handed in cannot be pooled: nothing at all, or an event whose id or time is not where a stamp goes."""


class Pool:
    """Records in memory, end to end, to be sent as they are.

    Args:
        records: the encoded records.

    Attributes:
        blob: all records, one after the other.
        offsets: of each record in `blob`, unsigned 64-bit.
        lengths: in bytes, unsigned 32-bit.
        mean_bytes: of a record.

    Raises:
        PoolError: there are no records.
    """

    id_offset: int | None = None
    time_offset: int | None = None

    def __init__(self, records: Iterable[bytes]) -> None:
        self._records = list(records)
        if not self._records:
            raise PoolError("a pool needs at least one record")
        self.lengths = array("I", map(len, self._records))
        self.offsets = array("Q", bytes(8 * len(self._records)))
        end = 0
        for index, length in enumerate(self.lengths):
            self.offsets[index] = end
            end += length
        self.blob = b"".join(self._records)
        self.mean_bytes = end / len(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def as_is(self, index: int) -> bytes:
        """Record `index` as it was pooled, the same object every time."""
        return self._records[index]


class OrderPool(Pool):
    """Order events, to be sent as they are or stamped with a fresh id and time.

    Args:
        orders: with ids of 26 ASCII characters and times in UTC; their content is what stamping keeps.
        encode: the serializer; must put id and time where the attributes say.

    Attributes:
        id_offset, time_offset: where every record has its 26 bytes of id and its 32 bytes of time.
        rests: what follows the time, per record; for hot loops that stamp by hand.

    Raises:
        PoolError: no orders, or an event is encoded with another beginning.
        TranslationError: an order has no message.
    """

    id_offset: int = ID_OFFSET
    time_offset: int = TIME_OFFSET

    def __init__(
        self, orders: Iterable[Order], encode: Callable[[OrderEventMessage], bytes] = encode_order_event
    ) -> None:
        super().__init__(encode(OrderEventTranslator.to_event_message(order)) for order in orders)
        for index, record in enumerate(self._records):
            _check_beginning(index, record)
        self.rests = [record[REST_OFFSET:] for record in self._records]

    def stamped(self, index: int, order_id_bytes: bytes, created_at_bytes: bytes) -> bytes:
        """Record `index` with that id and time in place of its own; 0.2 µs.

        Args:
            index: of the record, below `len(self)`.
            order_id_bytes: 26 ASCII bytes.
            created_at_bytes: 32 ASCII bytes.
        """
        return b"%b%b%b%b%b" % (BEFORE_ID, order_id_bytes, BEFORE_TIME, created_at_bytes, self.rests[index])


def _check_beginning(index: int, record: bytes) -> None:
    id_end = ID_OFFSET + ORDER_ID_BYTES
    if not (
        record.startswith(BEFORE_ID)
        and record[id_end:TIME_OFFSET] == BEFORE_TIME
        and record[REST_OFFSET : REST_OFFSET + len(_AFTER_TIME)] == _AFTER_TIME
    ):
        beginning = record[: REST_OFFSET + len(_AFTER_TIME)]
        raise PoolError(f"event {index} begins {beginning!r}: id or time is not where a stamp goes")
