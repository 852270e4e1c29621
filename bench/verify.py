"""A case is right before it is timed: a wrong one becomes a row that says why, not a number.

Place: `serializers.py` asks for every case of the table before the first is timed.
"""

import json
import math
from typing import Any, Literal, NamedTuple

import msgspec

from bench.cases import HARNESS, Case
from bench.libraries import LIBRARIES, Codec, Library
from bench.samples import Values, sample_values

INSTALL = "pip install 'kafka-loadgen[bench]'"


class Checked(NamedTuple):
    """What came of a check. `payload_bytes` is the mean of an order, None unless `ok`."""

    status: Literal["ok", "skipped", "error"]
    detail: str
    payload_bytes: float | None


def check(case: Case, events: list[Any] | None = None) -> Checked:
    """Whether a case may be timed.

    Args:
        case: of the table.
        events: values in place of the shape's; for tests.
    """
    if case == HARNESS:
        return Checked("ok", "", 0.0)
    library = LIBRARIES.get(case.library)
    if library is None:
        return Checked("error", f"no library {case.library}; known: {', '.join(LIBRARIES)}", None)
    if package := library.missing():
        return Checked("skipped", f"{package} is not installed; {INSTALL}", None)
    try:
        return _check_events(library, library.codec(), sample_values(case.shape) if events is None else events)
    except Exception as error:  # a library may fail in any way; the row says how, the other cases go on
        return Checked("error", f"{type(error).__name__}: {error}", None)


def _check_events(library: Library, codec: Codec, events: list[Any]) -> Checked:
    lengths = []
    for number, values in enumerate(events):
        payload = codec.encode(codec.build(values))
        if library.own is None and (wrong := _wrong_order(library, values, payload)):
            return Checked("error", f"order {number}: {wrong}", None)
        if codec.read(codec.decode(payload)) != values:
            return Checked("error", f"event {number}: decoding does not give back what was encoded", None)
        lengths.append(len(payload))
    if library.own is None and library.validates and not _refuses_wrong_type(library, codec, events[0]):
        return Checked("error", "said to validate, but a text as quantity was decoded", None)
    return Checked("ok", "", sum(lengths) / len(lengths))


def _wrong_order(library: Library, values: Values, payload: bytes) -> str | None:
    if not all(map(math.isfinite, [values[4], *(item[4] for item in values[3])])):
        return "a price is NaN or infinite, which JSON cannot carry"
    if library.format == "json" and payload != (expected := expected_bytes(values)):
        return _difference(payload, expected)
    return None


def expected_bytes(values: Values) -> bytes:
    """Compact UTF-8 JSON of an order by the standard library: the reference for every other."""
    return _compact_json(_as_fields(values))


def _as_fields(values: Values) -> dict[str, Any]:
    order_id, created_at, customer_name, items, total_price = values
    names = ("line_item_id", "product_id", "product_title", "quantity", "price")
    return {
        "order_id": order_id,
        "created_at": created_at,
        "customer_name": customer_name,
        "line_items": [dict(zip(names, item, strict=True)) for item in items],
        "total_price": total_price,
    }


def _compact_json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _refuses_wrong_type(library: Library, codec: Codec, values: Values) -> bool:
    """Whether decoding raises when the first quantity is the text "two"."""
    fields = _as_fields(values)
    fields["line_items"][0]["quantity"] = "two"
    try:
        codec.decode(_compact_json(fields) if library.format == "json" else msgspec.msgpack.encode(fields))
    except Exception:  # any refusal will do: each library has its own
        return True
    return False


def _difference(payload: bytes, expected: bytes) -> str:
    shorter = min(len(payload), len(expected))
    at = next((place for place in range(shorter) if payload[place] != expected[place]), shorter)
    return f"bytes differ at {at}: {payload[at : at + 20]!r}, expected {expected[at : at + 20]!r}"
