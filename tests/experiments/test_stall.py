"""The closed form of a stall."""

import random

import pytest

from loadgen.experiments.stall import quantile_s


@pytest.mark.parametrize(
    ("share", "stall_s", "length_s", "base_s", "expected_s"),
    [
        (0.99, 1.4, 30, 0.006, 1.106),  # the three figures that the design names
        (0.999, 1.4, 30, 0.006, 1.376),
        (1.0, 1.4, 30, 0.006, 1.406),
        (0.99, 2.0, 60, 0.005, 1.405),
        (0.5, 1.4, 30, 0.006, 0.006),  # the median does not see it
    ],
)
def test_the_arithmetic_of_a_stall(
    share: float, stall_s: float, length_s: float, base_s: float, expected_s: float
) -> None:
    """S + b − (1 − q) · T, and never below the base."""
    assert quantile_s(share, stall_s=stall_s, length_s=length_s, base_s=base_s) == pytest.approx(expected_s)


def test_it_is_what_a_simulation_of_the_stall_gives() -> None:
    """10,000 evenly due events, one stall: the sorted response times have these quantiles."""
    source = random.Random(3)
    for _ in range(20):
        length_s, stall_s, base_s = source.uniform(5, 60), source.uniform(0.2, 3), source.uniform(0.0001, 0.01)
        begin_s = source.uniform(0, length_s - stall_s)
        due = [length_s * event / 10_000 for event in range(10_000)]
        waits = sorted(base_s + max(0.0, begin_s + stall_s - at) * (begin_s <= at) for at in due)
        for share in (0.9, 0.99, 0.999):
            told = quantile_s(share, stall_s=stall_s, length_s=length_s, base_s=base_s)
            assert told == pytest.approx(waits[int(share * 10_000)], abs=0.003 * length_s / 10)
