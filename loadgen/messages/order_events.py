"""The wire format of an order event: two frozen structs, compact JSON, fields in this order.

Goal: exactly the fields and types of the reference document, so that any consumer of it reads what we send.
Non-goal: rules of the domain; an `OrderEventMessage` is what arrived, right or wrong.
Place: made by the translator, encoded by a serializer, decoded by `verify`. The golden file
`tests/messages/golden/order_event.json` shows a change of the format before a consumer does.
"""

import msgspec


class LineItemEventMessage(msgspec.Struct, frozen=True, gc=False):
    """One line of an order event. `price` is of one piece, in the order's currency."""

    line_item_id: str
    product_id: str
    product_title: str
    quantity: int
    price: float


class OrderEventMessage(msgspec.Struct, frozen=True, gc=False):
    """An order event. `created_at` is ISO 8601 with an offset; `total_price` is in the order's currency."""

    order_id: str
    created_at: str
    customer_name: str
    line_items: list[LineItemEventMessage]
    total_price: float


encode_order_event = msgspec.json.Encoder().encode
"""OrderEventMessage → compact UTF-8 JSON."""

_decode = msgspec.json.Decoder(OrderEventMessage).decode


def decode_order_event(payload: bytes) -> OrderEventMessage:
    """The event that these bytes carry, every field checked for its type.

    Raises:
        msgspec.ValidationError: JSON, but not an order event; the message names the path, as `$.total_price`.
        msgspec.DecodeError: not JSON.
    """
    return _decode(payload)
