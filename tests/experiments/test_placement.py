"""Where a search's next run is placed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.experiments.capacity_found import CapacityPlan
from loadgen.experiments.edge import Run
from loadgen.experiments.placement import REPEATED, never_held, never_missed, next_rate, within

PLAN = CapacityPlan(start_per_s=1_000.0, least_per_s=100.0, most_per_s=1e6)
RUNS = st.lists(
    st.builds(Run, st.sampled_from([200.0, 500.0, 900.0, 1_000.0, 1_100.0, 4_000.0]), st.floats(-2, 2)), max_size=20
)


@pytest.mark.parametrize(
    ("rate", "down", "expected"),
    [(123_456.0, False, 123_500.0), (123_456.0, True, 123_400.0), (12.0, False, 100.0), (1e9, False, 1e6)],
)
def test_a_rate_is_rounded_within_the_plan(rate: float, down: bool, expected: float) -> None:
    """Four digits, down where it must not be above what held; never outside of least and most."""
    assert within(PLAN, rate, down=down) == expected


@pytest.mark.parametrize(
    ("runs", "missed", "held"),
    [
        ([], None, None),
        ([Run(500.0, -0.5)], 500.0, None),
        ([Run(500.0, 0.5)], 250.0, 500.0),
        ([Run(500.0, -0.5), Run(900.0, 0.1), Run(1_000.0, 0.5)], 500.0, 900.0),
        ([Run(500.0, -0.5), Run(500.0, 0.1), Run(200.0, -1.0), Run(900.0, 0.5)], 200.0, 900.0),
        ([Run(500.0, -0.5), Run(900.0, 0.5), Run(900.0, -0.1)], 500.0, 1_273.0),
        ([Run(100.0, 0.5)], None, 100.0),
    ],
)
def test_what_is_asked_again(runs: list[Run], missed: float | None, held: float | None) -> None:
    """Below all that ever missed, or half of the lowest, down to the least; above all that ever held, or above the top where
    even that both held and missed.
    """
    assert (never_missed(PLAN, runs), never_held(PLAN, runs)) == (missed, held)


def test_a_middle_that_stays_undecided_is_left() -> None:
    """The middle of what is unknown at first; after four runs that said nothing, the least-run rate beside it."""
    middle = within(PLAN, math.sqrt(500 * 2_000))
    runs = [Run(middle, 0.0)] * REPEATED

    assert next_rate(PLAN, [], 500.0, 2_000.0) == middle
    assert next_rate(PLAN, runs[1:], 500.0, 2_000.0) == middle
    assert next_rate(PLAN, runs, 500.0, 2_000.0) != middle
    assert next_rate(PLAN, [*runs, Run(943.0, 0.0)], 500.0, 2_000.0) == 1_060.0


@given(RUNS)
def test_the_next_run_lies_near_what_is_unknown(runs: list[Run]) -> None:
    """Whatever was measured: between the two bounds, or 6 % beside them, and within the plan."""
    found = next_rate(PLAN, runs, 500.0, 2_000.0)

    assert 500 / 1.061 <= found <= 2_000 * 1.061
