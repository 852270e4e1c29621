"""The sending loop, with a clock turned by hand and lanes that take what they are told to take."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.arrivals.plan import NS_PER_S, Piece, RateCurve, Uniform
from loadgen.clock import ManualClock
from loadgen.recorder.slab import NOT_YET, Count, Header, Phase, Slab, Slot, Stop, producer_at, set_at
from loadgen.runner.hot_loop import GRACE_NS, Course, LaneState, Sent, drive

MS = 1_000_000


@dataclass
class FakeLane:
    """Takes at most `room` records a poll interval and rejects given sequences; remembers everything."""

    clock: ManualClock
    room: int = 10**9
    cost_ns: int = 0
    rejects: frozenset[int] = frozenset()
    taken: list[int] = field(default_factory=list)
    sent_at_ns: list[int] = field(default_factory=list)
    free: int = 0

    def __post_init__(self) -> None:
        self.free = self.room

    def send(self, first_sequence: int, count: int) -> Sent:
        taken = min(count, self.free)
        self.free -= taken
        sequences = range(first_sequence, first_sequence + taken)
        self.taken.extend(sequences)
        self.sent_at_ns.extend([self.clock.now_ns()] * taken)
        rejected = len(self.rejects & set(sequences))
        self.clock.advance_ns(self.cost_ns * max(count, 1))
        return Sent(taken - rejected, rejected)

    def poll(self) -> None:
        self.free = self.room


class Pulse:
    """A heartbeat that remembers nothing but the measured start."""

    def __init__(self) -> None:
        self.measured_at_ns: int | None = None

    def begin(self, now_ns: int) -> None: ...

    def measured_start(self, now_ns: int) -> None:
        self.measured_at_ns = now_ns

    def round(self, now_ns: int, wait_ns: int) -> None: ...

    def resumed(self, now_ns: int) -> None: ...


def run_loop(
    lanes: list[FakeLane],
    courses: list[Course],
    clock: ManualClock,
    *,
    warmup_ns: int,
    end_ns: int | None,
    batch_limit: int = 50,
) -> Slab:
    slab = Slab.create(len(lanes))
    slab.words[Header.T0_NS] = clock.now_ns() + 5 * MS
    states = [
        LaneState(lane, course, slab, slot) for slot, (lane, course) in enumerate(zip(lanes, courses, strict=True))
    ]
    drive(states, slab, clock, warmup_ns=warmup_ns, end_ns=end_ns, batch_limit=batch_limit, heartbeat=Pulse())
    return slab


def counted(slab: Slab, slot: int, phase: Phase, name: Count) -> int:
    return slab.words[set_at(slot, phase) + name]


def open_course(per_s: float, seconds: float, warmup_s: float = 0.0) -> Course:
    schedule = Uniform(RateCurve([Piece(per_s, per_s, warmup_s + seconds)]))
    first = schedule.due(round(warmup_s * NS_PER_S) - 1) if warmup_s else 0
    return Course(schedule, first, schedule.limit, None)


def test_open_loop_sends_each_event_once_and_never_early() -> None:
    """1,000/s for a second: sequences 0 … 999 in order, none before it is due."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock)
    slab = run_loop([lane], [open_course(1000, 1)], clock, warmup_ns=0, end_ns=NS_PER_S)
    t0_ns = slab.words[Header.T0_NS]

    assert lane.taken == list(range(1000))
    assert all(at >= t0_ns + sequence * MS for sequence, at in enumerate(lane.sent_at_ns))
    assert counted(slab, 0, Phase.MEASURED, Count.ATTEMPTED) == 1000


def test_warm_up_and_measured_are_told_apart_by_sequence() -> None:
    """Half a second of warm-up at 1,000/s is 500 sequences, then 1,000 measured ones."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock)
    slab = run_loop(
        [lane], [open_course(1000, 1, warmup_s=0.5)], clock, warmup_ns=NS_PER_S // 2, end_ns=3 * NS_PER_S // 2
    )

    assert slab.words[producer_at(0) + Slot.FIRST_MEASURED] == 500
    assert counted(slab, 0, Phase.WARMUP, Count.ATTEMPTED) == 500
    assert counted(slab, 0, Phase.MEASURED, Count.ATTEMPTED) == 1000


def test_flat_out_ends_with_the_time_and_opens_the_measured_phase_between_batches() -> None:
    """A lane that takes all: the phases share the sequences without a gap, and the time ends it."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock, cost_ns=10_000)
    slab = run_loop([lane], [Course(None, None, None, None)], clock, warmup_ns=100 * MS, end_ns=300 * MS)
    first = slab.words[producer_at(0) + Slot.FIRST_MEASURED]

    assert lane.taken == list(range(len(lane.taken)))
    assert counted(slab, 0, Phase.WARMUP, Count.ATTEMPTED) == first
    assert counted(slab, 0, Phase.MEASURED, Count.ATTEMPTED) == len(lane.taken) - first
    assert first > 0


