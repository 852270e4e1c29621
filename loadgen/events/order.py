"""The domain's order: what a shop means by one, free of wire formats.

Goal: values that cannot be wrong once they exist; every constructor checks its own and names the field.
Non-goal: what JSON can carry; that is the translator's question (`messages/translator.py`).
Place: made by `events/generator.py` or by an application, read by the translator.

Frozen msgspec structs, since an order of three items is built for every `fresh` event: a frozen dataclass sets its
fields one by one through `object.__setattr__` and costs three times as much. `gc=False`: none of them can be part of a
cycle, so the collector need not look at them. What they cost is in `generator.OrderGenerator.order`.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

SMALLEST_AMOUNT = Decimal("0.0001")  # ISO 4217 knows no currency with more than four decimals
LARGEST_POWER_OF_TEN = 14
LARGEST_QUANTITY = 1_000_000  # with the two above, a thousand lines add up exactly in Decimal's 28 digits

_ZERO = Decimal(0)


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


class OrderId(msgspec.Struct, frozen=True, gc=False):
    """Names one order; never empty."""

    value: str

    def __post_init__(self) -> None:
        if type(self.value) is not str or not self.value:
            raise _no_text("order_id", self.value)

    def __str__(self) -> str:
        return self.value


class ProductId(msgspec.Struct, frozen=True, gc=False):
    """Names one product; never empty."""

    value: str

    def __post_init__(self) -> None:
        if type(self.value) is not str or not self.value:
            raise _no_text("product_id", self.value)

    def __str__(self) -> str:
        return self.value


class ProductTitle(msgspec.Struct, frozen=True, gc=False):
    """What a product is called; never empty."""

    value: str

    def __post_init__(self) -> None:
        if type(self.value) is not str or not self.value:
            raise _no_text("product_title", self.value)

    def __str__(self) -> str:
        return self.value


class Money(msgspec.Struct, frozen=True, gc=False):
    """An exact amount of one currency.

    Args:
        amount: finite, below 10^15 either way, at most four decimals.
        currency: ISO 4217 code, three capital letters.
    """

    amount: Decimal
    currency: str = "EUR"

    def __post_init__(self) -> None:
        amount = self.amount
        if type(amount) is not Decimal:
            raise InvalidOrder("amount", f"a Decimal is needed, got {type(amount).__name__}")
        # adjusted() is the power of ten of the first digit: 14 ns where comparing costs 45.
        if not amount.is_finite() or amount.adjusted() > LARGEST_POWER_OF_TEN:
            raise InvalidOrder("amount", f"{amount} is not a finite amount below 10^{LARGEST_POWER_OF_TEN + 1}")
        if amount % SMALLEST_AMOUNT:  # exact below the bound above
            raise InvalidOrder("amount", f"{amount} has more than four decimals")
        if not _is_currency_code(self.currency):
            raise InvalidOrder("currency", f"{self.currency!r} is not an ISO 4217 code such as EUR")


class LineItem(msgspec.Struct, frozen=True, gc=False):
    """So many of one product at one price each."""

    line_item_id: str
    product_id: ProductId
    product_title: ProductTitle
    quantity: int
    price: Money

    def __post_init__(self) -> None:
        if type(self.line_item_id) is not str or not self.line_item_id:
            raise _no_text("line_item_id", self.line_item_id)
        if type(self.product_id) is not ProductId:
            raise InvalidOrder("product_id", f"a ProductId is needed, got {type(self.product_id).__name__}")
        if type(self.product_title) is not ProductTitle:
            raise InvalidOrder("product_title", f"a ProductTitle is needed, got {type(self.product_title).__name__}")
        if type(self.quantity) is not int or not 1 <= self.quantity <= LARGEST_QUANTITY:
            raise InvalidOrder("quantity", f"{self.quantity!r} is not a whole number of 1 … {LARGEST_QUANTITY}")
        if type(self.price) is not Money:
            raise InvalidOrder("price", f"Money is needed, got {type(self.price).__name__}")
        if self.price.amount.is_signed():
            raise InvalidOrder("price", f"{self.price.amount} is negative")


class Order(msgspec.Struct, frozen=True, gc=False):
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
        if type(self.order_id) is not OrderId:
            raise InvalidOrder("order_id", f"an OrderId is needed, got {type(self.order_id).__name__}")
        if not isinstance(self.created_at, datetime) or self.created_at.utcoffset() is None:
            raise InvalidOrder("created_at", f"{self.created_at!r} is not a time with a time zone")
        if type(self.customer_name) is not str or not self.customer_name:
            raise _no_text("customer_name", self.customer_name)
        if type(self.total_price) is not Money:
            raise InvalidOrder("total_price", f"Money is needed, got {type(self.total_price).__name__}")
        if type(self.line_items) is not tuple or not self.line_items:
            raise InvalidOrder("line_items", "a tuple of at least one LineItem is needed")
        currency = self.total_price.currency
        total = _ZERO
        for index, item in enumerate(self.line_items):
            if type(item) is not LineItem:
                raise InvalidOrder(f"line_items[{index}]", f"a LineItem is needed, got {type(item).__name__}")
            price = item.price
            if price.currency != currency:
                raise InvalidOrder(f"line_items[{index}].price", f"{price.currency} in an order of {currency}")
            total += price.amount * item.quantity
        if total != self.total_price.amount:
            raise InvalidOrder("total_price", f"{self.total_price.amount}, but the line items add up to {total}")


def _no_text(field: str, value: object) -> InvalidOrder:
    return InvalidOrder(field, f"{value!r} is not a text of at least one character")


@lru_cache(maxsize=256)
def _is_currency_code(code: object) -> bool:
    return isinstance(code, str) and len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()
