"""The translator: nothing is lost on the way, and what would be is refused by name."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.events.order import LineItem, Money, Order, OrderId, ProductId, ProductTitle
from loadgen.messages.order_events import OrderEventMessage, decode_order_event, encode_order_event
from loadgen.messages.translator import OrderEventTranslator, TranslationError
from tests.messages.orders import ForeignMoney, foreign_item, foreign_order, orders

translate = OrderEventTranslator.to_event_message
NAIVE = datetime(2026, 11, 23)


@given(orders())
def test_round_trip_through_bytes(order: Order) -> None:
    """Any order comes back from its bytes: every text, every cent, the very instant."""
    message = decode_order_event(encode_order_event(translate(order)))

    assert order == OrderEventTranslator.to_order(message)


@given(orders())
def test_translating_is_pure(order: Order) -> None:
    """The same order gives an equal message each time."""
    assert translate(order) == translate(order)


@given(st.integers(0, 10**15 - 1))
def test_every_cent_below_the_limit_is_carried(cents: int) -> None:
    """Any number of cents below 10^13 units reads back from the JSON text as the same cents."""
    amount = Decimal(cents).scaleb(-2)
    item = LineItem("1", ProductId("p"), ProductTitle("t"), 1, Money(amount))
    message = translate(Order(OrderId("a"), datetime(2026, 1, 1, tzinfo=UTC), "n", (item,), Money(amount)))
    written = encode_order_event(message).rsplit(b":", 1)[1].rstrip(b"}").decode()

    assert amount == Decimal(written)


@given(orders())
def test_a_foreign_order_with_the_same_attributes_gives_the_same_message(order: Order) -> None:
    """The translator reads attributes, not classes."""
    fields = {name: getattr(order, name) for name in order.__struct_fields__}

    assert translate(order) == translate(foreign_order(**fields))


LARGE = ForeignMoney(Decimal("10000000000000"))


@pytest.mark.parametrize(
    ("field", "order"),
    [
        ("created_at", foreign_order(created_at=NAIVE)),
        ("created_at", foreign_order(created_at="2026-11-23")),
        ("line_items", foreign_order(line_items=[], total_price=ForeignMoney(Decimal(0)))),
        ("total_price", foreign_order(total_price=ForeignMoney(Decimal("19.97")))),
        ("total_price", foreign_order(total_price=ForeignMoney(Decimal("19.98000000000000000000000000000000001")))),
        ("total_price", foreign_order(total_price=ForeignMoney(19.98))),
        ("total_price", foreign_order(total_price=ForeignMoney(Decimal("NaN")))),
        ("total_price", foreign_order(total_price=ForeignMoney(Decimal("sNaN")))),
        ("total_price", foreign_order(line_items=[foreign_item(price=ForeignMoney(Decimal("9999999999999.99")))],
                                      total_price=ForeignMoney(Decimal("19999999999999.98")))),
        ("order_id", foreign_order(order_id="a\ud800")),
        ("customer_name", foreign_order(customer_name="\udfff")),
        ("customer_name", foreign_order(customer_name=None)),
        ("line_items[0].line_item_id", foreign_order(line_items=[foreign_item(line_item_id="\ud800")])),
        ("line_items[0].line_item_id", foreign_order(line_items=[foreign_item(line_item_id=b"1")])),
        ("line_items[0].product_id", foreign_order(line_items=[foreign_item(product_id="\ud800")])),
        ("line_items[0].product_title", foreign_order(line_items=[foreign_item(product_title="\ud800")])),
        ("line_items[0].quantity", foreign_order(line_items=[foreign_item(quantity=2.0)])),
        ("line_items[0].quantity", foreign_order(line_items=[foreign_item(quantity=True)])),
        ("line_items[0].price", foreign_order(line_items=[foreign_item(price=ForeignMoney(9.99))])),
        ("line_items[0].price", foreign_order(line_items=[foreign_item(price=ForeignMoney(Decimal("NaN")))])),
        ("line_items[0].price", foreign_order(line_items=[foreign_item(price=ForeignMoney(Decimal("sNaN")))])),
        ("line_items[0].price", foreign_order(line_items=[foreign_item(price=ForeignMoney(Decimal("Infinity")))])),
        ("line_items[0].price", foreign_order(line_items=[foreign_item(quantity=1, price=LARGE)], total_price=LARGE)),
        ("line_items[1].price", foreign_order(
            line_items=[foreign_item(), foreign_item(price=ForeignMoney(Decimal("0.005")))],
            total_price=ForeignMoney(Decimal("19.99")))),
    ],
)  # fmt: skip
def test_what_the_wire_cannot_carry_names_its_field(field: str, order: Any) -> None:
    """Naive times, empty orders, wrong totals, money beyond a double, unencodable text: a typed error by field."""
    with pytest.raises(TranslationError) as caught:
        translate(order)

    assert field == caught.value.field
    assert str(caught.value).startswith(f"{field}: ")


def test_our_own_orders_are_refused_too() -> None:
    """A domain that is fine with four decimals, 10^14 and lone surrogates does not get them onto the wire."""

    def order(name: str, amount: str) -> Order:
        item = LineItem("1", ProductId("p"), ProductTitle("t"), 1, Money(Decimal(amount)))
        return Order(OrderId("a"), datetime(2026, 1, 1, tzinfo=UTC), name, (item,), Money(Decimal(amount)))

    for field, refused in [
        ("line_items[0].price", order("n", "0.0001")),
        ("line_items[0].price", order("n", "99999999999999")),
        ("customer_name", order("\ud800", "1")),
    ]:
        with pytest.raises(TranslationError) as caught:
            translate(refused)
        assert field == caught.value.field


def test_the_same_wrong_price_is_refused_again() -> None:
    """Prices are remembered between orders; a wrong one is still wrong the second time, and 1.0 is not Decimal(1)."""
    translate(foreign_order(line_items=[foreign_item(quantity=1, price=ForeignMoney(Decimal("1.5")))],
                            total_price=ForeignMoney(Decimal("1.5"))))  # fmt: skip
    for price in (ForeignMoney(1.5), ForeignMoney(Decimal("1.505")), ForeignMoney(Decimal("1.505"))):
        with pytest.raises(TranslationError, match="price"):
            translate(foreign_order(line_items=[foreign_item(quantity=1, price=price)], total_price=price))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("created_at", {"created_at": "yesterday"}),
        ("created_at", {"created_at": "2026-11-23T20:30:11"}),
        ("order_id", {"order_id": ""}),
        ("customer_name", {"customer_name": ""}),
        ("line_items", {"line_items": []}),
        ("total_price", {"total_price": 19.97}),
        ("total_price", {"total_price": float("nan")}),
        ("total_price", {"total_price": 1e300}),
    ],
)
def test_messages_that_are_no_orders(field: str, changes: dict[str, Any]) -> None:
    """On the way back a broken rule of the domain is a translation error, by field as well."""
    message = translate(foreign_order())

    with pytest.raises(TranslationError) as caught:
        OrderEventTranslator.to_order(msgspec.structs.replace(message, **changes))

    assert field == caught.value.field


@pytest.mark.parametrize(("field", "changes"), [("quantity", {"quantity": 0}), ("price", {"price": 9.999})])
def test_items_that_are_none_name_their_index(field: str, changes: dict[str, Any]) -> None:
    """A wrong line item of a message is named with its place."""
    message: OrderEventMessage = translate(foreign_order(line_items=[foreign_item()]))
    item = msgspec.structs.replace(message.line_items[0], **changes)

    with pytest.raises(TranslationError) as caught:
        OrderEventTranslator.to_order(msgspec.structs.replace(message, line_items=[message.line_items[0], item]))

    assert f"line_items[1].{field}" == caught.value.field
