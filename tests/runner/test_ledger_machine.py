"""R1 as a state machine: attempted = rejected + acked + failed + unknown + open, whatever the cluster does and whenever.

The real sending state, Python lane, instrument, outcomes and drain, over a transport in memory whose answers, size limit
and clock the machine changes at will. After every step both phases' ledgers close, and every sequence's two bits say
what the counters say; at the end nothing is open.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from loadgen.clock import ManualClock
from loadgen.producer.drain import drain
from loadgen.producer.errors import ClientFatal, KafkaProducerError, outcome_of
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.recorder.acks import Acks
from loadgen.recorder.outcomes import Outcome, OutcomeRegions
from loadgen.recorder.slab import Count, Phase, Slab, Slot, producer_at, set_at
from loadgen.runner.hot_loop import Course, LaneState
from loadgen.runner.python_lane import PythonLane

CODES = [-192, -195, -185, -149, 7, 10, 3, 19, 20, 29, 56, 6, -150]  # definite and not, fatal
LARGEST_BYTES = 100
T0_NS = 1_000_000_000


class Source:
    """Every `too_large`-th record is more than the cluster takes."""

    def __init__(self) -> None:
        self.too_large = 0

    def record(self, sequence: int, offset_us: int) -> tuple[bytes | None, bytes]:
        large = self.too_large and sequence % self.too_large == 0
        return b"k", b"x" * (LARGEST_BYTES * 2 if large else 10)


class Ledger(RuleBasedStateMachine):
    """One producer of a worker, driven by hand."""

    @initialize(capacity=st.integers(1, 60), singly=st.booleans())
    def begin(self, capacity: int, singly: bool) -> None:
        self.clock = ManualClock(T0_NS)
        self.answers = Answer()
        self.transport = MemoryTransport(
            lambda _number: self.answers, clock=self.clock, capacity=capacity, largest_bytes=LARGEST_BYTES
        )
        self.slab, self.regions = Slab.create(1), OutcomeRegions.create(1, 100_000)
        mark = self.regions.marker(0)
        self.acks = Acks(self.slab, 0, timed=True, outcome_of=outcome_of, mark=mark, now_ns=self.clock.now_ns)
        self.source: Any = Source()
        self.lane = PythonLane(
            self.transport,
            "t",
            self.source,
            None,
            lambda: T0_NS,
            on_ack=self.acks.count,
            mark=mark,
            headers=[("h", "v")] if singly else None,
        )
        self.state = LaneState(self.lane, Course(None, None, None, None), self.slab, 0)
        self.over = False

    def outstanding(self) -> int:
        return self.lane.accepted - self.acks.answered[0]

    @precondition(lambda self: not self.over)
    @rule(amount=st.integers(1, 80))
    def send(self, amount: int) -> None:
        """A batch of any size, into whatever room there is."""
        before = self.state.next_sequence
        try:
            taken = self.state.send(amount, self.clock.now_ns())
        except (ClientFatal, KafkaProducerError):
            self.over = True  # the client gave up; the worker drains
            return
        assert 0 <= taken <= amount and self.state.next_sequence == before + taken

    @rule(
        after_ns=st.sampled_from([0, 1_000, 50_000_000, None]),
        code=st.one_of(st.just(0), st.sampled_from(CODES)),
        in_flight=st.booleans(),
    )
    def answer(self, after_ns: int | None, code: int, in_flight: bool) -> None:
        """From now on the cluster answers so: at once, late, never; well or with an error."""
        self.answers = Answer(after_ns, code, in_flight)

    @rule(every=st.integers(0, 5))
    def make_records_too_large(self, every: int) -> None:
        """Some records are refused by produce() itself."""
        self.source.too_large = every

    @rule(milliseconds=st.integers(0, 200))
    def time_passes(self, milliseconds: int) -> None:
        self.clock.sleep_ns(milliseconds * 1_000_000)
        self.lane.poll()

    @precondition(lambda self: self.state.first_measured is None)
    @rule()
    def the_warm_up_ends(self) -> None:
        """Answers to earlier records come later, and still belong to the warm-up."""
        self.state.begin_measured(self.clock.now_ns())

    @rule()
    def purge(self) -> None:
        """What is queued is given up, what is in flight becomes unknown."""
        self.transport.purge()
        self.lane.poll()

    @invariant()
    def the_ledger_closes(self) -> None:
        """Both phases; what is open is what the client still owes an answer."""
        if not hasattr(self, "state"):
            return
        open_records = 0
        for phase in Phase:
            attempted, rejected, acked, failed, unknown = self.counts(phase)
            left = attempted - rejected - acked - failed - unknown
            assert left >= 0
            open_records += left
        assert open_records == self.outstanding()

    @invariant()
    def the_outcomes_say_what_the_ledger_says(self) -> None:
        """Two bits a sequence, summed by phase, are the counters; no sequence from the next on has any."""
        if not hasattr(self, "state"):
            return
        cells, end = self.regions.region(0), self.state.next_sequence
        bits = [cells[sequence >> 2] >> ((sequence & 3) << 1) & 3 for sequence in range(end + 100)]
        first = end if self.state.first_measured is None else self.state.first_measured
        for phase, part in ((Phase.WARMUP, bits[:first]), (Phase.MEASURED, bits[first:end])):
            _, rejected, acked, failed, _ = self.counts(phase)
            assert [part.count(one) for one in (Outcome.REJECTED, Outcome.ACKED, Outcome.FAILED)] == [
                rejected,
                acked,
                failed,
            ]
        assert not any(bits[end:])

    def counts(self, phase: Phase) -> list[int]:
        """attempted, rejected, acked, failed, unknown."""
        base = set_at(0, phase)
        names = (Count.ATTEMPTED, Count.REJECTED, Count.ACKED, Count.FAILED, Count.UNKNOWN)
        return [int(self.slab.words[base + name]) for name in names]

    def teardown(self) -> None:
        """Drain to a deadline: nothing is open, every attempted sequence is in one place, codes add up."""
        if not hasattr(self, "state"):
            return
        left = drain(self.transport, self.outstanding, self.clock.now_ns() + 10_000_000, self.clock)
        assert left == 0
        self.the_ledger_closes()
        self.the_outcomes_say_what_the_ledger_says()
        everything = [sum(both) for both in zip(*(self.counts(phase) for phase in Phase), strict=True)]
        assert everything[0] == sum(everything[1:]) == self.state.next_sequence
        assert everything[2] == len(self.transport.log)  # acked is what a consumer would read
        told = int(self.slab.words[producer_at(0) + Slot.NEXT_SEQUENCE])
        # a client that gave up took nothing of its last batch, which was announced: a bound then, exact else
        assert told == self.state.next_sequence or (self.over and told > self.state.next_sequence)
        self.regions.close()
        self.slab.close()


COMMON = {"stateful_step_count": 40, "deadline": None, "suppress_health_check": list(HealthCheck)}


class TestLedger(Ledger.TestCase):  # type: ignore[name-defined, misc]
    """25 seeded fault runs."""

    settings = settings(max_examples=25, **COMMON)


@pytest.mark.slow
class TestLedgerLong(Ledger.TestCase):  # type: ignore[name-defined, misc]
    """200 of them."""

    settings = settings(max_examples=200, **COMMON)
