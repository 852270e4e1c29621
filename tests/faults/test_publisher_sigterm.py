"""SIGTERM at a random moment of 100,000 orders: every accepted order is acked, dead-lettered or reported left.

The programs that are ended, and what their ledgers are held against, are those of `python -m bench shutdowns`.
"""

import random

import pytest

from bench.shutdowns import ORDERS, shut_down_one
from loadgen.brokers.target import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


def moments(seed: int, count: int) -> list[int]:
    return [random.Random(seed + one).randrange(ORDERS) for one in range(count)]


@pytest.mark.parametrize("moment", moments(1, 10))
def test_an_end_at_a_random_moment_loses_no_order(kafka: Broker, topic: str, moment: int) -> None:
    """Ten moments, with time to drain: all of it is acknowledged, nothing is lost, nothing is there twice."""
    ended = shut_down_one(kafka, topic, moment, drain_s=10.0)

    assert ended.ok, ended
    assert ended.acked == ended.accepted


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "drain_s"), [(moment, moment % 2 * 10.0) for moment in moments(100, 50)])
def test_fifty_more_half_of_them_without_time_to_drain(kafka: Broker, topic: str, moment: int, drain_s: float) -> None:
    """With a drain of 0 s everything in flight is laid down as unknown, and the ledger still closes."""
    ended = shut_down_one(kafka, topic, moment, drain_s)

    assert ended.ok, ended
