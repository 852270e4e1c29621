"""The pacer, with a clock turned by hand."""

from hypothesis import given
from hypothesis import strategies as st

from loadgen.arrivals.pacer import Decision, Step, decide
from loadgen.arrivals.plan import NS_PER_S, Piece, RateCurve, Uniform
from loadgen.clock import ManualClock

HUNDRED_PER_S = Uniform(RateCurve([Piece(100, 100, 10)]))
MS = 1_000_000


def test_table_of_decisions() -> None:
    """Each row: at this offset, with this many sent, do this (one event every 10 ms)."""
    rows = [
        (-5 * MS, 0, Decision(Step.WAIT, 5 * MS)),  # before the start
        (0, 0, Decision(Step.SEND, 1)),  # the first is due at 0
        (1 * MS, 1, Decision(Step.WAIT, 9 * MS)),  # the second at 10 ms
        (35 * MS, 1, Decision(Step.SEND, 3)),  # 10, 20 and 30 ms are due: the debt is sent
        (10 * NS_PER_S, 0, Decision(Step.SEND, 500)),  # no more than the batch limit
        (10 * NS_PER_S, 1000, Decision(Step.DONE, 0)),
    ]
    for offset_ns, sent, expected in rows:
        assert decide(HUNDRED_PER_S, offset_ns, sent, 1000, 500) == expected, (offset_ns, sent)


@given(st.lists(st.integers(1, 400 * MS), min_size=1, max_size=60))
def test_a_loop_with_any_stalls_sends_every_event_once_and_none_early(stalls_ns: list[int]) -> None:
    """Whatever stalls come between two rounds, each event is sent once, in order, never before it is due."""
    clock, sent, stalls = ManualClock(), 0, iter(stalls_ns)
    while True:
        decision = decide(HUNDRED_PER_S, clock.now_ns(), sent, 1000, 50)
        if decision.step is Step.DONE:
            break
        if decision.step is Step.SEND:
            assert HUNDRED_PER_S.intended_ns(sent + decision.amount - 1) <= clock.now_ns()
            sent += decision.amount
        else:
            clock.sleep_ns(decision.amount)
        clock.advance_ns(next(stalls, 0))

    assert sent == 1000
