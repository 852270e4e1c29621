"""The wire format, field by field and byte by byte."""

from pathlib import Path

import msgspec
import pytest

from loadgen.messages.order_events import (
    LineItemEventMessage,
    OrderEventMessage,
    decode_order_event,
    encode_order_event,
)

GOLDEN = Path(__file__).parent / "golden" / "order_event.json"

EVENT = OrderEventMessage(
    order_id="7f3a9c21-0003-000000012345",
    created_at="2026-11-23T20:30:11.000123+00:00",
    customer_name='Zoë "D\'Angelo" \\ 李娜\t',
    line_items=[
        LineItemEventMessage("1072800119000", "SKU-000476", "Deluxe Steel Notebook A5", 2, 49.37),
        LineItemEventMessage("1072800119001", "SKU-000399", "Café Mug 350 ml", 1, 100.0),
    ],
    total_price=198.74,
)


def test_the_golden_file() -> None:
    """These bytes are the format: whoever changes it has to change this file, and tell consumers."""
    assert GOLDEN.read_bytes() == encode_order_event(EVENT)
    assert decode_order_event(GOLDEN.read_bytes()) == EVENT


def test_fields_and_types_are_the_documents() -> None:
    """Names, order and types of the fields are those of the reference document; both structs are frozen."""
    fields = {field.name: field.type for field in msgspec.structs.fields(OrderEventMessage)}
    item_fields = {field.name: field.type for field in msgspec.structs.fields(LineItemEventMessage)}

    assert [
        ("order_id", str),
        ("created_at", str),
        ("customer_name", str),
        ("line_items", list[LineItemEventMessage]),
        ("total_price", float),
    ] == list(fields.items())
    assert [
        ("line_item_id", str),
        ("product_id", str),
        ("product_title", str),
        ("quantity", int),
        ("price", float),
    ] == list(item_fields.items())
    assert OrderEventMessage.__struct_config__.frozen
    assert LineItemEventMessage.__struct_config__.frozen


@pytest.mark.parametrize(
    ("payload", "error", "named"),
    [
        (b'{"order_id": 7}', msgspec.ValidationError, r"\$.order_id"),
        (GOLDEN.read_bytes().replace(b"198.74", b'"198.74"'), msgspec.ValidationError, r"\$.total_price"),
        (GOLDEN.read_bytes().replace(b'"quantity":2', b'"quantity":2.5'), msgspec.ValidationError, "quantity"),
        (GOLDEN.read_bytes().replace(b'"total_price"', b'"total"'), msgspec.ValidationError, "total_price"),
        (GOLDEN.read_bytes()[:-1], msgspec.DecodeError, "truncated"),
        (b"", msgspec.DecodeError, "truncated"),
        (b"\x00\x01", msgspec.DecodeError, "malformed"),
    ],
)
def test_other_bytes_do_not_decode(payload: bytes, error: type[Exception], named: str) -> None:
    """A wrong type, a missing field, or no JSON raises; the message names the path."""
    with pytest.raises(error, match=named):
        decode_order_event(payload)
