"""What is serialized, as plain values that no library owns: the generator's orders, or a user's own events.

Goal: every library starts from the same tuples and ends with the same bytes.
Non-goal: the domain; translating costs the same for every library and is measured on the produce path.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from loadgen import OrderEventMessage, OrderEventTranslator
from loadgen.events.generator import OrderGenerator

ItemValues = tuple[str, str, str, int, float]
"""line_item_id, product_id, product_title, quantity, price."""

Values = tuple[str, str, str, tuple[ItemValues, ...], float]
"""order_id, created_at, customer_name, items, total_price."""

SEED = 1
START = datetime(2026, 1, 1, tzinfo=UTC)


class Shape(msgspec.Struct, frozen=True):
    """What the orders of a case look like.

    Args:
        items: line items of each order.
        text: `latin` as the generator makes it, or `greek`: every letter of the titles beyond ASCII.
    """

    items: int
    text: str = "latin"

    @property
    def name(self) -> str:
        """As it stands in a case's name."""
        return f"{self.items}-item{'s' * (self.items != 1)}{'-greek' * (self.text == 'greek')}"


class OwnEvents(msgspec.Struct, frozen=True):
    """Events that are no orders, to measure libraries on.

    Args:
        name: in the names of their cases: `encode payments msgspec`.
        values: of each event, all different; what `Codec.build` takes and `Codec.read` gives back.
    """

    name: str
    values: Sequence[Any]


def sample_values(shape: Shape | OwnEvents, count: int = 16) -> list[Any]:
    """The first `count` events of a shape; sixteen by default, so that no library sees one event all day."""
    return sample_orders(shape, count) if isinstance(shape, Shape) else list(shape.values[:count])


def sample_orders(shape: Shape, count: int = 16) -> list[Values]:
    """Orders 0 … count − 1 of that shape."""
    make = OrderGenerator(SEED, (shape.items, shape.items)).order
    orders = (make(n, f"7f3a9c21-0000-{n:012d}", START + timedelta(microseconds=n)) for n in range(count))
    return [_values(OrderEventTranslator.to_event_message(order), shape.text) for order in orders]


def _values(message: OrderEventMessage, text: str) -> Values:
    spell = _greek if text == "greek" else str
    items = tuple(
        (item.line_item_id, item.product_id, spell(item.product_title), item.quantity, item.price)
        for item in message.line_items
    )
    return message.order_id, message.created_at, spell(message.customer_name), items, message.total_price


def _greek(text: str) -> str:
    """Latin letters moved into the Greek block: A 0x41 becomes Α 0x391, z becomes ϊ; each then takes two bytes."""
    return "".join(chr(ord(letter) + 0x350) if letter.isascii() and letter.isalpha() else letter for letter in text)
