"""The libraries under test, a function each. To add yours: write one more, decorated, here or in a file of your own.

    @library("mine", requires="mypackage", about="how it is used here")
    def mine() -> Codec:
        import mypackage

        return Codec(build=…, encode=mypackage.dumps, decode=mypackage.loads, read=…)

`python -m bench serializers --with FILE` measures what is in such a file beside the ones here.

Goal: each library as its own documentation would use it, from the same plain values, to the same bytes.
Non-goal: the fastest conceivable use of each; encoders and decoders are made once, as a producer would.

A codec is checked before it is timed (`verify.py`): bytes against the standard library's, the decoded object against
the values, and a claim to validate against a wrong type.
"""

import dataclasses
import runpy
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from bench.samples import ItemValues, OwnEvents, Shape, Values
from loadgen.errors import UsageError


@dataclasses.dataclass(frozen=True, slots=True)
class Codec:
    """How a library goes from values to bytes and back; an object is of the library's own kind.

    Args:
        build: values → object, what a producer makes for each event.
        encode: object → bytes.
        decode: bytes → object.
        read: object → values; only to check, never timed.
    """

    build: Callable[[Any], Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    read: Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Library:
    """A row of the table.

    Args:
        name: in cases, plots and `--only`.
        requires: the packages to import; what is missing is named and its cases skipped.
        about: the objects and the calls, in a few words.
        format: `json` is compact UTF-8 JSON, compared byte by byte; anything else is compared after decoding.
        validates: decoding refuses a field of a wrong type.
        codec: makes the codec; imports happen inside.
        own: what it is measured on instead of orders; format and validation are then not looked at.
    """

    name: str
    requires: tuple[str, ...]
    about: str
    format: Literal["json", "msgpack"]
    validates: bool
    codec: Callable[[], Codec]
    own: OwnEvents | None = None

    def serializes(self, shape: Shape | OwnEvents) -> bool:
        """Whether there is a case of this library and these events."""
        return self.own == (shape if isinstance(shape, OwnEvents) else None)

    def missing(self) -> str | None:
        """The first package that is not installed."""
        return next((package for package in self.requires if not is_installed(package)), None)


LIBRARIES: dict[str, Library] = {}


def library(
    name: str,
    *,
    requires: str,
    about: str,
    format: Literal["json", "msgpack"] = "json",
    validates: bool = True,
    own: OwnEvents | None = None,
) -> Callable[[Callable[[], Codec]], Callable[[], Codec]]:
    """Enter the decorated function into the table under that name. Several requirements are separated by spaces.

    Raises:
        UsageError: the name is taken.
    """
    if name in LIBRARIES:
        raise UsageError(f"library {name!r} is there already; another name is needed")

    def enter(codec: Callable[[], Codec]) -> Callable[[], Codec]:
        LIBRARIES[name] = Library(name, tuple(requires.split()), about, format, validates, codec, own)
        return codec

    return enter


def add_from(file: Path) -> None:
    """Run a user's file, whose decorated functions enter themselves into the table.

    Raises:
        UsageError: it is not there, does not run, or adds no library; the reason is in the text.
    """
    before = len(LIBRARIES)
    try:
        runpy.run_path(str(file))
    except UsageError as error:
        raise UsageError(f"--with {file}: {error}") from error
    except Exception as error:  # a user's file may fail in any way; the reason is theirs to read
        raise UsageError(f"--with {file}: {type(error).__name__}: {error}") from error
    if len(LIBRARIES) == before:
        raise UsageError(f"--with {file}: adds no library; decorate a function with bench.libraries.library")


@library("msgspec", requires="msgspec", about="frozen Struct; json.Encoder, typed json.Decoder")
def msgspec_json() -> Codec:
    import msgspec

    from loadgen import OrderEventMessage

    encoder, decoder = msgspec.json.Encoder(), msgspec.json.Decoder(OrderEventMessage)
    return Codec(_struct_builder(), encoder.encode, decoder.decode, _read_attributes)


@library("msgspec-msgpack", requires="msgspec", about="frozen Struct; MessagePack", format="msgpack")
def msgspec_msgpack() -> Codec:
    import msgspec

    from loadgen import OrderEventMessage

    encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(OrderEventMessage)
    return Codec(_struct_builder(), encoder.encode, decoder.decode, _read_attributes)


@library("orjson-dict", requires="orjson", about="plain dicts; dumps, loads", validates=False)
def orjson_dict() -> Codec:
    import orjson

    return Codec(_build_dict, orjson.dumps, orjson.loads, _read_dict)


@library("orjson-dataclass", requires="orjson", about="slots dataclasses; dumps, loads and build", validates=False)
def orjson_dataclass() -> Codec:
    import orjson

    order, item = _dataclasses()
    loads = orjson.loads

    def decode(payload: bytes) -> Any:
        fields = loads(payload)
        fields["line_items"] = [item(**line) for line in fields["line_items"]]
        return order(**fields)

    return Codec(partial(_build_objects, order, item), orjson.dumps, decode, _read_attributes)


@library("orjson-struct", requires="orjson msgspec", about="Struct to dict by hand, dumps; loads, msgspec.convert")
def orjson_struct() -> Codec:
    import msgspec
    import orjson

    from loadgen import OrderEventMessage
    from loadgen.messages.serializer import as_dict

    dumps, loads, convert = orjson.dumps, orjson.loads, msgspec.convert
    return Codec(
        _struct_builder(),
        lambda message: dumps(as_dict(message)),
        lambda payload: convert(loads(payload), OrderEventMessage),
        _read_attributes,
    )


@library("pydantic", requires="pydantic", about="frozen BaseModel; model_dump_json, model_validate_json")
def pydantic_model() -> Codec:
    from loadgen.messages.serializer import order_event_model

    model = order_event_model()
    return Codec(
        lambda values: model(**_build_dict(values)),
        lambda event: event.model_dump_json().encode(),
        model.model_validate_json,
        _read_attributes,
    )


@library("pydantic+orjson", requires="pydantic orjson", about="BaseModel; model_dump, dumps; loads, model_validate")
def pydantic_with_orjson() -> Codec:
    import orjson

    from loadgen.messages.serializer import order_event_model

    model = order_event_model()
    dumps, loads = orjson.dumps, orjson.loads
    return Codec(
        lambda values: model(**_build_dict(values)),
        lambda event: dumps(event.model_dump()),
        lambda payload: model.model_validate(loads(payload)),
        _read_attributes,
    )


@library("pydantic+json", requires="pydantic", about="BaseModel; model_dump, json; json.loads, model_validate")
def pydantic_with_json() -> Codec:
    import json

    from loadgen.messages.serializer import order_event_model

    model = order_event_model()
    write, loads = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode, json.loads
    return Codec(
        lambda values: model(**_build_dict(values)),
        lambda event: write(event.model_dump()).encode(),
        lambda payload: model.model_validate(loads(payload)),
        _read_attributes,
    )


@library("pydantic-typeadapter", requires="pydantic", about="dataclasses; TypeAdapter.dump_json, validate_json")
def pydantic_type_adapter() -> Codec:
    from pydantic import TypeAdapter

    order, item = _dataclasses()
    adapter: TypeAdapter[Any] = TypeAdapter(order)
    return Codec(partial(_build_objects, order, item), adapter.dump_json, adapter.validate_json, _read_attributes)


@library("json", requires="json", about="plain dicts; one JSONEncoder, json.loads", validates=False)
def standard_json() -> Codec:
    import json

    write, loads = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode, json.loads
    return Codec(_build_dict, lambda event: write(event).encode(), loads, _read_dict)


def _build_dict(values: Values) -> dict[str, Any]:
    order_id, created_at, customer_name, items, total_price = values
    return {
        "order_id": order_id,
        "created_at": created_at,
        "customer_name": customer_name,
        "line_items": [
            {
                "line_item_id": line_item_id,
                "product_id": product_id,
                "product_title": product_title,
                "quantity": quantity,
                "price": price,
            }
            for line_item_id, product_id, product_title, quantity, price in items
        ],
        "total_price": total_price,
    }


def _struct_builder() -> Callable[[Values], Any]:
    from loadgen import LineItemEventMessage, OrderEventMessage

    return partial(_build_objects, OrderEventMessage, LineItemEventMessage)


def _build_objects(order: Any, item: Any, values: Values) -> Any:
    order_id, created_at, customer_name, items, total_price = values
    return order(order_id, created_at, customer_name, [item(*line) for line in items], total_price)


def _dataclasses() -> tuple[Any, Any]:
    """Order and line item as slots dataclasses, fields as on the wire."""

    @dataclasses.dataclass(slots=True)
    class LineItemData:
        line_item_id: str
        product_id: str
        product_title: str
        quantity: int
        price: float

    @dataclasses.dataclass(slots=True)
    class OrderData:
        order_id: str
        created_at: str
        customer_name: str
        line_items: list[LineItemData]
        total_price: float

    return OrderData, LineItemData


def _read_attributes(event: Any) -> Values:
    items: tuple[ItemValues, ...] = tuple(
        (line.line_item_id, line.product_id, line.product_title, line.quantity, line.price) for line in event.line_items
    )
    return event.order_id, event.created_at, event.customer_name, items, event.total_price


def _read_dict(event: dict[str, Any]) -> Values:
    items: tuple[ItemValues, ...] = tuple(tuple(line.values()) for line in event["line_items"])
    return event["order_id"], event["created_at"], event["customer_name"], items, event["total_price"]


def is_installed(package: str) -> bool:
    """Whether it could be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except ValueError:  # blocked by None in sys.modules
        return False
