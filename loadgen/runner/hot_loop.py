"""The sending loop of a worker: one thread, its producers ("lanes") in turn, one decision a batch.

A lane owns sequences and bytes; this loop owns time: when to send, when to wait, when to stop. It keeps the attempted
side of the ledger: NEXT_SEQUENCE is raised before a batch is handed over, ATTEMPTED after, so that a worker killed in
between leaves a bound of what it may have sent.

By a plan, a lane that has the loop to itself and can (`PacedLane`) spends the waits sending what falls due: each event at
its own instant, without a round of this loop.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from loadgen.arrivals.pacer import Step, decide
from loadgen.arrivals.plan import Schedule
from loadgen.clock import Clock
from loadgen.recorder.slab import NOT_YET, Count, Header, Phase, Slab, Slot, Stop, producer_at, set_at

LONGEST_WAIT_NS = 20_000_000  # the stop word is seen within 20 ms
# Waking for every event of 10,000/s costs a core; what falls due within a quarter of a millisecond leaves together.
SHORTEST_WAIT_NS = 250_000
FULL_QUEUE_WAIT_NS = 1_000_000
BEYOND_A_WAIT = 1 << 32  # more events than can fall due in one wait
GRACE_NS = 1_000_000_000  # after the plan's end, what is still due is sent for this long; the rest was never attempted


class Sent(NamedTuple):
    """What became of a batch: accepted + rejected from its front; the rest found the queue full."""

    accepted: int
    rejected: int


class SentDue(NamedTuple):
    """What became of events that fell due one by one; `full` when a full queue ended it."""

    accepted: int
    rejected: int
    full: bool


class Lane(Protocol):
    """One producer as the loop sees it."""

    def send(self, first_sequence: int, count: int) -> Sent:
        """Hand over that many events from a sequence on, in order; never blocks on a full queue."""
        ...

    def poll(self) -> None:
        """Serve what the client has to report, without waiting."""
        ...


@runtime_checkable
class PacedLane(Lane, Protocol):
    """A lane that can spend the loop's waits sending what falls due meanwhile."""

    def send_due(self, first_sequence: int, count: int, until_ns: int, shortest_wait_ns: int) -> SentDue:
        """Send events as they fall due, at most `count`, until an offset from the start or a full queue.

        It keeps NEXT_SEQUENCE, ATTEMPTED, REJECTED and CLIENT_STALL_US_MAX, and obeys the stop and breaker words.
        """
        ...


class Course(NamedTuple):
    """How far and when one lane sends.

    Attributes:
        schedule: when events are due; None flat out.
        first_measured, end_sequence: by the plan; None where the clock decides.
        measured_count: records after which a flat-out lane ends; None without.
        most: records after which any lane ends, in all phases; None without.
    """

    schedule: Schedule | None
    first_measured: int | None
    end_sequence: int | None
    measured_count: int | None
    most: int | None = None


class LaneState:
    """A lane's place in its course, and its cells in the slab."""

    def __init__(self, lane: Lane, course: Course, slab: Slab, slot: int) -> None:
        self.lane, self.course = lane, course
        self.paced = lane if course.schedule is not None and isinstance(lane, PacedLane) else None
        self.words = slab.words
        self.slot_at = producer_at(slot)
        self.sets = tuple(set_at(slot, phase) for phase in Phase)
        self.next_sequence = 0
        self.first_measured = course.first_measured
        self.end_sequence = _sooner(course.end_sequence, course.most)
        self.full_since_ns = 0
        if course.first_measured is not None:
            self.words[self.slot_at + Slot.FIRST_MEASURED] = course.first_measured

    def begin_measured(self, now_ns: int) -> None:
        """Flat out: the next sequence opens the measured phase; a queue that is full now was full in the warm-up."""
        if self.full_since_ns:
            self.words[self.sets[Phase.WARMUP] + Count.BACKPRESSURE_US] += (now_ns - self.full_since_ns) // 1000
            self.full_since_ns = now_ns
        self.first_measured = self.next_sequence
        self.words[self.slot_at + Slot.FIRST_MEASURED] = self.next_sequence
        if self.course.measured_count is not None:
            self.end_sequence = _sooner(self.next_sequence + self.course.measured_count, self.course.most)

    def send(self, amount: int, now_ns: int) -> int:
        """Hand over a batch that lies in one phase; returns how many sequences it moved on."""
        words, first = self.words, self.next_sequence
        amount, base = self._in_one_phase(amount)
        words[self.slot_at + Slot.NEXT_SEQUENCE] = first + amount
        sent = self.lane.send(first, amount)
        taken = sent.accepted + sent.rejected
        self.next_sequence = first + taken
        words[self.slot_at + Slot.NEXT_SEQUENCE] = self.next_sequence
        words[base + Count.ATTEMPTED] += taken
        words[base + Count.REJECTED] += sent.rejected
        if not words[base + Count.FIRST_SENT_NS]:
            words[base + Count.FIRST_SENT_NS] = now_ns
        if taken < amount:
            self._found_full(base, now_ns)
        elif self.full_since_ns:
            words[base + Count.BACKPRESSURE_US] += (now_ns - self.full_since_ns) // 1000
            self.full_since_ns = 0
            words[self.slot_at + Slot.QUEUE_FULL_NS] = 0
        return taken

    def wait_sending(self, lane: PacedLane, clock: Clock, until_ns: int) -> None:
        """Let the lane send what falls due until an offset from the start, of one phase at most."""
        first = self.next_sequence
        amount, base = self._in_one_phase(BEYOND_A_WAIT if self.end_sequence is None else self.end_sequence - first)
        if amount <= 0:
            return  # the last events fell due while the loop itself was at work
        sent = lane.send_due(first, amount, until_ns, SHORTEST_WAIT_NS)
        self.next_sequence = first + sent.accepted + sent.rejected
        if sent.full:
            self._found_full(base, clock.now_ns())

    def _in_one_phase(self, amount: int) -> tuple[int, int]:
        """So many of the next sequences at most as lie in one phase, and where that phase's set begins."""
        if self.first_measured is None:
            return amount, self.sets[Phase.WARMUP]
        if self.next_sequence < self.first_measured:
            return min(amount, self.first_measured - self.next_sequence), self.sets[Phase.WARMUP]
        return amount, self.sets[Phase.MEASURED]

    def _found_full(self, base: int, now_ns: int) -> None:
        """The queue took no more: backpressure begins, unless it has."""
        self.words[base + Count.QUEUE_FULL] += 1
        if not self.full_since_ns:
            self.full_since_ns = now_ns
            self.words[self.slot_at + Slot.QUEUE_FULL_NS] = now_ns

    def finish(self, now_ns: int) -> None:
        """No more sends: book the time that a full queue still holds, and phases that never began."""
        if self.full_since_ns:
            words, measured = self.words, self.first_measured is not None
            words[self.sets[measured] + Count.BACKPRESSURE_US] += (now_ns - self.full_since_ns) // 1000
            self.full_since_ns = 0
        if self.words[self.slot_at + Slot.FIRST_MEASURED] == NOT_YET:
            self.words[self.slot_at + Slot.FIRST_MEASURED] = self.next_sequence


