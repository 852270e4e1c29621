"""The plan: when each event is due."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadgen.arrivals.plan import NS_PER_S, Piece, Poisson, RateCurve, Uniform, schedule

RATES = st.floats(min_value=0.5, max_value=2_000_000, allow_nan=False)
DURATIONS = st.floats(min_value=0.001, max_value=300, allow_nan=False)
PIECES = st.lists(st.builds(Piece, RATES, RATES, DURATIONS), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("rate", "sequence", "expected_ns"),
    [
        (1, 0, 0),
        (1, 5, 5 * NS_PER_S),
        (3, 1, 333_333_333),  # a third of a second, floored
        (3, 3, NS_PER_S),
        (50_000, 1, 20_000),
        (3, 3 * 10**9, 10**9 * NS_PER_S),  # no drift after a thousand million seconds
    ],
)
def test_a_constant_rate_is_exact_however_long_the_run(rate: int, sequence: int, expected_ns: int) -> None:
    """The n-th event of a constant rate is due at n ÷ rate, floored to the nanosecond, without drift."""
    assert Uniform(RateCurve([Piece(rate, rate, None)])).intended_ns(sequence) == expected_ns


def test_a_ramp_sends_the_area_below_it() -> None:
    """A ramp 0+..200/s over 10 s makes half of 200/s × 10 s, the later seconds more than the earlier."""
    plan = Uniform(RateCurve([Piece(100, 300, 10)]))

    assert plan.limit == 2000
    assert plan.due(5 * NS_PER_S) == pytest.approx(100 * 5 + 20 * 25 / 2, abs=1)


def test_steps_change_rate_where_they_should() -> None:
    """Two steps of one second each: 10 events, then 20, then none."""
    plan = Uniform(RateCurve([Piece(10, 10, 1), Piece(20, 20, 1)]))

    assert [plan.due(t * NS_PER_S - 1) for t in (1, 2, 3)] == [10, 30, 30]


@given(PIECES, st.integers(1, 7), st.data())
def test_intended_and_due_are_inverses(pieces: list[Piece], producers: int, data: st.DataObject) -> None:
    """At the instant an event is due it is counted as due, a nanosecond earlier it is not; times never fall."""
    index = data.draw(st.integers(0, producers - 1))
    plan = Uniform(RateCurve(pieces), producers, index)
    limit = plan.limit
    assert limit is not None
    if limit == 0:
        return
    sequence = data.draw(st.integers(0, limit - 1))
    at = plan.intended_ns(sequence)

    assert plan.due(at) > sequence
    assert plan.due(at - 1) <= sequence
    assert sequence == 0 or plan.intended_ns(sequence - 1) <= at


@given(PIECES, st.integers(1, 7))
def test_producers_share_a_plan_without_a_gap(pieces: list[Piece], producers: int) -> None:
    """The events of all producers are the events of the plan: none missing, none twice."""
    curve = RateCurve(pieces)
    shared = sum(limit for index in range(producers) if (limit := Uniform(curve, producers, index).limit) is not None)

    assert shared == Uniform(curve).limit


@given(PIECES, st.integers(1, 4), st.integers(0, 2**63))
def test_linear_pieces_say_the_same_as_the_plan(pieces: list[Piece], producers: int, seed: int) -> None:
    """What the C sender computes from a linear piece is what Python computes."""
    plan = Uniform(RateCurve(pieces), producers, producers - 1)
    limit = plan.limit or 0
    for sequence in {0, limit // 3, limit // 2, max(limit - 1, 0)}:
        piece, after = plan.piece_of(sequence)
        if piece is not None and (after is None or sequence < after):
            offset = (piece.numerator + (sequence - piece.first) * piece.step) // piece.denominator
            assert offset == plan.intended_ns(sequence)


def test_poisson_gaps_are_exponential() -> None:
    """Poisson arrivals pass a Kolmogorov–Smirnov test against exponential gaps at the planned mean (α 0.01)."""
    plan = Poisson(RateCurve([Piece(50_000, 50_000, None)]), producers=2, index=1, seed=7)
    offsets = [plan.intended_ns(sequence) for sequence in range(20_000)]
    gaps_s = np.diff(offsets) / NS_PER_S

    assert stats.kstest(gaps_s, "expon", args=(0, 2 / 50_000)).pvalue > 0.01
    # and the counts of a block follow the Poisson law: variance equals mean
    counts = np.bincount((np.array(offsets) // 10_000_000).astype(int))[:-1]
    assert counts.var() == pytest.approx(counts.mean(), rel=0.35)


@given(st.integers(0, 2**64 - 1), st.integers(1, 5), st.data())
def test_poisson_arrivals_are_found_from_their_sequence(seed: int, producers: int, data: st.DataObject) -> None:
    """An arrival asked for alone, in any order, is the one that counting through gives."""
    pieces = [Piece(200, 2000, 2), Piece(500, 500, 3)]
    index = data.draw(st.integers(0, producers - 1))
    first, second = (schedule("poisson", pieces, producers, index, seed) for _ in range(2))
    in_order = [first.intended_ns(sequence) for sequence in range(300)]
    asked = data.draw(st.lists(st.integers(0, 299), min_size=1, max_size=5))

    assert [second.intended_ns(sequence) for sequence in asked] == [in_order[sequence] for sequence in asked]
    assert all(a <= b for a, b in pairwise(in_order))
    for sequence in asked:
        assert second.due(in_order[sequence]) > sequence
        assert second.due(in_order[sequence] - 1) <= sequence


@settings(max_examples=30)
@given(
    arrival=st.sampled_from(["uniform", "poisson"]),
    seed=st.integers(0, 99),
    first=st.integers(0, 3000),
    count=st.integers(0, 1500),
)
def test_many_due_times_at_once_are_those_one_by_one(arrival: str, seed: int, first: int, count: int) -> None:
    """Over constant pieces, a ramp, and the blocks of Poisson arrivals: to the nanosecond."""
    pieces = [Piece(1000, 1000, 1), Piece(200, 2000, 2), Piece(500, 500, None)]
    plan, other = (schedule(arrival, pieces, 2, 1, seed) for _ in range(2))

    assert plan.offsets_ns(first, count) == [other.intended_ns(sequence) for sequence in range(first, first + count)]


def test_poisson_limit_ends_with_the_plan() -> None:
    """No Poisson arrival lies beyond the plan's end, and about rate × time lie before it."""
    plan = schedule("poisson", [Piece(1000, 1000, 10)], 1, 0, seed=3)
    limit = plan.limit
    assert limit is not None

    assert abs(limit - 10_000) < 5 * math.sqrt(10_000)
    assert plan.intended_ns(limit - 1) < 10 * NS_PER_S


