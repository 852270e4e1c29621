"""What is kept of the looks at the acknowledgements: enough to see a silence to a few ms, no more than 20 a second else."""

from types import SimpleNamespace
from typing import Any

import pytest

from loadgen.recorder.slab import Count, Header, Phase, Slab, State, set_at
from loadgen.report.merge import view
from loadgen.runner.ack_watch import AckWatch

MS = 1_000_000


class Driven:
    """A worker of one producer, by hand: looked at every 5 ms."""

    def __init__(self) -> None:
        self.slab = Slab.create(1)
        self.words = view(self.slab)
        self.state: State = State.RUNNING
        member: Any = SimpleNamespace(words=self.words, producers=1, exit=None)
        self.member = member
        self.watch = AckWatch([member])
        self.now_ns = 1000 * MS

    def go(self, milliseconds: int, *, acked: bool, owed: bool = True) -> None:
        """Time passes, with or without an acknowledgement before each look."""
        at = set_at(0, Phase.MEASURED)
        for _ in range(0, milliseconds, 5):
            self.now_ns += 5 * MS
            if acked:
                self.words[at + Count.ACKED] += 1
                self.words[at + Count.LAST_ACK_NS] = self.now_ns - MS
            self.words[at + Count.ATTEMPTED] = self.words[at + Count.ACKED] + owed
            self.member.state = State(int(self.words[Header.STATE]))
            self.watch.look(self.now_ns)

    def set_state(self, state: State) -> None:
        self.words[Header.STATE] = state


@pytest.fixture
def worker() -> Driven:
    driven = Driven()
    driven.set_state(State.RUNNING)
    return driven


def test_a_flow_is_looked_at_twenty_times_a_second(worker: Driven) -> None:
    """Ten seconds of acknowledgements: 200 looks, sums that grow."""
    worker.go(10_000, acked=True)
    looks = worker.watch.looks()

    assert len(looks.at_ns) == 200
    assert (looks.acked[1:] > looks.acked[:-1]).all()


def test_the_end_of_a_silence_is_known_to_a_look(worker: Driven) -> None:
    """1,235 ms of nothing, which no twentieth of a second would hit: the last silent look is kept beside the next one."""
    worker.go(1000, acked=True)
    last_ack_ns = worker.now_ns - MS
    worker.go(1235, acked=False)
    silent_until_ns = worker.now_ns
    worker.go(1000, acked=True)
    looks = worker.watch.looks()
    silent = looks.last_ack_ns == last_ack_ns

    assert looks.at_ns[silent].max() == silent_until_ns
    assert len(looks.at_ns) <= 3.235 * 20 + 2


def test_after_sending_it_looks_as_long_as_something_is_owed(worker: Driven) -> None:
    """While draining a silence still counts; once all is answered, nothing is kept any more."""
    worker.go(1000, acked=True)
    sending_until_ns = worker.watch.looks().sending_until_ns
    worker.set_state(State.DRAINING)
    worker.go(500, acked=False)
    owed = len(worker.watch.looks().at_ns)
    worker.go(500, acked=True, owed=False)
    looks = worker.watch.looks()

    assert owed == 30
    assert looks.sending_until_ns == sending_until_ns
    assert len(looks.at_ns) <= owed + 1
