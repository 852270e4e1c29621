"""Events to bytes: key, value and headers of whatever msgspec can encode and has an `order_id`.

Goal: what cannot be read back as its own type is an error here, with the field's name, and not at the consumer: msgspec
does not check a struct's fields when it is made, and JSON carries NaN as null. Non-goal: topics, spans, sending.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from loadgen.producer.errors import InvalidEvent
from loadgen.producer.reports import NO_HEADERS, SharedHeaders


class Event(Protocol):
    """Whatever msgspec can encode and has an order_id: a Struct, a dataclass."""

    @property
    def order_id(self) -> str: ...


class _Kind(NamedTuple):
    """What all events of a type have in common: the check of their encoding (None: none), and their headers."""

    decode: Callable[[bytes], object] | None
    headers: SharedHeaders


class EventEncoder:
    """Encodes events of any types.

    Args:
        refused: where an event that does not fit is counted.
        headers: give each record `content-type` and `schema-version`.
        validate: decode what was encoded against the event's own type.

    Attributes:
        encoder: msgspec's.
    """

    def __init__(self, refused: Counter[str], *, headers: bool, validate: bool) -> None:
        self.encoder = msgspec.json.Encoder()
        self._refused, self._with_headers, self._validate = refused, headers, validate
        self._kinds: dict[type, _Kind] = {}
        self._to_json = self.encoder.encode

    def parts(self, event: Event) -> tuple[bytes, bytes, SharedHeaders]:
        """Key, value and headers of an event.

        Raises:
            InvalidEvent: it cannot be encoded, does not fit its type, or its id is not text.
        """
        try:
            key = event.order_id.encode()  # 40 ns
            value = self._to_json(event)  # 420 ns
            decode, headers = self._kinds.get(type(event)) or self._learn(type(event))
            if decode is not None:
                decode(value)  # 520 ns
            if not key:
                raise ValueError("order_id is empty")
        # msgspec's and Unicode's are ValueErrors; an event that contains itself is a RecursionError
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self._does_not_fit(event, error) from error
        return key, value, headers

    def _learn(self, kind: type) -> _Kind:
        version = getattr(kind, "schema_version", "1")
        headers = NO_HEADERS
        if self._with_headers:
            headers = SharedHeaders({"content-type": b"application/json"})
            headers["schema-version"] = f"{kind.__name__}/{version}".encode()
        decode: Callable[[bytes], object] | None = msgspec.json.Decoder(kind).decode if self._validate else None
        learned = self._kinds[kind] = _Kind(decode, headers)
        return learned

    def _does_not_fit(self, event: Event, error: Exception) -> InvalidEvent:
        self._refused[InvalidEvent.label] += 1
        shown = getattr(event, "order_id", None)
        if not isinstance(shown, str):
            problem = f"order_id is no text but {type(shown).__name__}" if hasattr(event, "order_id") else "no order_id"
            return InvalidEvent(f"{type(event).__name__}: {problem}", order_id=repr(shown))
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        return InvalidEvent(f"{type(event).__name__} {shown!r}: {problem}", order_id=shown)
