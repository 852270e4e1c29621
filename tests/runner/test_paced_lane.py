"""A lane that spends the loop's waits sending: each event at its own instant, the same ledger, the same words obeyed."""

from dataclasses import dataclass, field

import pytest

from loadgen.arrivals.plan import NS_PER_S, Piece, RateCurve, Schedule, Uniform
from loadgen.clock import ManualClock
from loadgen.recorder.slab import Count, Header, Phase, Slab, Slot, Stop, producer_at, set_at
from loadgen.runner.hot_loop import Course, LaneState, SentDue, drive
from loadgen.runner.worker import SlabHeartbeat
from tests.runner.test_hot_loop import FakeLane

MS = 1_000_000
RATE_PER_S, SECONDS, WARMUP_S = 1000, 0.5, 0.2
WARMUP_EVENTS, EVENTS = 200, 700


@dataclass
class FakePacedLane(FakeLane):
    """Sends as the C part does: due events at once, then a sleep to the next one; the slab's words are kept."""

    schedule: Schedule = field(default_factory=lambda: Uniform(RateCurve([Piece(1, 1, None)])))
    slab: Slab = field(default_factory=lambda: Slab.create(1))
    waits: int = 0

    def send_due(self, first_sequence: int, count: int, until_ns: int, shortest_wait_ns: int) -> SentDue:
        words, t0_ns, taken, rejected = self.slab.words, self.slab.words[Header.T0_NS], 0, 0
        self.waits += 1
        assert count > 0
        phase = Phase.MEASURED if first_sequence >= words[producer_at(0) + Slot.FIRST_MEASURED] else Phase.WARMUP
        while taken < count and not words[Header.STOP] and not words[Header.BREAKER]:
            offset_ns = self.clock.now_ns() - t0_ns
            due = min(self.schedule.due(offset_ns) - first_sequence, count) - taken
            if due > 0:
                sent = self.send(first_sequence + taken, due)
                taken, rejected = taken + sum(sent), rejected + sent.rejected
                words[set_at(0, phase) + Count.ATTEMPTED] += sum(sent)
                words[set_at(0, phase) + Count.REJECTED] += sent.rejected
                words[producer_at(0) + Slot.NEXT_SEQUENCE] = first_sequence + taken
                if sum(sent) < due:
                    return SentDue(taken - rejected, rejected, full=True)
                continue
            if offset_ns >= until_ns:
                break
            next_ns = max(self.schedule.intended_ns(first_sequence + taken), offset_ns + shortest_wait_ns)
            self.clock.advance_ns(min(next_ns, until_ns) - offset_ns)
        return SentDue(taken - rejected, rejected, full=False)


@pytest.fixture
def lane() -> FakePacedLane:
    """A lane whose plan is a warm-up of 200 events and 500 measured ones, a millisecond apart."""
    schedule = Uniform(RateCurve([Piece(RATE_PER_S, RATE_PER_S, WARMUP_S + SECONDS)]))
    return FakePacedLane(ManualClock(start_ns=NS_PER_S), schedule=schedule, slab=Slab.create(1))


def run(lane: FakePacedLane, others: int = 0) -> None:
    """To the plan's end, as a worker drives it."""
    slab = lane.slab
    slab.words[Header.T0_NS] = lane.clock.now_ns() + 5 * MS
    states = [LaneState(lane, Course(lane.schedule, WARMUP_EVENTS, EVENTS, None), slab, 0)]
    if others:
        idle = FakeLane(lane.clock)
        states.append(LaneState(idle, Course(lane.schedule, WARMUP_EVENTS, EVENTS, None), Slab.create(2), 1))
    drive(
        states,
        slab,
        lane.clock,
        warmup_ns=round(WARMUP_S * NS_PER_S),
        end_ns=round((WARMUP_S + SECONDS) * NS_PER_S),
        batch_limit=50,
        heartbeat=SlabHeartbeat(slab),
    )


def counted(lane: FakePacedLane, phase: Phase, name: Count) -> int:
    return lane.slab.words[set_at(0, phase) + name]


def test_each_event_leaves_at_its_own_instant(lane: FakePacedLane) -> None:
    """700 events a millisecond apart leave exactly then, in 36 waits of 20 ms; no wait of the plan's is a stall."""
    run(lane)
    t0_ns = lane.slab.words[Header.T0_NS]

    assert lane.taken == list(range(EVENTS))
    assert [at - t0_ns for at in lane.sent_at_ns] == [sequence * MS for sequence in range(EVENTS)]
    assert lane.waits < 50
    assert lane.slab.words[Header.CLIENT_STALL_US_MAX] == 0


