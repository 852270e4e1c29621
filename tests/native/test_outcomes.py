"""What became of a record that was not acknowledged: never written is failed, possibly written is unknown.

librdkafka documents a message's status for delivery reports only; these cases hold it in the acknowledgement
interceptor, where the instrument asks.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from loadgen.brokers.mock import PRODUCE, MockCluster
from tests.native.conftest import Mode, Rig, RigMaker

BATCH = 5


class Case(NamedTuple):
    """A fault, and what becomes of a batch of five that meets it.

    Attributes:
        errors: what the broker answers, one a try.
        before: done to the cluster before the batch is sent, once a first record went well.
        after: done after it.
    """

    name: str
    outcome: tuple[int, int, int]
    code: int | None
    properties: Mapping[str, Any] = MappingProxyType({})
    errors: tuple[int, ...] = ()
    topic: str = "t"
    before: Callable[[MockCluster], None] = lambda cluster: None
    after: Callable[[Rig], None] = lambda rig: None


def _purge_queue(rig: Rig) -> None:
    rig.producer.purge(in_flight=False)


def _purge_in_flight_once_it_is(rig: Rig) -> None:
    while rig.client.answered < 1 + BATCH:
        rig.producer.purge(in_queue=False)
        rig.producer.poll(0.02)


ACKED, FAILED, UNKNOWN = (BATCH, 0, 0), (0, BATCH, 0), (0, 0, BATCH)
CASES = [
    Case("acknowledged", ACKED, None),
    Case("acknowledged at the second try", ACKED, None, errors=(6,)),
    Case(
        "unknown topic",
        FAILED,
        3,
        {"topic_metadata_propagation_max_ms": 1, "allow_auto_create_topics": False},
        topic="nowhere",
    ),
    Case("not authorised", FAILED, 29, errors=(29,)),
    Case("too large for the broker", FAILED, 10, errors=(10,)),
    Case("not enough replicas to begin with", FAILED, 19, {"retries": 0}, errors=(19,)),
    Case("not enough replicas after writing", UNKNOWN, 20, {"retries": 0}, errors=(20,)),
    Case("the broker gave up waiting", UNKNOWN, 7, {"retries": 0}, errors=(7,)),
    Case("gave up waiting, then not authorised", UNKNOWN, 29, {"retry_backoff_ms": 10}, errors=(7, 29)),
    Case("out of sequence", UNKNOWN, 45, {"enable_idempotence": True}, errors=(45,)),
    Case("timed out, never sent", FAILED, -192, {"message_timeout_ms": 1000}, before=lambda c: c.broker_down(1)),
    Case("timed out in flight", UNKNOWN, -192, {"message_timeout_ms": 1000}, before=MockCluster.pause),
    Case("purged from the queue", FAILED, -152, {"linger_ms": 60_000}, after=_purge_queue),
    Case("purged in flight", UNKNOWN, -151, before=MockCluster.pause, after=_purge_in_flight_once_it_is),
]


@pytest.mark.parametrize("mode", ["native", "python"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outcome(rig: RigMaker, cluster: MockCluster, case: Case, mode: Mode) -> None:
    """Each fault gives the one outcome that is true of it, with its code, and none is counted twice."""
    sender = rig(mode, **{"linger_ms": 50, "topic_metadata_refresh_interval_ms": -1, **case.properties})
    sender.aim(case.topic, 0)
    first = 0
    if case.topic == "t" and case.after is not _purge_queue:  # a connection is up, so that a pause meets a request
        sender.prime().send(1)
        sender.wait_answered(1)
        first = 1
    cluster.push_errors(PRODUCE, case.errors)
    case.before(cluster)

    assert sender.send(BATCH) == (BATCH, 0)
    case.after(sender)
    sender.wait_answered(first + BATCH)

    acked, failed, unknown = sender.outcomes()
    assert case.outcome == (acked - first, failed, unknown)
    assert ({case.code: BATCH} if case.code is not None else {}) == sender.codes()
    if mode == "native":
        expected = [(first + place, case.code) for place in range(BATCH)] if case.code is not None else []
        assert expected == sender.client.failures()
        assert sender.client.failures() == []
        assert sender.reports == [], "a native record reached Python's callback"


@pytest.mark.parametrize("mode", ["native", "python"])
def test_a_record_that_produce_refuses_is_rejected_and_counted_nowhere_else(rig: RigMaker, mode: Mode) -> None:
    """librdkafka calls the acknowledgement interceptor for it too, from inside produce()."""
    sender = rig(mode).aim("t", partition=99).prime()

    assert sender.send(3) == (0, 3)
    assert sender.outcomes() == (0, 0, 0)
    assert sender.codes() == {}
    assert sender.client.failures() == ([(0, -190), (1, -190), (2, -190)] if mode == "native" else [])


def test_what_a_batch_call_refuses_is_rejected_and_leaves_nothing_behind(rig: RigMaker) -> None:
    """produce_batch() reports a refusal with the caller's own message in place of librdkafka's."""
    sender = rig("python").aim("t").prime()
    sender.client.expect(0, 100)
    accepted = sender.producer.produce_batch("t", [{"value": b"x"} for _ in range(100)], partition=99)
    sender.client.settle()
    assert accepted == 0

    sender.next_sequence = 100
    assert sender.send(100) == (100, 0)
    sender.wait_answered(100)

    assert sender.outcomes() == (100, 0, 0)
    assert "UNTIMED" not in sender.counts()


def test_a_purge_by_the_sending_thread_is_no_refusal(rig: RigMaker) -> None:
    """It runs on the application thread like a refusal, but those records had been accepted."""
    sender = rig("python", linger_ms=60_000).aim("t").prime()
    sender.send(3)

    sender.producer.purge()

    sender.wait_answered(3)
    assert sender.outcomes() == (0, 3, 0)


def test_outcomes_are_written_two_bits_a_sequence(rig: RigMaker, cluster: MockCluster) -> None:
    """0 unknown, 1 acked, 2 failed, 3 rejected; what lies beyond the buffer is left out."""
    sender = rig("native", linger_ms=50, retries=0).aim("t", 0).prime()
    outcomes = bytearray(3)
    sender.client.set_outcomes(outcomes)
    sender.send(5)
    sender.wait_answered(5)
    cluster.push_errors(PRODUCE, [19])
    sender.send(2)
    sender.wait_answered(7)
    sender.client.mark_rejected(7)
    cluster.push_errors(PRODUCE, [20])
    sender.next_sequence = 8
    sender.send(2)
    sender.wait_answered(9)
    sender.send(100)
    sender.wait_answered(109)

    codes = [outcomes[sequence // 4] >> 2 * (sequence % 4) & 3 for sequence in range(12)]
    assert codes == [1, 1, 1, 1, 1, 2, 2, 3, 0, 0, 1, 1]