def _sooner(one: int | None, other: int | None) -> int | None:
    return min((end for end in (one, other) if end is not None), default=None)


def drive(
    states: Sequence[LaneState],
    slab: Slab,
    clock: Clock,
    *,
    warmup_ns: int,
    end_ns: int | None,
    batch_limit: int,
    heartbeat: "Heartbeat",
) -> None:
    """Send until the plan is done, the time is over or the coordinator says stop.

    Args:
        states: the worker's producers; all closed or all open loop.
        clock: of the same counter as T0_NS.
        warmup_ns, end_ns: from the start; end_ns None when only a count ends the run.
        batch_limit: most records handed over at once.
        heartbeat: books CPU, liveness and stalls.
    """
    words = slab.words
    t0_ns = int(words[Header.T0_NS])
    stop_at, breaker_at = int(Header.STOP), int(Header.BREAKER)
    now_ns = clock.now_ns()
    if now_ns < t0_ns:
        clock.sleep_ns(t0_ns - now_ns)
    alone = states[0] if len(states) == 1 else None
    measuring = False
    heartbeat.begin(clock.now_ns())
    while words[stop_at] == Stop.GO:
        now_ns = clock.now_ns()
        offset_ns = now_ns - t0_ns
        if not measuring and offset_ns >= warmup_ns:
            measuring = True
            heartbeat.measured_start(now_ns)
            for state in states:
                if state.first_measured is None:
                    state.begin_measured(now_ns)
        if end_ns is not None and offset_ns >= end_ns + (GRACE_NS if states[0].course.schedule else 0):
            break
        if words[breaker_at]:
            wait_ns, done = LONGEST_WAIT_NS, False  # open: nobody sends, due events wait and are late
        else:
            wait_ns, done = _round(states, clock, t0_ns, batch_limit)
        for state in states:
            state.lane.poll()
        if done:
            break
        paced = alone.paced if alone and wait_ns > 0 and not alone.full_since_ns and not words[breaker_at] else None
        heartbeat.round(clock.now_ns(), wait_ns)
        if alone and paced:
            until_ns = offset_ns + LONGEST_WAIT_NS
            alone.wait_sending(paced, clock, until_ns if measuring else min(until_ns, warmup_ns))
            heartbeat.resumed(clock.now_ns())
        elif wait_ns > 0:
            clock.sleep_ns(min(max(wait_ns, SHORTEST_WAIT_NS), LONGEST_WAIT_NS))
    now_ns = clock.now_ns()
    for state in states:
        state.finish(now_ns)


def _round(states: Sequence[LaneState], clock: Clock, t0_ns: int, batch_limit: int) -> tuple[int, bool]:
    """One turn of every lane: how long nothing is to be done (ns), and whether all are done."""
    wait_ns, done = LONGEST_WAIT_NS, True
    for state in states:
        now_ns = clock.now_ns()
        schedule = state.course.schedule
        if schedule is None:
            amount = batch_limit
            if state.end_sequence is not None:
                amount = min(amount, state.end_sequence - state.next_sequence)
                if amount <= 0:
                    continue
            done = False
            taken = state.send(amount, now_ns)
            wait_ns = min(wait_ns, 0 if taken else FULL_QUEUE_WAIT_NS)
            continue
        decision = decide(schedule, now_ns - t0_ns, state.next_sequence, state.end_sequence, batch_limit)
        if decision.step is Step.DONE:
            continue
        done = False
        if decision.step is Step.SEND:
            taken = state.send(decision.amount, now_ns)
            in_debt = decision.amount == batch_limit  # else what fell due during the sending waits for its company
            wait_ns = min(wait_ns, FULL_QUEUE_WAIT_NS if not taken else 0 if in_debt else SHORTEST_WAIT_NS)
        else:
            wait_ns = min(wait_ns, decision.amount)
    return wait_ns, done


class Heartbeat(Protocol):
    """Books what the loop knows of itself; `worker` has the real one."""

    def begin(self, now_ns: int) -> None: ...

    def measured_start(self, now_ns: int) -> None: ...

    def round(self, now_ns: int, wait_ns: int) -> None: ...

    def resumed(self, now_ns: int) -> None: ...