def test_phases_share_the_events_by_sequence(lane: FakePacedLane) -> None:
    """Booked by the lane in the phase that it was told; the measured start is noted before any measured event leaves."""
    run(lane)
    t0_ns = lane.slab.words[Header.T0_NS]

    assert counted(lane, Phase.WARMUP, Count.ATTEMPTED) == WARMUP_EVENTS
    assert counted(lane, Phase.MEASURED, Count.ATTEMPTED) == EVENTS - WARMUP_EVENTS
    assert lane.slab.words[Header.MEASURED_START_NS] == t0_ns + WARMUP_S * NS_PER_S
    assert lane.slab.words[producer_at(0) + Slot.NEXT_SEQUENCE] == EVENTS


def test_rejected_records_are_counted_once(lane: FakePacedLane) -> None:
    """Three refused sequences, and the next ones follow."""
    lane.rejects = frozenset({3, 4, 500})
    run(lane)

    assert lane.taken == list(range(EVENTS))
    assert [counted(lane, phase, Count.REJECTED) for phase in Phase] == [2, 1]


def test_a_full_queue_is_waited_for_and_booked(lane: FakePacedLane) -> None:
    """Room for two records a poll: the loop sleeps, polls, and sends the debt; nothing is lost or sent twice."""
    lane.room = lane.free = 2
    run(lane)

    assert lane.taken == list(range(EVENTS))
    assert counted(lane, Phase.MEASURED, Count.ATTEMPTED) == EVENTS - WARMUP_EVENTS
    assert counted(lane, Phase.MEASURED, Count.QUEUE_FULL) > 0
    assert counted(lane, Phase.MEASURED, Count.BACKPRESSURE_US) > 0
    assert lane.slab.words[producer_at(0) + Slot.QUEUE_FULL_NS] == 0


def test_an_open_breaker_is_slept_through(lane: FakePacedLane) -> None:
    """While it is open the lane is not asked to wait, which would be a loop without a pause; then the debt goes."""
    lane.slab.words[Header.BREAKER] = 1
    polls: list[int] = []

    def poll() -> None:
        polls.append(lane.clock.now_ns())
        lane.free = lane.room
        if lane.clock.now_ns() > lane.slab.words[Header.T0_NS] + 100 * MS:
            lane.slab.words[Header.BREAKER] = 0

    lane.poll = poll  # type: ignore[method-assign]
    run(lane)

    assert lane.taken == list(range(EVENTS))
    assert min(lane.sent_at_ns) > lane.slab.words[Header.T0_NS] + 100 * MS
    assert len(polls) < 100


def test_the_stop_word_ends_it(lane: FakePacedLane) -> None:
    """Set while the lane waits: it comes back and the loop ends."""

    def send_once(first_sequence: int, count: int, until_ns: int, shortest_wait_ns: int) -> SentDue:
        del first_sequence, count, until_ns, shortest_wait_ns
        lane.slab.words[Header.STOP] = Stop.DRAIN
        return SentDue(0, 0, full=False)

    lane.send_due = send_once  # type: ignore[method-assign]
    run(lane)

    assert lane.taken == [0]  # due at the start: sent by the loop itself


def test_beside_other_lanes_it_does_not_wait(lane: FakePacedLane) -> None:
    """A wait would hold up the others: the loop paces all of them."""
    run(lane, others=1)

    assert lane.taken == list(range(EVENTS))
    assert lane.waits == 0


def test_a_wait_with_nothing_left_to_send_is_none(lane: FakePacedLane) -> None:
    """The worker stood still and the loop itself sent the last events: the lane is not asked to send none of them."""
    send_due = lane.send_due

    def stands_still_once(first_sequence: int, count: int, until_ns: int, shortest_wait_ns: int) -> SentDue:
        sent = send_due(first_sequence, count, until_ns, shortest_wait_ns)
        if 600 <= first_sequence + sent.accepted <= 640:
            lane.clock.advance_ns(NS_PER_S // 5)
        return sent

    lane.send_due = stands_still_once  # type: ignore[method-assign]
    run(lane)

    assert lane.taken == list(range(EVENTS))
