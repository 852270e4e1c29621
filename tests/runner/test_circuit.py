"""One decision for all workers, from the sums of all of them; the workers' slabs are real, their clock is turned by hand."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from loadgen.producer.breaker import BreakerSettings
from loadgen.recorder.slab import Count, Phase, Slab, set_at
from loadgen.report.merge import Words, view
from loadgen.runner.circuit import GIVE_UP_AFTER_S, Circuit

SECOND = 1_000_000_000
RULES = BreakerSettings(minimum=20, open_s=2.0, silence_s=3.0, probes=10)


@dataclass
class Worker:
    """A worker's slab, as the circuit sees it."""

    producers: int = 2
    slab: Slab = field(default_factory=lambda: Slab.create(2))

    @property
    def words(self) -> Words:
        return view(self.slab)

    def count(self, phase: Phase = Phase.MEASURED, slot: int = 0, **more: int) -> None:
        """Count records: ATTEMPTED=5, ACKED=5, …"""
        for name, amount in more.items():
            self.slab.words[set_at(slot, phase) + Count[name]] += amount


class Run:
    """A circuit over some workers, and what it told them, as (second, open)."""

    def __init__(self, workers: int = 2) -> None:
        self.workers = [Worker() for _ in range(workers)]
        self.now_ns = SECOND
        self.told: list[tuple[float, bool]] = []
        members: Any = self.workers
        self.circuit = Circuit(members, self._tell, self.now_ns, RULES)

    def _tell(self, is_open: bool) -> None:
        self.told.append((self.now_ns / SECOND - 1, is_open))

    def wait(self, seconds: float) -> None:
        """The coordinator comes round every 5 ms."""
        for _ in range(round(seconds * 200)):
            self.now_ns += SECOND // 200
            self.circuit.look(self.now_ns)

    @property
    def open(self) -> bool:
        return bool(self.told) and self.told[-1][1]


def test_answers_keep_it_closed() -> None:
    """Nothing is told to anybody, and there is nothing to doubt."""
    run = Run()
    for _ in range(100):
        run.workers[0].count(ATTEMPTED=100, ACKED=99, FAILED=1)
        run.wait(0.1)

    assert run.told == []
    assert (run.circuit.given_up, run.circuit.doubt()) == (None, None)


def test_the_sums_of_all_workers_decide() -> None:
    """One worker of two sees nothing but errors: a fifth of all answers, so the run goes on; then all fail."""
    run = Run()
    for _ in range(20):
        run.workers[0].count(ATTEMPTED=40, ACKED=40)
        run.workers[1].count(slot=1, ATTEMPTED=10, UNKNOWN=10)
        run.wait(0.1)
    assert run.told == []

    run.workers[0].count(ATTEMPTED=2000, FAILED=2000)
    run.wait(0.2)
    assert run.open


def test_the_warm_up_counts_too() -> None:
    """A cluster that fails from the first record on is not loaded until the measured phase."""
    run = Run()
    run.workers[1].count(Phase.WARMUP, ATTEMPTED=50, UNKNOWN=50)
    run.wait(0.2)

    assert run.open


def test_a_trial_is_let_through_and_closes_it() -> None:
    """After `open_s` sending is allowed until something was sent; its answers decide."""
    run = Run()
    run.workers[0].count(ATTEMPTED=50, FAILED=50)
    run.wait(0.2)
    assert run.open
    run.wait(2.2)
    assert not run.open, "half open: a trial may be sent"
    run.workers[1].count(ATTEMPTED=30)
    run.wait(0.1)
    assert run.open, "held until the trial is judged"
    run.workers[1].count(ACKED=30)
    run.wait(0.2)
    assert not run.open

    run.wait(60)
    assert run.circuit.given_up is None
    doubt = run.circuit.doubt()
    assert doubt is not None
    assert (doubt.code, doubt.invalid) == ("circuit_opened", False)
    assert "50 of 50 failed within 10 s" in doubt.message


def test_silence_opens_it_and_an_answer_closes_it() -> None:
    """A frozen broker makes no error: records that are owed for `silence_s` are enough."""
    run = Run()
    run.workers[0].count(ATTEMPTED=1000, ACKED=900)
    run.wait(2.8)
    assert not run.open
    run.wait(0.5)
    assert run.open
    run.workers[0].count(ACKED=100)
    run.wait(0.3)
    assert not run.open


def test_one_that_does_not_recover_is_given_up() -> None:
    """Ten seconds without a closed circuit: the run ends, and says what failed first and for how long."""
    run = Run()
    run.workers[0].count(ATTEMPTED=50, UNKNOWN=50)
    run.wait(0.2)
    for _ in range(int(GIVE_UP_AFTER_S * 10) - 2):
        run.workers[0].count(ATTEMPTED=1, UNKNOWN=1)
        run.wait(0.1)
    assert run.circuit.given_up is None
    run.wait(0.5)

    assert run.circuit.given_up is not None
    assert "50 of 50 failed within 10 s, and did not recover within 10 s" in run.circuit.given_up


@pytest.mark.parametrize("idle_s", [5.0, 100.0])
def test_a_run_with_nothing_to_send_is_not_silent(idle_s: float) -> None:
    """No record is owed, so no answer is missing."""
    run = Run()
    run.workers[0].count(ATTEMPTED=10, ACKED=9, REJECTED=1)
    run.wait(idle_s)

    assert run.told == []
