"""The limit that is named, where the cause is known: `python -m bench limited-by` once, small."""

import time

import pytest

from bench import limited_by
from bench.limited_by import Case, run_on
from loadgen.brokers.target import Broker, start_broker

TWICE_ANY_CEILING, _ = limited_by.by_ceiling(ceiling_per_s=5_000_000)


@pytest.mark.parametrize("case", [*limited_by.ON_MOCK, TWICE_ANY_CEILING], ids=lambda case: case.name)
def test_the_cause_is_named_on_a_mock(case: Case) -> None:
    """A long round trip is the settings', a longer one the broker's, more than can be sent the generator's."""
    with start_broker("mock") as broker:
        told = limited_by.answer(case, case.run(broker, 2.5))

    assert told["said"] == case.expected, told["reason"]


def slow(number: int) -> tuple[bytes, bytes]:
    """An event that takes 100 µs to make, so that any Kafka takes more of them."""
    until_ns = time.thread_time_ns() + 100_000
    while time.thread_time_ns() < until_ns:
        pass
    return b"%d" % number, b"order"


@pytest.mark.kafka
def test_a_queue_that_is_not_filled_is_the_generators(kafka: Broker) -> None:
    """Events made slowly in Python, on a real Kafka that takes more however busy its host is."""
    case = Case("a starved queue", "generator", lambda broker, s: run_on(broker, s, events=f"fresh:{__name__}:slow"))
    told = limited_by.answer(case, case.run(kafka, 2.0))

    assert told["said"] == case.expected, told["reason"]


def test_rights_are_counted_by_case() -> None:
    """Two of three."""
    rows = [{"case": "a quota", "right": right} for right in (True, False, True)]

    assert limited_by.summary(rows) == {"a quota": {"right": 2, "of": 3}}
