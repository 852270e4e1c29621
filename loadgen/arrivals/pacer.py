"""The pacer: from the plan, the clock's reading and the next sequence to what to do now. Pure.

It never forgives debt: what fell due while the process slept is sent at once, and its lateness is counted. It never
sends early. How long to wait is told in full; the caller may come round sooner.
"""

from enum import Enum
from typing import NamedTuple

from loadgen.arrivals.plan import Schedule


class Step(Enum):
    """What the loop does next."""

    SEND = "send"
    WAIT = "wait"
    DONE = "done"


class Decision(NamedTuple):
    """SEND: `amount` events now. WAIT: `amount` ns until the next is due. DONE: 0."""

    step: Step
    amount: int


def decide(
    schedule: Schedule, offset_ns: int, next_sequence: int, end_sequence: int | None, batch_limit: int
) -> Decision:
    """What to do at an offset from the start.

    Args:
        schedule: when this producer's events are due.
        offset_ns: now, from the run's start; may be negative before it.
        next_sequence: the first sequence that was not handed over yet.
        end_sequence: the first that is not part of the run, None without an end.
        batch_limit: the most events of one batch.
    """
    if end_sequence is not None and next_sequence >= end_sequence:
        return Decision(Step.DONE, 0)
    due = schedule.due(offset_ns)
    if end_sequence is not None:
        due = min(due, end_sequence)
    if due > next_sequence:
        return Decision(Step.SEND, min(due - next_sequence, batch_limit))
    return Decision(Step.WAIT, schedule.intended_ns(next_sequence) - offset_ns)
