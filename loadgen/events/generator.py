"""Orders as a function of a number: `order(seed, number)`.

Goal: everything of an order but its id and its instant follows from (seed, number) by integers alone, so that any
event of a run can be made again, in any process, in any order.
Non-goal: believable statistics of a real shop.
Place: fills the pool once, or makes each event when `--events fresh` is asked for; `verify` makes them again.
"""

from datetime import datetime
from decimal import Decimal
from functools import cache

from loadgen.errors import UsageError
from loadgen.events.order import LineItem, Money, Order, OrderId, ProductId, ProductTitle
from loadgen.events.splitmix import GAMMA, MASK64, mix64, random_at, stream_seed
from loadgen.events.vocabulary import ADJECTIVES, FIRST_NAMES, GOODS, LAST_NAMES, MATERIALS, QUANTITIES

VERSION = "1"  # `plan.generator` in result.json: raised when (seed, number) gives another order than before

CURRENCY = "EUR"
LINE_ITEMS_LIMIT = 1000
PRODUCTS = len(ADJECTIVES) * len(MATERIALS) * len(GOODS)

_ORDER_STREAM = 1
_CATALOGUE_STREAM = 2
_CATALOGUE_SEED = 0  # a shop's products and prices do not change with the seed of a run
_LOWEST_PRICE_CENTS = 199
_PRICE_RANGE_CENTS = 1 << 14  # up to 165.82

Product = tuple[ProductId, ProductTitle, Money, int]
"""Id, title, price, and the price once more in cents."""


@cache
def catalogue() -> tuple[Product, ...]:
    """The shop's 512 products; 1 ms, once a process."""
    return tuple(_product(number) for number in range(PRODUCTS))


def _product(number: int) -> Product:
    title = f"{ADJECTIVES[number >> 6]} {MATERIALS[number >> 3 & 7]} {GOODS[number & 7]}"
    cents = _LOWEST_PRICE_CENTS + random_at(_CATALOGUE_SEED, number, _CATALOGUE_STREAM) % _PRICE_RANGE_CENTS
    return ProductId(f"SKU-{number:06d}"), ProductTitle(title), _money(cents), cents


def _money(cents: int) -> Money:
    return Money(Decimal(cents).scaleb(-2), CURRENCY)


class OrderGenerator:
    """Makes the orders of one seed.

    Args:
        seed: of the run, any integer.
        line_items: the least and the most items of an order, both reached.

    Raises:
        UsageError: the bounds are not 1 ≤ least ≤ most ≤ 1000.
    """

    def __init__(self, seed: int, line_items: tuple[int, int] = (1, 5)) -> None:
        least, most = line_items
        if not 1 <= least <= most <= LINE_ITEMS_LIMIT:
            raise UsageError(
                f"--line-items {least}-{most}: a range of 1 … {LINE_ITEMS_LIMIT} is needed, the smaller first, as 1-5"
            )
        self._least = least
        self._choices = most - least + 1
        self._seed = stream_seed(seed, _ORDER_STREAM)
        self._catalogue = catalogue()

    def order(self, number: int, order_id: str, created_at: datetime) -> Order:
        """Order `number` of this seed under that id and instant: 3 items in 6 µs.

        Each integer drawn is cut into fields of its bits, since drawing is what costs (0.25 µs).

        Args:
            number: the event's number in the run, from 0.
            order_id: its name; nothing else in the order depends on it.
            created_at: with a time zone; nothing else depends on it.

        Raises:
            InvalidOrder: the id is empty or the time is naive.
        """
        state = mix64(self._seed + (number + 1) * GAMMA)
        customer = f"{FIRST_NAMES[state & 63]} {LAST_NAMES[state >> 6 & 63]}"
        total_cents = 0
        items = []
        for _ in range(self._least + (state >> 12) % self._choices):
            state = (state + GAMMA) & MASK64
            draw = mix64(state)
            product_id, title, price, price_cents = self._catalogue[draw & 511]
            quantity = QUANTITIES[draw >> 9 & 15]
            total_cents += price_cents * quantity
            # 13 digits whatever was drawn, and free of the order's id: a stamp patches two places, not more.
            items.append(LineItem(str(10**12 + (draw >> 24)), product_id, title, quantity, price))
        return Order(OrderId(order_id), created_at, customer, tuple(items), _money(total_cents))
