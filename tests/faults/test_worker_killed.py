"""R3: SIGKILL of a worker at a random moment of a real run: said, exit 5, and every record is accounted for.

How soon it is noticed and how soon the run ends is measured by `python -m bench kills`, which these runs are.
"""

import random

import pytest

from bench.kills import RATE, kill_one
from loadgen.brokers.target import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


def killed(kafka: Broker, topic: str, number: int) -> None:
    """Flat out and paced in turn; the log holds what was acknowledged, and nothing beyond what nobody can answer for."""
    kill = kill_one(kafka, RATE if number % 2 else None, random.Random(number).uniform(0.0, 3.0), topic)

    assert kill.exit_code == 5, kill
    assert kill.noticed_s is not None, kill
    assert kill.is_accounted, kill


@pytest.mark.parametrize("number", range(3))
def test_a_killed_worker_leaves_an_account(kafka: Broker, topic: str, number: int) -> None:
    """Three moments: acked ≤ growth of the log ≤ acked + unknown, unknown no more than a client holds and a batch."""
    killed(kafka, topic, number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(100, 150))
def test_fifty_killed_workers_leave_an_account(kafka: Broker, topic: str, number: int) -> None:
    """Fifty more."""
    killed(kafka, topic, number)
