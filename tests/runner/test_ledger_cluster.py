"""R1 as a state machine over the mock cluster: real workers and clients, a cluster that fails at will, workers killed.

`test_ledger_machine` does the same in memory, where every answer is chosen; here librdkafka decides what was written, what
is tried again and what nobody can say. While it runs a worker's answers never exceed what it announced; at the end nothing
of a living worker is open, and what a dead one left is no more than its client holds and one batch.
"""

import os
import secrets
import signal
import time
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from loadgen.arrivals.plan import Piece
from loadgen.brokers.admin import end_offsets
from loadgen.brokers.mock import PRODUCE, MockCluster
from loadgen.brokers.target import Broker
from loadgen.messages.event_plan import EventPlan
from loadgen.recorder.outcomes import Outcome, OutcomeRegions
from loadgen.recorder.slab import Count, Phase, Slot, State, Stop, producer_at, set_at
from loadgen.runner.plan import BATCH_LIMITS, RunPlan, share_producers
from loadgen.runner.team import Member, Team, book_announced

QUEUE = 2000
PARTITIONS = 3
# retriable and not, definite and not: NOT_LEADER, TIMED_OUT, TOO_LARGE, NOT_ENOUGH_REPLICAS, AFTER_APPEND,
# TOPIC_AUTHORIZATION_FAILED, OUT_OF_ORDER_SEQUENCE (fatal when idempotent)
CODES = [6, 7, 10, 19, 20, 29, 45]
ENDS_WITHIN_S = 30.0
ANSWERS = (Count.REJECTED, Count.ACKED, Count.FAILED, Count.UNKNOWN)