def test_another_seed_is_another_process() -> None:
    """Two seeds, or two producers of one seed, share no arrivals."""
    pieces = [Piece(1000, 1000, None)]
    one, two = (schedule("poisson", pieces, 1, 0, seed) for seed in (1, 2))
    third = schedule("poisson", pieces, 2, 1, 1)

    offsets = [{plan.intended_ns(sequence) for sequence in range(100)} for plan in (one, two, third)]
    assert not (offsets[0] & offsets[1] or offsets[0] & offsets[2])


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_of_nothing_is_refused(rate: int) -> None:
    """A plan without events is an error, not an endless wait."""
    with pytest.raises(ValueError, match="above 0"):
        RateCurve([Piece(rate, rate, 1)])


def test_pacer_and_sender_do_not_make_blocks_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for now and for the next event in turn, a few blocks apart, makes each block once."""
    plan = Poisson(RateCurve([Piece(100_000, 100_000, None)]), 1, 0, seed=1)
    made: list[int] = []
    draw = plan._draw

    def counted(block: int, position: int) -> float:
        if position == 1:
            made.append(block)
        return draw(block, position)

    monkeypatch.setattr(plan, "_draw", counted)
    for behind in range(20):
        plan.due(plan.intended_ns(256 * (behind + 4)))
        plan.intended_ns(256 * behind)

    assert len(made) == len(set(made))
