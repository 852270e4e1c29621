"""A worker that dies before the start is said, with its exit code; one that dies later is booked so that nothing which may
be in the log goes uncounted.
"""

import pytest

from loadgen.profile import resolve
from loadgen.recorder.slab import NOT_YET, Count, Phase, Slab, Slot, producer_at, set_at
from loadgen.report.merge import messages, tally, view
from loadgen.runner.coordinator import carry_out
from loadgen.runner.team import Member, Team, WorkerFailed, book_announced


def dead(first_measured: int, warmup: int, measured: int, announced: int, acked: int) -> Slab:
    """The slab of a worker with one producer that had counted so many and announced more."""
    slab = Slab.create(1)
    slab.words[producer_at(0) + Slot.FIRST_MEASURED] = first_measured
    slab.words[producer_at(0) + Slot.NEXT_SEQUENCE] = announced
    for phase, attempted in ((Phase.WARMUP, warmup), (Phase.MEASURED, measured)):
        slab.words[set_at(0, phase) + Count.ATTEMPTED] = attempted
    slab.words[set_at(0, Phase.MEASURED) + Count.ACKED] = acked
    return slab


@pytest.mark.parametrize(
    ("first_measured", "warmup", "measured", "announced", "expected"),
    [
        (100, 100, 50, 214, (100, 114)),  # died in a batch of the measured phase
        (100, 36, 0, 100, (100, 0)),  # in one of the warm-up
        (100, 100, 0, 164, (100, 64)),  # in the first one of the measured phase
        (NOT_YET, 200, 0, 264, (264, 0)),  # flat out, still warming up
        (100, 100, 50, 150, (100, 50)),  # between two batches: nothing to add
        (0, 0, 0, 1, (0, 1)),  # no warm-up, the very first batch
    ],
)
def test_a_batch_that_was_announced_was_attempted(
    first_measured: int, warmup: int, measured: int, announced: int, expected: tuple[int, int]
) -> None:
    """In the phase of its sequences, once; a batch that was counted is not counted again."""
    slab = dead(first_measured, warmup, measured, announced, acked=0)

    book_announced(slab, 1)
    book_announced(slab, 1)

    told = tuple(messages(tally([(view(slab), 1)], phase)).attempted for phase in Phase)
    assert told == expected


def test_acknowledgements_of_a_batch_that_nobody_counted_leave_nothing_negative() -> None:
    """The broker answers while the batch is still handed over: without its announcement `open` would be below zero."""
    slab = dead(0, 0, 1000, 1500, acked=1400)

    book_announced(slab, 1)

    assert messages(tally([(view(slab), 1)], Phase.MEASURED)).open == 100


@pytest.mark.parametrize("rate", ["1k/s", "max"])
def test_a_worker_killed_before_the_start_ends_the_run(monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    """As the system does when memory is short: which worker and how, exit 5, and none of the others lives on."""
    born: list[Member] = []
    ready = Team.await_ready

    def killed(team: Team) -> None:
        born.extend(team.members)
        team.members[1].process.kill()
        ready(team)

    monkeypatch.setattr(Team, "await_ready", killed)
    settings = resolve({"start": "mock", "workers": "2", "rate": rate, "duration": "1s", "warmup": "0"}, {})

    with pytest.raises(WorkerFailed, match=r"worker 1 was killed before the run began \(SIGKILL\)") as failed:
        carry_out(settings)
    assert failed.value.exit_code == 5
    assert len(born) == 2
    assert all(member.exit is not None for member in born)
