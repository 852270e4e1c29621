"""Hypothesis strategies for orders, and an order class that is not ours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from loadgen.events.order import LineItem, Money, Order, OrderId, ProductId, ProductTitle

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones | st.just(UTC))
prices = st.integers(0, 10**9).map(lambda cents: Money(Decimal(cents).scaleb(-2)))
line_items = st.builds(
    LineItem, texts, texts.map(ProductId), texts.map(ProductTitle), st.integers(1, 1_000_000 // 10**3), prices
)


def total_of(items: tuple[LineItem, ...]) -> Money:
    """What the items come to."""
    return Money(sum((item.price.amount * item.quantity for item in items), Decimal(0)))


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Any valid order below the wire's limit of 10^13."""
    items = tuple(draw(st.lists(line_items, min_size=1, max_size=5)))
    return Order(OrderId(draw(texts)), draw(times), draw(texts), items, total_of(items))


@dataclass
class ForeignOrder:
    """Somebody else's order: the attributes that the translator reads, and no rules."""

    order_id: Any
    created_at: Any
    customer_name: Any
    line_items: Any
    total_price: Any


@dataclass
class ForeignItem:
    """Somebody else's line item."""

    line_item_id: Any
    product_id: Any
    product_title: Any
    quantity: Any
    price: Any


@dataclass
class ForeignMoney:
    """Somebody else's money."""

    amount: Any


def foreign_item(**changes: Any) -> ForeignItem:
    """An item of two at 9.99 each, but for the changes."""
    fields = {
        "line_item_id": "1",
        "product_id": 17,
        "product_title": "Mug",
        "quantity": 2,
        "price": ForeignMoney(Decimal("9.99")),
    }
    return ForeignItem(**(fields | changes))


def foreign_order(**changes: Any) -> Any:
    """An order of one such item, but for the changes; typed Any since a translator takes it for an Order."""
    fields = {
        "order_id": "a",
        "created_at": datetime(2026, 11, 23, 20, 30, tzinfo=UTC),
        "customer_name": "Zoë",
        "line_items": [foreign_item()],
        "total_price": ForeignMoney(Decimal("19.98")),
    }
    return ForeignOrder(**(fields | changes))
