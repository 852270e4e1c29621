"""Looks and what they may spend; the drawn order."""

import pytest

from loadgen.errors import UsageError
from loadgen.judge.looks import plan_looks
from loadgen.judge.order import block_order, pair_order


@pytest.mark.parametrize(("pairs", "at"), [(16, (12, 16)), (20, (15, 20)), (10, (7, 10)), (8, (8,)), (3, (3,))])
def test_looks_are_at_three_quarters_and_at_the_end(pairs: int, at: tuple[int, ...]) -> None:
    """A first look that no p below 0.01 could come out of is left away."""
    assert plan_looks(pairs).pairs == at


@pytest.mark.parametrize("tries", [1, 2, 5])
def test_looks_and_tries_together_spend_one_budget(tries: int) -> None:
    """Summed over looks and tries, the errors are those of one gate."""
    looks = plan_looks(16, tries=tries)

    assert looks.alarm_error * len(looks.pairs) * tries == pytest.approx(0.01)
    assert looks.pass_error * len(looks.pairs) * tries == pytest.approx(0.025)


def test_no_pairs_or_tries_are_refused() -> None:
    """Both start at 1."""
    for wrong in ({"pairs": 0}, {"tries": 0}):
        with pytest.raises(UsageError, match="start at 1"):
            plan_looks(**wrong)


def test_the_order_is_a_fair_coin_that_a_seed_fixes() -> None:
    """Of 4,000 drawn orders about half put the candidate first, whatever the seed; the same seed draws the same."""
    drawn = [pair_order(seed, pair) for seed in range(250) for pair in range(16)]

    assert drawn == [pair_order(seed, pair) for seed in range(250) for pair in range(16)]
    assert 0.47 < drawn.count("candidate first") / len(drawn) < 0.53
    assert len({tuple(drawn[i : i + 16]) for i in range(0, len(drawn), 16)}) > 240


def test_every_order_of_a_block_occurs() -> None:
    """All six orders of three treatments are drawn, each about as often."""
    drawn = [tuple(block_order(1, block, 3)) for block in range(1_200)]

    assert len(set(drawn)) == 6
    assert all(150 < drawn.count(order) < 250 for order in set(drawn))
