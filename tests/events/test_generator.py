"""Orders from numbers: the same for ever, varied, and right."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.events.generator import OrderGenerator, customers, lines
from loadgen.events.order import OrderId

NOW = datetime(2026, 11, 23, 20, 30, tzinfo=UTC)
LATER = datetime(2030, 1, 1, 1, 1, 1, 1, tzinfo=UTC)


@given(st.integers(), st.integers(0, 10**15))
def test_only_id_and_instant_are_the_callers(seed: int, number: int) -> None:
    """Two generators of one seed give one order; another id and instant change those two fields and nothing else."""
    one = OrderGenerator(seed).order(number, "a", NOW)
    other = OrderGenerator(seed).order(number, "b", LATER)

    assert (OrderId("a"), NOW) == (one.order_id, one.created_at)
    assert (OrderId("b"), LATER) == (other.order_id, other.created_at)
    assert (one.customer_name, one.line_items, one.total_price) == (
        other.customer_name,
        other.line_items,
        other.total_price,
    )


@given(st.integers(0, 2**64), st.integers(0, 10**12), st.integers(1, 40), st.integers(0, 40))
def test_totals_add_up_and_items_are_within_bounds(seed: int, number: int, least: int, more: int) -> None:
    """Totals are the sum of quantity times price, to the cent; item counts keep to the range asked for."""
    order = OrderGenerator(seed, (least, least + more)).order(number, "a", NOW)

    assert least <= len(order.line_items) <= least + more
    assert order.total_price.amount == sum(item.quantity * item.price.amount for item in order.line_items)
    assert order.total_price.amount == order.total_price.amount.quantize(Decimal("0.01"))


@given(st.integers(), st.integers(0, 10**12))
def test_line_item_ids_keep_their_width_and_differ(seed: int, number: int) -> None:
    """Line item ids are 13 digits whatever was drawn, and no two of an order are the same, up to 1000 items."""
    ids = [item.line_item_id for item in OrderGenerator(seed, (1000, 1000)).order(number, "a", NOW).line_items]

    assert {13} == {len(text) for text in ids}
    assert len(set(ids)) == 1000


def test_orders_are_varied() -> None:
    """4,000 orders reach every number of items evenly, all products, most customers, and names beyond ASCII."""
    orders = [OrderGenerator(7).order(number, "a", NOW) for number in range(4000)]
    counts = [sum(len(order.line_items) == size for order in orders) for size in range(1, 6)]
    products = {item.product_id for order in orders for item in order.line_items}
    names = {order.customer_name for order in orders}

    assert sum(counts) == 4000
    assert all(700 < count < 900 for count in counts)
    assert len(products) == 512
    assert len(names) > 2300
    assert any(not name.isascii() for name in names)
    assert len({order.line_items for order in orders}) > 3990


def test_seeds_and_numbers_are_apart() -> None:
    """Another seed, or the next number, is another order."""
    orders = {OrderGenerator(seed).order(number, "a", NOW) for seed in range(20) for number in range(20)}

    assert len(orders) == 400


def test_the_tables_are_full_and_valid() -> None:
    """512 products in 16 quantities and 4096 names, each once, all of them UTF-8."""
    assert len(lines()) == 8192
    assert 512 == len({line[0] for line in lines()}) == len({line[1] for line in lines()})
    assert len(set(customers())) == 4096
    assert all(name.encode() for name in customers())
    assert all(price.amount * quantity * 100 == cents for _, _, quantity, price, cents in lines())


@pytest.mark.parametrize("bounds", [(0, 1), (3, 2), (1, 1001), (-1, 5)])
def test_impossible_bounds_are_refused(bounds: tuple[int, int]) -> None:
    """A range of items that cannot be is a usage error that names the flag and the range."""
    with pytest.raises(UsageError, match=f"--line-items {bounds[0]}-{bounds[1]}"):
        OrderGenerator(1, bounds)