def test_flat_out_ends_with_the_count() -> None:
    """`-n` measured records: exactly that many, the warm-up not among them."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock, cost_ns=10_000)
    slab = run_loop([lane], [Course(None, None, None, 777)], clock, warmup_ns=100 * MS, end_ns=None)

    assert counted(slab, 0, Phase.MEASURED, Count.ATTEMPTED) == 777


def test_a_full_queue_is_waited_for_and_booked() -> None:
    """What the queue does not take is sent later, once; the wait is backpressure, not rejection."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock, room=5, cost_ns=10_000)
    slab = run_loop([lane], [open_course(50_000, 0.5)], clock, warmup_ns=0, end_ns=NS_PER_S // 2)

    assert lane.taken == list(range(len(lane.taken)))
    assert counted(slab, 0, Phase.MEASURED, Count.REJECTED) == 0
    assert counted(slab, 0, Phase.MEASURED, Count.QUEUE_FULL) > 0
    assert counted(slab, 0, Phase.MEASURED, Count.BACKPRESSURE_US) > 0


def test_at_a_high_rate_events_leave_in_company() -> None:
    """100,000/s at 1 µs a record: a hand-over each quarter of a millisecond, not one for each event that fell due."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock, cost_ns=1000)
    run_loop([lane], [open_course(100_000, 0.1)], clock, warmup_ns=0, end_ns=NS_PER_S // 10, batch_limit=500)

    assert len(lane.taken) == 10_000
    assert len(set(lane.sent_at_ns)) <= 0.1 / 250e-6


def test_an_overload_ends_within_its_grace() -> None:
    """A plan that cannot be kept ends one second after its end; what was not sent was not attempted."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock, cost_ns=100_000)
    slab = run_loop([lane], [open_course(100_000, 0.2)], clock, warmup_ns=0, end_ns=NS_PER_S // 5)
    t0_ns = slab.words[Header.T0_NS]

    assert clock.now_ns() <= t0_ns + NS_PER_S // 5 + GRACE_NS + 50 * MS
    assert counted(slab, 0, Phase.MEASURED, Count.ATTEMPTED) == len(lane.taken) < 20_000


def test_rejected_records_are_counted_once() -> None:
    """Three refused sequences are attempted and rejected, and the next ones follow."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock, rejects=frozenset({3, 4, 99}))
    slab = run_loop([lane], [open_course(1000, 0.2)], clock, warmup_ns=0, end_ns=NS_PER_S // 5)

    assert counted(slab, 0, Phase.MEASURED, Count.REJECTED) == 3
    assert counted(slab, 0, Phase.MEASURED, Count.ATTEMPTED) == 200


def test_the_stop_word_ends_it() -> None:
    """A stop word that is set sends nothing more, and a phase that never began is closed at the next sequence."""
    clock = ManualClock(start_ns=NS_PER_S)
    lane = FakeLane(clock)
    slab = Slab.create(1)
    slab.words[Header.T0_NS] = clock.now_ns()
    slab.words[Header.STOP] = Stop.DRAIN
    drive(
        [LaneState(lane, Course(None, None, None, None), slab, 0)],
        slab,
        clock,
        warmup_ns=MS,
        end_ns=None,
        batch_limit=5,
        heartbeat=Pulse(),
    )

    assert lane.taken == []
    assert slab.words[producer_at(0) + Slot.FIRST_MEASURED] == 0 != NOT_YET


def test_an_open_breaker_holds_events_back_and_they_are_sent_late() -> None:
    """While the breaker word is set nothing is sent; afterwards the debt is, and nothing is lost."""
    clock = ManualClock(start_ns=NS_PER_S)
    slab = Slab.create(1)
    slab.words[Header.T0_NS] = clock.now_ns()
    slab.words[Header.BREAKER] = 1

    class Closing(FakeLane):
        def poll(self) -> None:
            super().poll()
            if self.clock.now_ns() > slab.words[Header.T0_NS] + 100 * MS:
                slab.words[Header.BREAKER] = 0

    lane = Closing(clock)
    drive(
        [LaneState(lane, open_course(1000, 0.3), slab, 0)],
        slab,
        clock,
        warmup_ns=0,
        end_ns=300 * MS,
        batch_limit=500,
        heartbeat=Pulse(),
    )

    assert lane.taken == list(range(300))
    assert min(lane.sent_at_ns) > slab.words[Header.T0_NS] + 100 * MS


@settings(max_examples=40)
@given(
    rooms=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    per_s=st.integers(100, 10_000),
    rejects=st.frozensets(st.integers(0, 50), max_size=5),
)
def test_whatever_the_queue_does_sequences_have_no_gap_and_the_ledger_closes(
    rooms: list[int], per_s: int, rejects: frozenset[int]
) -> None:
    """Several lanes of any room: each sends 0, 1, 2, … once, and attempted is what was taken."""
    clock = ManualClock(start_ns=NS_PER_S)
    lanes = [FakeLane(clock, room=room, rejects=rejects) for room in rooms]
    slab = run_loop(lanes, [open_course(per_s, 0.1) for _ in lanes], clock, warmup_ns=0, end_ns=NS_PER_S // 10)

    for slot, lane in enumerate(lanes):
        assert lane.taken == list(range(len(lane.taken)))
        assert counted(slab, slot, Phase.MEASURED, Count.ATTEMPTED) == len(lane.taken)
        assert counted(slab, slot, Phase.MEASURED, Count.REJECTED) == len(rejects & set(lane.taken))
        assert slab.words[producer_at(slot) + Slot.NEXT_SEQUENCE] == len(lane.taken)


def test_a_run_ends_on_time_while_the_breaker_is_open() -> None:
    """What fell due meanwhile is not sent any more; nobody waits for the breaker."""
    clock = ManualClock(start_ns=NS_PER_S)
    slab = Slab.create(1)
    slab.words[Header.T0_NS] = clock.now_ns()
    slab.words[Header.BREAKER] = 1
    lane = FakeLane(clock)
    drive(
        [LaneState(lane, Course(None, None, None, None), slab, 0)],
        slab,
        clock,
        warmup_ns=0,
        end_ns=300 * MS,
        batch_limit=500,
        heartbeat=Pulse(),
    )

    assert lane.taken == []
    assert 300 * MS <= clock.now_ns() - slab.words[Header.T0_NS] < 350 * MS
