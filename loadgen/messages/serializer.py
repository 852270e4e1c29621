"""Message to bytes by the library of one's choice: msgspec, orjson or pydantic.

Goal: three ways to the same JSON bytes, so that a benchmark compares libraries and nothing else.
Non-goal: other formats; `bench` has those.
Place: after the translator, and where a pool is filled. orjson and pydantic are imported when asked for: a worker
that uses msgspec starts without them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from loadgen.errors import UsageError
from loadgen.messages.order_events import OrderEventMessage, encode_order_event

if TYPE_CHECKING:
    from pydantic import BaseModel

SerializerName = Literal["msgspec", "orjson", "pydantic"]
Serializer = Callable[[OrderEventMessage], bytes]


def serializer(name: SerializerName) -> Serializer:
    """The encoder of that library.

    Raises:
        UsageError: an unknown name, or the library is not installed.
    """
    match name:
        case "msgspec":
            return encode_order_event
        case "orjson":
            return _orjson_serializer()
        case "pydantic":
            return _pydantic_serializer()
    raise UsageError(f"--serializer {name}: msgspec, orjson or pydantic is possible")


def _orjson_serializer() -> Serializer:
    """orjson from dicts: it does not know msgspec's structs, and its `default` hook would cost more."""
    try:
        import orjson
    except ImportError as error:
        raise _missing("orjson") from error
    dumps = orjson.dumps

    def encode_by_orjson(message: OrderEventMessage) -> bytes:
        return dumps(as_dict(message))

    return encode_by_orjson


def _pydantic_serializer() -> Serializer:
    """pydantic as it is used: a validated model from the message's attributes, then `model_dump_json`."""
    model = order_event_model()

    def encode_by_pydantic(message: OrderEventMessage) -> bytes:
        return model.model_validate(message, from_attributes=True).model_dump_json().encode()

    return encode_by_pydantic


def order_event_model() -> "type[BaseModel]":
    """`OrderEventMessage` as a frozen pydantic model, made when called so that pydantic stays optional.

    Raises:
        UsageError: pydantic is not installed.
    """
    try:
        from pydantic import BaseModel, ConfigDict
    except ImportError as error:
        raise _missing("pydantic") from error

    class LineItemModel(BaseModel):
        model_config = ConfigDict(frozen=True)
        line_item_id: str
        product_id: str
        product_title: str
        quantity: int
        price: float

    class OrderEventModel(BaseModel):
        model_config = ConfigDict(frozen=True)
        order_id: str
        created_at: str
        customer_name: str
        line_items: list[LineItemModel]
        total_price: float

    return OrderEventModel


def as_dict(message: OrderEventMessage) -> dict[str, object]:
    """A message as plain dicts and lists, fields in wire order."""
    return {
        "order_id": message.order_id,
        "created_at": message.created_at,
        "customer_name": message.customer_name,
        "line_items": [
            {
                "line_item_id": item.line_item_id,
                "product_id": item.product_id,
                "product_title": item.product_title,
                "quantity": item.quantity,
                "price": item.price,
            }
            for item in message.line_items
        ],
        "total_price": message.total_price,
    }


def _missing(library: str) -> UsageError:
    return UsageError(f"--serializer {library}: {library} is not installed; pip install 'kafka-loadgen[bench]'")
