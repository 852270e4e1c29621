"""The C sender's due times are those of `arrivals.plan`, to the nanosecond."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgen.arrivals.plan import Linear, Piece, RateCurve, Uniform
from loadgen.native._native import Client


def pieces_of(schedule: Uniform) -> list[tuple[int, int, int, int]]:
    """What a native lane hands over of a schedule without ramps."""
    pieces: list[Linear] = [piece for piece in schedule._pieces if piece is not None]
    return [(piece.first, piece.numerator, piece.step, piece.denominator) for piece in pieces]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    rates=st.lists(st.floats(0.5, 5e6) | st.integers(1, 5_000_000).map(float), min_size=1, max_size=4),
    duration_s=st.integers(1, 7200).map(float) | st.floats(0.5, 7200),
    producers=st.integers(1, 64),
    data=st.data(),
)
def test_intended_times_are_those_of_the_plan(
    client: Client, rates: list[float], duration_s: float, producers: int, data: st.DataObject
) -> None:
    """Any constant rates in a row, any producer of many, any sequence: by the start and by the step. Or refused."""
    curve = RateCurve([Piece(rate, rate, duration_s) for rate in rates])
    schedule = Uniform(curve, producers, data.draw(st.integers(0, producers - 1)))
    pieces = pieces_of(schedule)
    if max(denominator for _, _, _, denominator in pieces) >= 1 << 63:
        with pytest.raises(OverflowError):
            client.set_schedule(pieces)
        return
    client.set_schedule(pieces)

    limit = schedule.limit
    assert limit is not None
    for sequence in [*range(5), *(first + near for first in schedule._firsts for near in (-1, 0, 1, 2))]:
        if 0 <= sequence < limit:
            assert schedule.intended_ns(sequence) == client.intended_ns(sequence)
    sequence = data.draw(st.integers(0, max(limit - 1, 0)))
    assert schedule.intended_ns(sequence) == client.intended_ns(sequence)


def test_a_long_run_is_exact(client: Client) -> None:
    """At 10^12 events 64 bits do not hold the product; the answer is exact all the same."""
    schedule = Uniform(RateCurve([Piece(333_333.333, 333_333.333, None)]), 7, 3)
    client.set_schedule(pieces_of(schedule))

    for sequence in (10**9, 10**11 + 1, 10**12 - 1):
        assert schedule.intended_ns(sequence) == client.intended_ns(sequence)


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([(1, 0, 1, 1)], ValueError),
        ([(0, 0, 1, 1), (5, 0, 1, 1), (4, 0, 1, 1)], ValueError),
        ([(0, 0, 1, 0)], ValueError),
        ([(0, 0, 1, -5)], ValueError),
        ([(0, 0, 1, 1 << 64)], OverflowError),
        ([(0, 0, 1)], TypeError),
        ([7], TypeError),
        (7, TypeError),
    ],
)
def test_pieces_that_make_no_schedule_are_refused(client: Client, pieces: object, error: type[Exception]) -> None:
    """Not from 0, descending, no denominator, not pieces at all."""
    with pytest.raises(error):
        client.set_schedule(pieces)  # type: ignore[arg-type]
