"""The domain's order: what a shop means by one, free of wire formats.

Goal: values that cannot be wrong once they exist; every constructor checks its own and names the field.
Non-goal: what JSON can carry; that is the translator's question (`messages/translator.py`).
Place: made by `events/generator.py` or by an application, read by the translator.

Frozen msgspec structs, since an order of three items is built for every `fresh` event: a frozen dataclass sets its
fields one by one through `object.__setattr__` and costs three times as much.
"""

from datetime import datetime
from decimal import Decimal, InvalidOperation

import msgspec

SMALLEST_AMOUNT = Decimal("0.0001")  # ISO 4217 knows no currency with more than four decimals
LARGEST_AMOUNT = Decimal(10) ** 15
LARGEST_QUANTITY = 1_000_000  # with the two above, a thousand lines add up exactly in Decimal's 28 digits


class InvalidOrder(ValueError):
    """A part of an order breaks a rule of the domain.

    Args:
        field: the attribute at fault, as `line_items[2].quantity`.
        problem: the rule and the value.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class OrderId(msgspec.Struct, frozen=True):
    """Names one order; never empty."""

    value: str

    def __post_init__(self) -> None:
        _require_text("order_id", self.value)

    def __str__(self) -> str:
        return self.value


class ProductId(msgspec.Struct, frozen=True):
    """Names one product; never empty."""

    value: str

    def __post_init__(self) -> None:
        _require_text("product_id", self.value)

    def __str__(self) -> str:
        return self.value


class ProductTitle(msgspec.Struct, frozen=True):
    """What a product is called; never empty."""

    value: str

    def __post_init__(self) -> None:
        _require_text("product_title", self.value)

    def __str__(self) -> str:
        return self.value


class Money(msgspec.Struct, frozen=True):
    """An exact amount of one currency.

    Args:
        amount: finite, at most 10^15 either way, at most four decimals.
        currency: ISO 4217 code, three capital letters.
    """

    amount: Decimal
    currency: str = "EUR"

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise InvalidOrder("amount", f"a Decimal is needed, got {type(self.amount).__name__}")
        if not (self.amount.is_finite() and abs(self.amount) <= LARGEST_AMOUNT):
            raise InvalidOrder("amount", f"{self.amount} is not a finite amount of at most {LARGEST_AMOUNT}")
        if not _has_at_most_four_decimals(self.amount):
            raise InvalidOrder("amount", f"{self.amount} has more than four decimals")
        currency = self.currency
        if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise InvalidOrder("currency", f"{currency!r} is not an ISO 4217 code such as EUR")


class LineItem(msgspec.Struct, frozen=True):
    """So many of one product at one price each."""

    line_item_id: str
    product_id: ProductId
    product_title: ProductTitle
    quantity: int
    price: Money

    def __post_init__(self) -> None:
        _require_text("line_item_id", self.line_item_id)
        if not isinstance(self.product_id, ProductId):
            raise InvalidOrder("product_id", f"a ProductId is needed, got {type(self.product_id).__name__}")
        if not isinstance(self.product_title, ProductTitle):
            raise InvalidOrder("product_title", f"a ProductTitle is needed, got {type(self.product_title).__name__}")
        if type(self.quantity) is not int or not 1 <= self.quantity <= LARGEST_QUANTITY:
            raise InvalidOrder("quantity", f"{self.quantity!r} is not a whole number of 1 … {LARGEST_QUANTITY}")
        if not isinstance(self.price, Money):
            raise InvalidOrder("price", f"Money is needed, got {type(self.price).__name__}")
        if self.price.amount < 0:
            raise InvalidOrder("price", f"{self.price.amount} is negative")


class Order(msgspec.Struct, frozen=True):
    """What somebody bought at an instant, and what it comes to.

    Args:
        order_id: its name.
        created_at: with a time zone.
        customer_name: not empty.
        line_items: at least one, all in the currency of the total.
        total_price: exactly the sum of quantity times price.

    Raises:
        InvalidOrder: a rule is broken; `.field` says where.
    """

    order_id: OrderId
    created_at: datetime
    customer_name: str
    line_items: tuple[LineItem, ...]
    total_price: Money

    def __post_init__(self) -> None:
        if not isinstance(self.order_id, OrderId):
            raise InvalidOrder("order_id", f"an OrderId is needed, got {type(self.order_id).__name__}")
        if not isinstance(self.created_at, datetime) or self.created_at.utcoffset() is None:
            raise InvalidOrder("created_at", f"{self.created_at!r} is not a time with a time zone")
        _require_text("customer_name", self.customer_name)
        if not isinstance(self.total_price, Money):
            raise InvalidOrder("total_price", f"Money is needed, got {type(self.total_price).__name__}")
        self._check_line_items()

    def _check_line_items(self) -> None:
        """At least one, one currency, and a sum that is the total."""
        if not isinstance(self.line_items, tuple) or not self.line_items:
            raise InvalidOrder("line_items", "a tuple of at least one LineItem is needed")
        currency = self.total_price.currency
        total = Decimal(0)
        for index, item in enumerate(self.line_items):
            if not isinstance(item, LineItem):
                raise InvalidOrder(f"line_items[{index}]", f"a LineItem is needed, got {type(item).__name__}")
            if item.price.currency != currency:
                problem = f"{item.price.currency} in an order of {currency}"
                raise InvalidOrder(f"line_items[{index}].price.currency", problem)
            total += item.price.amount * item.quantity
        if total != self.total_price.amount:
            raise InvalidOrder("total_price", f"{self.total_price.amount}, but the line items add up to {total}")


def _require_text(field: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidOrder(field, f"{value!r} is not a text of at least one character")


def _has_at_most_four_decimals(amount: Decimal) -> bool:
    try:
        return amount.quantize(SMALLEST_AMOUNT) == amount
    except InvalidOperation:  # more digits than Decimal's context carries
        return False
