"""Disturbances found by a run itself: tables of what happened and what must be told."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.report.belief import recovery as in_words
from loadgen.report.recovery import Disturbance, Looks, disturbances, recovery_of
from loadgen.report.result import Recovery, Verified
from tests.report.samples import orders_run

S = 1_000_000_000
LOOK_NS = 50_000_000
FLAT: list[tuple[float, float]] = []


def looks_of(rate: Callable[[float], float], until_s: float, sending_s: float | None = None) -> Looks:
    """Acknowledgements at a rate that depends on the second, seen 20 times a second; none are seen while it is 0."""
    at_ns = np.arange(0, round(until_s * S) + 1, LOOK_NS)
    rates = np.array([rate(one / S) for one in at_ns])
    acked = np.floor(np.append(0, np.cumsum(rates[:-1] * LOOK_NS / S)) + 1e-6).astype(np.int64)
    last, lasts = 0, []
    for index, at in enumerate(at_ns):
        if index and acked[index] != acked[index - 1]:
            last = int(at)
        lasts.append(last)
    return Looks(at_ns, acked, np.array(lasts), round((until_s if sending_s is None else sending_s) * S))


def stopped(begin: float, end: float, per_s: float = 1000.0, burst: bool = True) -> Callable[[float], float]:
    """Nothing from begin to end; then, for half a second, what had waited."""

    def rate(second: float) -> float:
        if begin <= second < end:
            return 0.0
        return per_s + (per_s * (end - begin) * 2 if burst and end <= second < end + 0.5 else 0.0)

    return rate


@pytest.mark.parametrize("planned", [FLAT, [(0.0, 1000.0), (1e9, 1000.0)]], ids=["flat out", "by plan"])
def test_a_stop_is_told_by_its_gap_and_its_end(planned: list[tuple[float, float]]) -> None:
    """12 s of silence from second 5 on: the gap, where, and that the rate was back when it ended, burst or not."""
    for burst in (True, False):
        (found,) = disturbances(looks_of(stopped(5, 17, burst=burst), 30), 0, planned)

        assert found.at_ns / S == pytest.approx(5, abs=0.051)
        assert found.gap_ns / S == pytest.approx(12, abs=0.051)
        assert found.regained_ns is not None
        assert (found.regained_ns - found.at_ns) / S == pytest.approx(12, abs=0.11)


def test_a_rate_that_comes_back_slowly_is_back_later_than_the_acknowledgements() -> None:
    """After the silence half the rate for 4 s, then all of it: regained counts to the first whole second at 95 %."""

    def rate(second: float) -> float:
        return 0.0 if 5 <= second < 8 else 500.0 if 8 <= second < 12 else 1000.0

    (found,) = disturbances(looks_of(rate, 30), 0, [(0, 1000), (30, 1000)])

    assert found.gap_ns / S == pytest.approx(3, abs=0.051)
    assert found.regained_ns is not None
    assert (found.regained_ns - found.at_ns) / S == pytest.approx(7, abs=0.2)


def test_one_leader_of_three_is_a_dip_without_a_silence() -> None:
    """Two thirds of the rate for 6 s, then the backlog: found by plan; flat out it is within what happens anyway."""

    def rate(second: float) -> float:
        return 667.0 if 10 <= second < 16 else 3000.0 if 16 <= second < 17 else 1000.0

    (found,) = disturbances(looks_of(rate, 30), 0, [(0, 1000), (30, 1000)])

    assert found.gap_ns == 0
    assert found.at_ns / S == pytest.approx(10, abs=1)
    assert found.lowest == pytest.approx(0.667, abs=0.01)
    assert found.regained_ns is not None
    assert found.regained_ns / S == pytest.approx(16, abs=1)
    assert disturbances(looks_of(rate, 30), 0, FLAT) == []


def test_a_broker_that_never_comes_back() -> None:
    """The silence lasts to the last look of the drain, and nothing is said to be regained."""
    (found,) = disturbances(looks_of(lambda second: 1000.0 if second < 8 else 0.0, 30, sending_s=20), 0, FLAT)

    assert found == Disturbance(found.at_ns, found.gap_ns, 0.0, None)
    assert found.gap_ns / S == pytest.approx(22, abs=0.051)


def test_several_are_counted_and_the_longest_silence_is_the_worst() -> None:
    """Two stops and a dip: three disturbances; the longer stop is told."""

    def rate(second: float) -> float:
        if 5 <= second < 7 or 15 <= second < 19:
            return 0.0
        return 300.0 if 25 <= second < 27 else 1000.0

    told = recovery_of(looks_of(rate, 40), 0, [(0, 1000), (40, 1000)], 0.005, None)

    assert told is not None
    assert told.disturbances == 3
    assert told.at_s == pytest.approx(15, abs=0.051)
    assert told.longest_ack_gap_s == pytest.approx(4, abs=0.051)


@pytest.mark.parametrize(
    ("rate", "planned", "until_s"),
    [
        (lambda second: 1000.0, FLAT, 20.0),
        (lambda second: 1000.0, [(0.0, 1000.0), (20.0, 1000.0)], 20.0),
        (lambda second: 100 + 90 * second, [(0.0, 100.0), (20.0, 1900.0)], 20.0),  # a ramp
        (lambda second: 500.0 if second < 10 else 5000.0, [(0, 500), (10, 500), (10, 5000), (20, 5000)], 20.0),  # steps
        (lambda second: 400.0, [(0.0, 1000.0), (20.0, 1000.0)], 20.0),  # saturated all along: no disturbance
        (lambda second: 0.5, [(0.0, 0.5), (60.0, 0.5)], 60.0),  # every gap is 2 s because the rate is that low
        (lambda second: 0.0 if 5 <= second < 5.8 else 1000.0, FLAT, 20.0),  # shorter than a second
        (lambda second: 1000.0 if second % 2 < 1.4 else 300.0, FLAT, 20.0),  # uneven, as flat out is
        (lambda second: 1000.0, FLAT, 0.0),
    ],
    ids=["steady", "by plan", "ramp", "steps", "saturated", "rare", "short", "uneven", "one look"],
)
def test_what_is_no_disturbance(
    rate: Callable[[float], float], planned: list[tuple[float, float]], until_s: float
) -> None:
    """Rates that change by plan, that are low, or that never were what was asked: nothing to recover from."""
    assert recovery_of(looks_of(rate, until_s), 0, planned, 0.005, None) is None


def test_a_batch_that_is_gathered_for_seconds_is_no_silence() -> None:
    """linger 2 s: an acknowledgement every two seconds is what was asked for."""
    every_two = looks_of(lambda second: 20_000.0 if second % 2 < 0.1 else 0.0, 30)

    assert recovery_of(every_two, 0, FLAT, 0.005, None) is not None
    assert recovery_of(every_two, 0, FLAT, 2.0, None) is None


def test_no_looks_no_disturbance() -> None:
    """A run that ended in its warm-up."""
    none = np.array([], dtype=np.int64)
    assert disturbances(Looks(none, none, none, 0), 0, FLAT) == []


@given(begin=st.floats(3, 10), length=st.floats(1.2, 8), per_s=st.floats(100, 1e6))
def test_any_stop_is_found_within_a_look(begin: float, length: float, per_s: float) -> None:
    """Wherever it lies and whatever the rate: the gap is known to a look at each end."""
    (found,) = disturbances(looks_of(stopped(begin, begin + length, per_s), 30), 0, FLAT)

    assert found.at_ns / S == pytest.approx(begin, abs=0.06)
    assert found.gap_ns / S == pytest.approx(length, abs=0.11)
    assert found.regained_ns is not None
    assert found.regained_ns >= found.at_ns + found.gap_ns


def test_lost_and_duplicated_come_from_reading_back() -> None:
    """With --verify the two counts are told beside the times; without it they are null, not 0."""
    looks = looks_of(stopped(5, 9), 20)
    read = Verified(read=10, lost=3, duplicated=2, reordered=0, corrupted=0, foreign=0)
    told, untold = (recovery_of(looks, 0, FLAT, 0.005, found) for found in (read, None))

    assert told is not None
    assert untold is not None
    assert (told.lost, told.duplicated) == (3, 2)
    assert (untold.lost, untold.duplicated) == (None, None)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            Recovery(longest_ack_gap_s=12.04, at_s=5.1, regained_after_s=12.4, lost=0, duplicated=0),
            "no acknowledgement for 12 s from 5.1 s on; 95 % of the rate after 12.4 s; 0 lost, 0 duplicated",
        ),
        (
            Recovery(longest_ack_gap_s=12.04, at_s=5.1, regained_after_s=None, disturbances=3),
            "no acknowledgement for 12 s from 5.1 s on; not back before the end; the worst of 3 disturbances",
        ),
        (
            Recovery(longest_ack_gap_s=0.0, at_s=5.1, regained_after_s=6.0, lowest_ratio=0.66),
            "the rate fell to 66 % at 5.1 s; 95 % of the rate after 6 s",
        ),
    ],
)
def test_in_words(told: Recovery, words: str) -> None:
    """The line of the terminal summary; a run without a disturbance has none."""
    assert in_words(msgspec.structs.replace(orders_run(), recovery=told)) == words
    assert in_words(orders_run()) is None
