"""Domain orders to messages and back: the anti-corruption layer.

Goal: what reaches the wire says exactly what the domain said. Whatever a JSON number or UTF-8 text cannot carry is
refused here, by field, and not rounded in silence.
Non-goal: encoding; that is the serializer's.
Place: between `events.order` (or an application's own domain with the same attributes) and `order_events`.

Checks are repeated although our own `Order` makes them too, since the door is open to orders of any class.
"""

from datetime import datetime
from decimal import Decimal, InvalidOperation

from loadgen.events.order import InvalidOrder, LineItem, Money, Order, OrderId, ProductId, ProductTitle
from loadgen.messages.order_events import LineItemEventMessage, OrderEventMessage

CENT = Decimal("0.01")
LARGEST_AMOUNT = Decimal(10) ** 13


class TranslationError(ValueError):
    """An order that the wire format cannot carry, or a message that is no order.

    Args:
        field: the attribute at fault, as `line_items[2].price`.
        problem: what about it, with the value.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem

    def within(self, parent: str) -> "TranslationError":
        """The same problem, named from further out: `price` within `line_items[2]` is `line_items[2].price`."""
        return TranslationError(f"{parent}.{self.field}", self.problem)


class OrderEventTranslator:
    """Translates one way and the other; without state, so one can be shared or none be made."""

    @staticmethod
    def to_event_message(order: Order) -> OrderEventMessage:
        """The message of an order; 3 items in about 4 µs.

        Args:
            order: an `Order`, or any object with its attributes.

        Raises:
            TranslationError: money a double cannot carry to the cent, a naive time, no line items, a total that is
                not the sum of the items, text that UTF-8 cannot encode (a lone surrogate).
        """
        if order.created_at.utcoffset() is None:
            raise TranslationError("created_at", f"{order.created_at.isoformat()} has no time zone")
        if not order.line_items:
            raise TranslationError("line_items", "an order without items")
        line_items = []
        total = Decimal(0)
        for index, item in enumerate(order.line_items):
            try:
                amount = item.price.amount
                line_items.append(
                    LineItemEventMessage(
                        _text("line_item_id", item.line_item_id),
                        _text("product_id", str(item.product_id)),
                        _text("product_title", str(item.product_title)),
                        _whole_number("quantity", item.quantity),
                        _number("price", amount),
                    )
                )
            except TranslationError as error:  # the index is only spelt out when somebody will read it
                raise error.within(f"line_items[{index}]") from None
            total += amount * item.quantity
        if total != order.total_price.amount:
            raise TranslationError("total_price", f"{order.total_price.amount}, but the items add up to {total}")
        return OrderEventMessage(
            _text("order_id", str(order.order_id)),
            order.created_at.isoformat(timespec="microseconds"),
            _text("customer_name", order.customer_name),
            line_items,
            _number("total_price", order.total_price.amount),
        )

    @staticmethod
    def to_order(message: OrderEventMessage, currency: str = "EUR") -> Order:
        """The order that a message tells of; `to_order(to_event_message(order)) == order`.

        Args:
            message: as decoded.
            currency: of every amount; the wire format does not carry it.

        Raises:
            TranslationError: the message is not an order of our domain, or its money is not a number of cents.
        """
        try:
            moment = datetime.fromisoformat(message.created_at)
        except ValueError:
            raise TranslationError("created_at", f"{message.created_at!r} is not ISO 8601") from None
        items = tuple(_line_item(index, item, currency) for index, item in enumerate(message.line_items))
        total = _money("total_price", message.total_price, currency)
        try:
            return Order(OrderId(message.order_id), moment, message.customer_name, items, total)
        except InvalidOrder as error:
            raise TranslationError(error.field, error.problem) from error


def _line_item(index: int, item: LineItemEventMessage, currency: str) -> LineItem:
    try:
        return LineItem(
            item.line_item_id,
            ProductId(item.product_id),
            ProductTitle(item.product_title),
            item.quantity,
            _money("price", item.price, currency),
        )
    except InvalidOrder as error:
        raise TranslationError(f"line_items[{index}].{error.field}", error.problem) from error
    except TranslationError as error:
        raise error.within(f"line_items[{index}]") from None


def _money(field: str, number: float, currency: str) -> Money:
    amount = Decimal(repr(float(number)))  # the shortest decimal that is this double: what JSON shows
    if not _is_whole_cents(amount):
        raise TranslationError(field, f"{number!r} is not a number of cents")
    try:
        return Money(amount, currency)
    except InvalidOrder as error:
        raise TranslationError(field, error.problem) from error


def _text(field: str, value: str) -> str:
    if type(value) is not str:
        raise TranslationError(field, f"a text is needed, got {type(value).__name__}")
    if not value.isascii():  # 20 ns, and all that most texts cost
        try:
            value.encode()
        except UnicodeEncodeError:
            raise TranslationError(field, f"{value!r} cannot be written as UTF-8") from None
    return value


def _whole_number(field: str, value: int) -> int:
    if type(value) is not int:
        raise TranslationError(field, f"a whole number is needed, got {value!r}")
    return value


def _number(field: str, amount: Decimal) -> float:
    """The double nearest to an amount, if reading it back gives the amount.

    Fifteen significant digits always come back from a double (IEEE 754 binary64, DBL_DIG), so cents do below 10^13;
    beyond, whoever reads 99999999999999.99 may get another cent, and we refuse.
    """
    if type(amount) is not Decimal:
        raise TranslationError(field, f"a Decimal is needed, got {type(amount).__name__}")
    if not _is_whole_cents(amount):
        raise TranslationError(field, f"{amount} is not a number of cents below {LARGEST_AMOUNT}")
    return float(amount)


def _is_whole_cents(amount: Decimal) -> bool:
    try:
        return amount.quantize(CENT) == amount and -LARGEST_AMOUNT < amount < LARGEST_AMOUNT
    except InvalidOperation:  # infinite, or more digits than 28; NaN is unequal to itself
        return False
