"""When the circuit opens and closes, in sums and instants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.producer.breaker import Breaker, BreakerSettings, State
from tests.producer.samples import SECOND

RULES = BreakerSettings(failure_ratio=0.5, window_s=10, minimum=20, silence_s=10, open_s=5, open_s_max=15, probes=3)


def opened(rules: BreakerSettings = RULES) -> Breaker:
    """A breaker that opened at second 1."""
    breaker = Breaker(rules, 0)
    assert breaker.observe(1 * SECOND, 10, 10, 0) is State.OPEN
    return breaker


@pytest.mark.parametrize(
    ("acked", "failed", "state"),
    [
        (100, 0, State.CLOSED),
        (11, 9, State.CLOSED),  # 45 %
        (10, 10, State.OPEN),  # 50 %
        (0, 19, State.CLOSED),  # too few to say
        (0, 20, State.OPEN),
    ],
)
def test_it_opens_at_the_ratio_of_enough_answers(acked: int, failed: int, state: State) -> None:
    """The ratio counts, once there are enough answers."""
    assert Breaker(RULES, 0).observe(SECOND, acked, failed, 0) is state


def test_old_failures_are_forgotten() -> None:
    """Only the window counts: 19 failures now and 19 ten seconds later are never 38."""
    breaker = Breaker(RULES, 0)
    for second in range(1, 40):
        failed = 19 * (1 + second // 20)
        assert breaker.observe(second * SECOND, 0, failed, 0) is State.CLOSED, second


def test_slow_trickles_add_up_within_the_window() -> None:
    """Failures a second apart count together."""
    breaker = Breaker(RULES, 0)
    states = [breaker.observe(second * SECOND, 0, 4 * second, 0) for second in range(1, 6)]

    assert states == [State.CLOSED] * 4 + [State.OPEN]


def test_silence_opens_it() -> None:
    """Records outstanding and no answer for ten seconds: open, though nothing failed."""
    breaker = Breaker(RULES, 0)

    assert breaker.observe(9 * SECOND, 5, 0, 3) is State.CLOSED
    assert breaker.observe(18 * SECOND, 5, 0, 3) is State.CLOSED
    assert breaker.observe(19 * SECOND, 5, 0, 3) is State.OPEN
    assert "no answer for 10 s, 3 outstanding" in breaker.why


def test_nothing_outstanding_is_not_silence() -> None:
    """An idle publisher stays closed for ever."""
    breaker = Breaker(RULES, 0)

    assert all(breaker.observe(second * SECOND, 5, 0, 0) is State.CLOSED for second in range(0, 1000, 7))


def test_silence_is_counted_from_when_something_became_outstanding() -> None:
    """The first record after an idle hour has its full ten seconds."""
    breaker = Breaker(RULES, 0)
    breaker.observe(3600 * SECOND, 0, 0, 0)

    assert breaker.observe(3605 * SECOND, 0, 0, 1) is State.CLOSED


def test_after_its_time_it_tries() -> None:
    """Open for 5 s, then half open."""
    breaker = opened()

    assert breaker.observe(5 * SECOND, 10, 10, 0) is State.OPEN
    assert breaker.retry_after_s(5 * SECOND) == 1.0
    assert breaker.observe(6 * SECOND, 10, 10, 0) is State.HALF_OPEN


def test_answers_after_silence_are_a_trial_by_themselves() -> None:
    """Opened by silence, it need not wait its time out once answers come again."""
    breaker = Breaker(RULES, 0)
    breaker.observe(10 * SECOND, 0, 0, 50)
    assert breaker.state is State.OPEN

    assert breaker.observe(11 * SECOND, 50, 0, 0) is State.HALF_OPEN


def test_enough_acknowledgements_close_it() -> None:
    """Three probes, or all that there are."""
    breaker = opened()
    breaker.observe(6 * SECOND, 10, 10, 0)

    assert breaker.observe(7 * SECOND, 12, 10, 2) is State.HALF_OPEN
    assert breaker.observe(8 * SECOND, 13, 10, 2) is State.CLOSED
    assert breaker.observe(9 * SECOND, 13, 12, 0) is State.CLOSED  # the past is forgotten


def test_a_failed_trial_opens_it_for_twice_as_long() -> None:
    """5 s, 10 s, 15 s, and not more; a success starts over at 5."""
    breaker = opened()
    second, failed, lengths = 1, 10, []
    for _ in range(4):
        began = second
        while breaker.observe(second * SECOND, 10, failed, 0) is State.OPEN:
            second += 1
        lengths.append(second - began)
        failed += 1
        breaker.observe(second * SECOND, 10, failed, 0)
    assert lengths == [5, 10, 15, 15]

    second += 15
    breaker.observe(second * SECOND, 10, failed, 0)
    breaker.observe(second * SECOND, 20, failed, 0)
    assert breaker.state is State.CLOSED
    breaker.observe((second + 1) * SECOND, 20, failed + 30, 0)
    assert breaker.retry_after_s((second + 1) * SECOND) == 5.0
    assert breaker.opened == 6


def test_an_unanswered_trial_opens_it_again() -> None:
    """A trial into a frozen cluster is not waited for longer than silence lasts."""
    breaker = opened()
    breaker.observe(6 * SECOND, 10, 10, 0)

    assert breaker.observe(15 * SECOND, 10, 10, 3) is State.HALF_OPEN
    assert breaker.observe(16 * SECOND, 10, 10, 3) is State.OPEN


@pytest.mark.parametrize(("state_at", "sent", "allowed"), [(5, 0, False), (6, 0, True), (6, 2, True), (6, 3, False)])
def test_half_open_lets_a_few_through(state_at: int, sent: int, allowed: bool) -> None:
    """None when open, `probes` when half open."""
    breaker = opened()
    breaker.observe(state_at * SECOND, 10, 10, 0)

    assert breaker.allowance(sent) is allowed


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50), st.integers(0, 50), st.integers(0, 9)), max_size=60))
def test_it_is_open_or_something_was_wrong(steps: list[tuple[int, int, int, int]]) -> None:
    """Without failures and without silence it never opens, whatever the rhythm."""
    breaker = Breaker(RULES, 0)
    now = acked = 0
    for seconds, good, _bad, outstanding in steps:
        now += seconds * SECOND
        acked += good + 1  # always some answer
        assert breaker.observe(now, acked, 0, outstanding) is State.CLOSED


@pytest.mark.parametrize("wrong", [{"failure_ratio": 0.0}, {"failure_ratio": 1.1}, {"window_s": 0}, {"probes": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    """A rule that would always or never hold is an error."""
    with pytest.raises(ValueError, match="must be"):
        BreakerSettings(**wrong)  # type: ignore[arg-type]
