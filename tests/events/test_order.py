"""The domain's order: what cannot be built."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from loadgen.events.order import InvalidOrder, LineItem, Money, Order, OrderId, ProductId, ProductTitle

EUR = "EUR"


def line_item(**changes: Any) -> LineItem:
    fields: dict[str, Any] = {
        "line_item_id": "1",
        "product_id": ProductId("SKU-1"),
        "product_title": ProductTitle("Mug"),
        "quantity": 2,
        "price": Money(Decimal("9.99"), EUR),
    }
    return LineItem(**(fields | changes))


def order(**changes: Any) -> Order:
    fields: dict[str, Any] = {
        "order_id": OrderId("a"),
        "created_at": datetime(2026, 11, 23, tzinfo=UTC),
        "customer_name": "Zoë",
        "line_items": (line_item(),),
        "total_price": Money(Decimal("19.98"), EUR),
    }
    return Order(**(fields | changes))


def test_a_right_order_is_built_and_cannot_be_changed() -> None:
    """A valid order holds what it was given, compares by value, and is frozen."""
    made = order()

    assert order() == made
    assert str(made.line_items[0].product_id) == "SKU-1"
    with pytest.raises(AttributeError):
        made.customer_name = "else"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "build"),
    [
        ("order_id", lambda: OrderId("")),
        ("order_id", lambda: OrderId(7)),  # type: ignore[arg-type]
        ("product_id", lambda: ProductId("")),
        ("product_title", lambda: ProductTitle("")),
        ("amount", lambda: Money(Decimal("NaN"))),
        ("amount", lambda: Money(Decimal("sNaN"))),
        ("amount", lambda: Money(Decimal("Infinity"))),
        ("amount", lambda: Money(Decimal("1e15"))),
        ("amount", lambda: Money(Decimal("-1e15"))),
        ("amount", lambda: Money(Decimal("0.00001"))),
        ("amount", lambda: Money(Decimal("1.00000000000000000000000000000000001"))),
        ("amount", lambda: Money(9.99)),  # type: ignore[arg-type]
        ("currency", lambda: Money(Decimal(1), "eur")),
        ("currency", lambda: Money(Decimal(1), "EURO")),
        ("currency", lambda: Money(Decimal(1), "E1R")),
        ("currency", lambda: Money(Decimal(1), None)),  # type: ignore[arg-type]
        ("line_item_id", lambda: line_item(line_item_id="")),
        ("product_id", lambda: line_item(product_id="SKU-1")),
        ("product_title", lambda: line_item(product_title="Mug")),
        ("quantity", lambda: line_item(quantity=0)),
        ("quantity", lambda: line_item(quantity=True)),
        ("quantity", lambda: line_item(quantity=1.0)),
        ("quantity", lambda: line_item(quantity=1_000_001)),
        ("price", lambda: line_item(price=Decimal(1))),
        ("price", lambda: line_item(price=Money(Decimal("-0.01")))),
        ("order_id", lambda: order(order_id="a")),
        ("created_at", lambda: order(created_at=datetime(2026, 11, 23))),
        ("created_at", lambda: order(created_at="2026-11-23")),
        ("customer_name", lambda: order(customer_name="")),
        ("line_items", lambda: order(line_items=())),
        ("line_items", lambda: order(line_items=[line_item()])),
        ("line_items[1]", lambda: order(line_items=(line_item(), "x"))),
        ("line_items[0].price", lambda: order(line_items=(line_item(price=Money(Decimal("9.99"), "USD")),))),
        ("total_price", lambda: order(total_price=Money(Decimal("19.99")))),
        ("total_price", lambda: order(total_price=Decimal("19.98"))),
    ],
)
def test_what_cannot_be_built_names_its_field(field: str, build: Any) -> None:
    """Each broken rule raises where the value is made, with the field and a text that begins with it."""
    with pytest.raises(InvalidOrder) as caught:
        build()

    assert field == caught.value.field
    assert str(caught.value).startswith(f"{field}: ")


def test_the_largest_order_adds_up_exactly() -> None:
    """At the bounds of amount, quantity and number of lines nothing is rounded: one ten-thousandth too much is seen."""
    price = Money(Decimal("999999999.9999"))
    items = tuple(line_item(quantity=1_000_000 // 1000, price=price) for _ in range(1000))
    total = price.amount * 1000 * 1000

    assert total == order(line_items=items, total_price=Money(total)).total_price.amount
    with pytest.raises(InvalidOrder):
        order(line_items=items, total_price=Money(total - Decimal("0.0001")))