class Ledger(RuleBasedStateMachine):
    """Two producers in one worker or two, on a cluster that outlives the example."""

    mock: MockCluster

    @initialize(
        instrument=st.sampled_from(["c", "python"]),
        workers=st.sampled_from([1, 2]),
        per_s=st.sampled_from([None, 4000.0]),
        idempotent=st.booleans(),
    )
    def begin(self, instrument: str, workers: int, per_s: float | None, idempotent: bool) -> None:
        """A team that sends, its warm-up 50 ms long."""
        self.topic = f"loadgen-ledger-{secrets.token_hex(6)}"
        self.mock.create_topic(self.topic, PARTITIONS)
        self.plan = plan_of(self.mock.bootstrap, self.topic, instrument, workers, per_s, idempotent)
        self.regions = [OutcomeRegions.create(count, None) for _, count in share_producers(2, workers)]
        self.team = Team(self.plan, [one.descriptor for one in self.regions])
        self.team.await_ready()
        self.team.start_at(time.monotonic_ns())
        self.down = self.stopped = self.killed = self.refused = False

    @rule(milliseconds=st.integers(1, 60))
    def time_passes(self, milliseconds: int) -> None:
        """It all happens meanwhile."""
        time.sleep(milliseconds / 1000)

    @rule(codes=st.lists(st.sampled_from(CODES), min_size=1, max_size=4))
    def requests_fail(self, codes: list[int]) -> None:
        """The next produce requests are answered with errors."""
        self.refused = True
        self.mock.push_errors(PRODUCE, codes)

    @rule(milliseconds=st.sampled_from([0, 5, 100]))
    def the_way_is_long(self, milliseconds: int) -> None:
        self.mock.set_rtt_ms(1, milliseconds)

    @rule()
    def the_broker_goes_or_comes_back(self) -> None:
        """Connections are cut with requests in flight, or taken again."""
        self.mock.broker_up(1) if self.down else self.mock.broker_down(1)
        self.down = not self.down

    @rule()
    def a_worker_stands_still_or_goes_on(self) -> None:
        """SIGSTOP and SIGCONT of the first."""
        if (member := self.team.members[0]).exit is None:
            os.kill(member.process.pid, signal.SIGCONT if self.stopped else signal.SIGSTOP)
            self.stopped = not self.stopped

    @precondition(lambda self: not self.killed)
    @rule()
    def a_worker_is_killed(self) -> None:
        """The last, in the middle of whatever it does."""
        self.killed = True
        self.team.members[-1].process.kill()
        self.team.members[-1].process.wait()

    @invariant()
    def answers_never_exceed_what_was_announced(self) -> None:
        """Read in this order a moment apart: both only grow."""
        for member in getattr(self, "team", Empty).members:
            for slot in range(member.producers):
                answered = sum(count(member, slot, phase, name) for phase in Phase for name in ANSWERS)
                assert answered <= int(member.slab.words[producer_at(slot) + Slot.NEXT_SEQUENCE])

    def teardown(self) -> None:
        """The cluster is well again; the team drains; the books are closed and compared."""
        if not hasattr(self, "team"):
            return
        try:
            self.recover()
            self.team.ask(Stop.DRAIN)
            deadline = time.monotonic() + ENDS_WITHIN_S
            while not self.team.finished:
                assert time.monotonic() < deadline, [member.state for member in self.team.members]
                time.sleep(0.002)
            said = [member.failure() for member in self.team.members if member.exit is not None and member.exit > 0]
            assert not said, said
            self.team.end()
            self.close_the_books()
        finally:
            self.team.end()
            for regions in self.regions:
                regions.close()

    def recover(self) -> None:
        self.mock.clear_errors(PRODUCE)
        self.mock.set_rtt_ms(1, 0)
        if self.down:
            self.mock.broker_up(1)
        if self.stopped and self.team.members[0].exit is None:
            os.kill(self.team.members[0].process.pid, signal.SIGCONT)

    def close_the_books(self) -> None:
        acked_in_all = 0
        for member, regions in zip(self.team.members, self.regions, strict=True):
            if member.lost:
                assert member.exit == -signal.SIGKILL
                book_announced(member.slab, member.producers)
            for slot in range(member.producers):
                acked_in_all += self.close_one(member, regions, slot)
        grown = end_offsets(Broker("mock", self.mock.bootstrap, None, "", mock=self.mock), self.topic, {})
        assert grown is not None
        # When a request fails and the next one succeeds, an idempotent client takes the first for written too, since a broker
        # would have refused the gap (librdkafka, rdkafka_request.c: implicit ack). The mock looks at no sequence.
        if not (self.refused and self.plan.properties["enable.idempotence"] == "true"):
            assert acked_in_all <= sum(grown)

    def close_one(self, member: Member, regions: OutcomeRegions, slot: int) -> int:
        """One producer's ledger: every sequence announced is attempted, in one place, and its two bits say which."""
        told = {name: sum(count(member, slot, phase, name) for phase in Phase) for name in (*ANSWERS, Count.ATTEMPTED)}
        announced = int(member.slab.words[producer_at(slot) + Slot.NEXT_SEQUENCE])
        still_open = told[Count.ATTEMPTED] - sum(told[name] for name in ANSWERS)
        if member.lost:
            assert told[Count.ATTEMPTED] == announced
            assert 0 <= still_open <= QUEUE + BATCH_LIMITS[self.plan.sender]
            return told[Count.ACKED]
        assert member.state == State.DONE
        assert still_open == 0
        assert announced >= told[Count.ATTEMPTED]  # a client that gave up took nothing of the batch it was told of
        cells = bytes(regions.region(slot)[: -(-announced // 4)])
        bits = [cells[at >> 2] >> ((at & 3) << 1) & 3 for at in range(announced)]
        for outcome, name in (
            (Outcome.ACKED, Count.ACKED),
            (Outcome.FAILED, Count.FAILED),
            (Outcome.REJECTED, Count.REJECTED),
        ):
            assert bits.count(outcome) == told[name], name
        return told[Count.ACKED]


class Empty:
    """Before the first step there is no team."""

    members: list[Member] = []  # noqa: RUF012


def count(member: Member, slot: int, phase: Phase, name: Count) -> int:
    return int(member.slab.words[set_at(slot, phase) + name])


def plan_of(
    bootstrap: str, topic: str, instrument: str, workers: int, per_s: float | None, idempotent: bool
) -> RunPlan:
    """Two producers with short queues and the shortest time-out, sending from C or from Python."""
    properties = {
        "acks": "all",
        "enable.idempotence": str(idempotent).lower(),
        "linger.ms": "2",
        "queue.buffering.max.messages": str(QUEUE),
        "message.timeout.ms": "1000",
        "reconnect.backoff.ms": "20",
        "reconnect.backoff.max.ms": "100",
        "retry.backoff.ms": "20",
        "allow.auto.create.topics": "false",
    }
    native = instrument == "c"
    pieces = [] if per_s is None else [Piece(per_s, per_s, 0.05), Piece(per_s, per_s, None)]
    values: dict[str, Any] = {
        "loop": "open" if pieces else "closed",
        "instrument": instrument,
        "sender": "native" if native else "python",
        "pieces": pieces,
    }
    return RunPlan(
        bootstrap=bootstrap,
        topic=topic,
        partitions=PARTITIONS,
        properties=properties,
        arrival="uniform",
        warmup_s=0.05,
        duration_s=None,
        count=10_000_000,
        workers=workers,
        producers=2,
        events=EventPlan(
            kind="stamped", seed=1, run_token="0123abcd", producer=0, producers=2, start_epoch_us=0, pool_size=64
        ),
        headers=[],
        drain_s=0.3,
        **values,
    )


def explore(examples: int) -> None:
    """So many seeded fault runs on one mock cluster."""
    with MockCluster(1) as mock:
        machine = type("LedgerOnMock", (Ledger,), {"mock": mock})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=12,
                deadline=None,
                # what threads and kernels decide comes out otherwise each time: there is nothing to shrink
                phases=[hypothesis.Phase.reuse, hypothesis.Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.timeout(300)
def test_the_ledger_closes_whatever_the_cluster_does() -> None:
    """25 seeded fault runs."""
    explore(25)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_ledger_closes_200_times() -> None:
    """200 of them."""
    explore(200)
