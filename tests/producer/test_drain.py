"""The end of sending, on a clock turned by hand."""

from hypothesis import given
from hypothesis import strategies as st

from loadgen.clock import ManualClock
from loadgen.producer.drain import LONGEST_POLL_S, PURGE_GRACE_NS, drain, wait
from loadgen.producer.errors import outcome_of
from loadgen.producer.memory import Answer, MemoryTransport
from tests.producer.samples import MS, SECOND


class Ledger:
    """A sender's own count, as its callbacks keep it."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.transport = transport
        self.sent = 0
        self.ends: list[str] = []

    def send(self, count: int) -> None:
        for _ in range(count):
            self.transport.send("t", b"v", on_delivery=self.report)
            self.sent += 1

    def report(self, error: object, _message: object) -> None:
        self.ends.append("acked" if error is None else outcome_of(error.code()))  # type: ignore[attr-defined]

    def outstanding(self) -> int:
        return self.sent - len(self.ends)


def test_it_ends_as_soon_as_everything_is_answered() -> None:
    """Nothing is waited for beyond the last answer."""
    clock = ManualClock()
    transport = MemoryTransport(lambda number: Answer(number * 10 * MS), clock=clock)
    ledger = Ledger(transport)
    ledger.send(5)

    assert drain(transport, ledger.outstanding, 10 * SECOND, clock) == 0
    assert ledger.ends == ["acked"] * 5
    assert clock.now_ns() == 40 * MS


def test_what_is_not_answered_by_the_deadline_is_purged_and_reported() -> None:
    """Queued records end as failed, those in flight as unknown, at the deadline and not much later."""
    clock = ManualClock()
    transport = MemoryTransport(lambda number: Answer(None, in_flight=number < 2), clock=clock)
    ledger = Ledger(transport)
    ledger.send(5)

    assert drain(transport, ledger.outstanding, 3 * SECOND, clock) == 0
    assert ledger.ends == ["unknown", "unknown", "failed", "failed", "failed"]
    assert 3 * SECOND <= clock.now_ns() <= 3 * SECOND + MS


def test_asked_to_give_up_it_does_at_once() -> None:
    """A second signal is obeyed within one poll, and the ledger closes all the same."""
    clock = ManualClock()
    transport = MemoryTransport(lambda _: Answer(None), clock=clock)
    ledger = Ledger(transport)
    ledger.send(3)

    left = drain(transport, ledger.outstanding, 60 * SECOND, clock, give_up=lambda: clock.now_ns() >= SECOND)

    assert left == 0
    assert clock.now_ns() <= SECOND + LONGEST_POLL_S * 1e9


def test_a_client_that_reports_nothing_is_not_waited_for_long() -> None:
    """What never comes back is the return value, after the grace."""

    class Mute(MemoryTransport):
        def purge(self) -> None:
            """Says nothing."""

    clock = ManualClock()
    transport = Mute(lambda _: Answer(None), clock=clock)
    ledger = Ledger(transport)
    ledger.send(4)

    assert drain(transport, ledger.outstanding, SECOND, clock) == 4
    assert clock.now_ns() == SECOND + PURGE_GRACE_NS


def test_reports_that_are_there_count_after_the_deadline_too() -> None:
    """A deadline in the past purges nothing that is already answered."""
    clock = ManualClock(5 * SECOND)
    transport = MemoryTransport(clock=clock)
    ledger = Ledger(transport)
    ledger.send(3)

    assert drain(transport, ledger.outstanding, 0, clock) == 0
    assert ledger.ends == ["acked"] * 3


def test_waiting_gives_nothing_up() -> None:
    """`wait` returns what is left and leaves it where it is."""
    clock = ManualClock()
    transport = MemoryTransport(lambda number: Answer(None if number else 0), clock=clock)
    ledger = Ledger(transport)
    ledger.send(3)

    assert wait(transport, ledger.outstanding, SECOND, clock) == 2
    assert len(transport) == 2


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 5 * SECOND), st.sampled_from([0, 10, -192, 29]), st.booleans())),
    st.integers(0, 3 * SECOND),
)
def test_every_record_ends_once(script: list[tuple[int | None, int, bool]], deadline_ns: int) -> None:
    """Whatever the cluster answers and when, each record is reported exactly once and nothing is left."""
    clock = ManualClock()
    transport = MemoryTransport(lambda number: Answer(*script[number]), clock=clock)
    ledger = Ledger(transport)
    ledger.send(len(script))

    assert drain(transport, ledger.outstanding, deadline_ns, clock) == 0
    assert len(ledger.ends) == len(script)
