"""Changes in a history, and creep."""

import numpy as np
import pytest

from loadgen.errors import NotValid
from loadgen.judge.change import change_points
from loadgen.judge.creep import creep
from loadgen.judge.limit import parse_limit


def test_flat_series_show_a_change_in_at_most_one_of_twenty() -> None:
    """G11: 400 flat series of 60 points, a third of them with heavy tails; 5 % is 20, 29 comes by chance once in 50."""
    generator = np.random.default_rng(1)
    series = [generator.normal(100, 5, 60) if i % 3 else 100 + 5 * generator.standard_t(2, 60) for i in range(400)]

    assert sum(bool(change_points(row).points) for row in series) <= 29


def test_a_step_of_two_sigma_is_found_within_five_points() -> None:
    """G11: in at least 90 % of 200 series, wherever it is from the 10th to the 50th of 60 points."""
    generator = np.random.default_rng(2)
    found = 0
    for _ in range(200):
        at = int(generator.integers(10, 51))
        series = generator.normal(100, 5, 60) - 10 * (np.arange(60) >= at)
        found += any(abs(point.at - at) <= 5 for point in change_points(series).points)

    assert found >= 180


def test_two_steps_are_two_changes_with_their_levels() -> None:
    """Down and up again: both found, each with the medians around it."""
    generator = np.random.default_rng(3)
    series = generator.normal(100, 1, 60) - 20 * ((np.arange(60) >= 20) & (np.arange(60) < 40))

    points = change_points(series).points

    assert [point.at for point in points] == [20, 40]
    assert [point.ratio for point in points] == [pytest.approx(0.8, abs=0.02), pytest.approx(1.25, abs=0.02)]


def test_one_wild_run_is_no_change() -> None:
    """A single run ten times off changes nothing."""
    series = np.random.default_rng(4).normal(100, 2, 40)
    series[20] = 1_000

    assert change_points(series).points == []


@pytest.mark.parametrize("series", [[], [1.0], [5.0] * 30, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]])
def test_short_or_constant_histories_have_no_change(series: list[float]) -> None:
    """Fewer than eight runs cannot show one."""
    assert change_points(series).points == []


def test_the_same_series_gives_the_same_answer() -> None:
    """Permutations are drawn from a seed."""
    series = list(np.random.default_rng(5).normal(0, 1, 50))

    assert change_points(series) == change_points(series)


def test_a_history_that_wanders_is_doubted() -> None:
    """A random walk has changes that are drift; the doubt says to confirm them with a gate."""
    generator = np.random.default_rng(6)
    walks = [100 + np.cumsum(generator.normal(0, 1, 80)) for _ in range(20)]

    assert sum("wandering" in {d.code for d in change_points(walk).doubts} for walk in walks) >= 15


def losing(generator: np.random.Generator, steps: int, loss: float = 0.03, runs: int = 10) -> list[list[float]]:
    return [list(generator.normal(100 * (1 - loss) ** step, 2, runs)) for step in range(steps + 1)]


def test_creep_is_flagged_at_the_fourth_of_five_small_losses() -> None:
    """G12: five losses of 3 %, none beyond a limit of 10 % by itself: against the pinned anchor the fourth is flagged
    in at least 9 of 10 histories, the second in none.
    """
    generator = np.random.default_rng(7)
    limit = parse_limit("throughput.acked_per_s-10%")
    told = [creep(losing(generator, 5), limit) for _ in range(50)]

    assert sum(groups[3].flagged for groups in told) >= 45
    assert sum(groups[1].flagged for groups in told) == 0


def test_a_history_without_losses_is_not_flagged() -> None:
    """Of 100 flat histories of six groups none is flagged: the limit and Holm's p both stand in the way."""
    generator = np.random.default_rng(8)
    limit = parse_limit("throughput.acked_per_s-10%")

    assert not any(group.flagged for _ in range(100) for group in creep(losing(generator, 5, loss=0), limit))


def test_the_anchor_stays_where_it_was_pinned() -> None:
    """Flags depend on the anchor given: from the fourth group on, the same history has lost less than 10 %."""
    groups = losing(np.random.default_rng(9), 5)
    limit = parse_limit("throughput.acked_per_s-10%")

    assert creep(groups, limit)[-1].flagged
    assert not any(group.flagged for group in creep(groups, limit, anchor=3))
    assert [group.group for group in creep(groups, limit, anchor=3)] == [4, 5]


def test_creep_of_a_value_without_a_logarithm_is_not_valid() -> None:
    """A zero in a history ends in exit 5."""
    with pytest.raises(NotValid):
        creep([[1.0, 2.0], [0.0, 1.0]], parse_limit("response.p99+10%"))
