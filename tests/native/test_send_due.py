"""Events leave when they are due: never before, all that are, and the call ends when it must."""

import threading
import time
from array import array

import pytest

from loadgen.brokers.mock import MockCluster
from loadgen.recorder.slab import Header, Metric, Phase, Slot, metric_sum_at, producer_at
from tests.native.conftest import Rig, RigMaker

HOUR_NS, SECOND_NS, MS_NS = 3600 * 10**9, 10**9, 10**6
HOURLY = [(0, 0, HOUR_NS, 1)]
EACH_MS = [(0, 0, MS_NS, 1)]


MINUTE_NS = 60 * SECOND_NS
AT_ONCE = 0


def started(sender: Rig, ago_ns: int = 0) -> int:
    """Set the plan's start, so long ago."""
    t0_ns = time.monotonic_ns() - ago_ns
    sender.words[Header.T0_NS] = t0_ns
    return t0_ns


def test_no_event_leaves_before_it_is_due(rig: RigMaker) -> None:
    """200 events a millisecond apart take 199 ms at least, and none has a lateness below zero."""
    sender = rig("native").aim().prime()
    sender.client.set_schedule(EACH_MS)
    t0_ns = started(sender)

    assert sender.client.send_due(0, 200, MINUTE_NS, 50_000) == (200, 0, False)

    assert time.monotonic_ns() - t0_ns >= 199 * MS_NS
    sender.wait_answered(200)
    assert "NEGATIVE" not in sender.counts()
    assert sender.values(Metric.LATENESS) == 200
    assert sender.words[producer_at(0) + Slot.NEXT_SEQUENCE] == sender.counts()["ATTEMPTED"] == 200


def test_all_that_are_due_leave_at_once(rig: RigMaker) -> None:
    """A start 1.0005 s ago: a thousand and one events, in many groups, without a wait; those to come stay."""
    sender = rig("native").aim().prime()
    sender.client.set_schedule([(0, 0, MS_NS, 1), (1001, HOUR_NS, HOUR_NS, 1)])
    started(sender, ago_ns=SECOND_NS + MS_NS // 2)

    assert sender.client.send_due(0, 5000, AT_ONCE, 50_000) == (1001, 0, False)


def test_it_ends_at_the_asked_instant(rig: RigMaker) -> None:
    """One event is due now, the next in an hour."""
    sender = rig("native").aim().prime()
    sender.client.set_schedule(HOURLY)
    t0_ns = started(sender)

    assert sender.client.send_due(0, 10, 50 * MS_NS, 50_000) == (1, 0, False)
    assert time.monotonic_ns() >= t0_ns + 50 * MS_NS


def test_due_times_may_come_in_a_buffer(rig: RigMaker) -> None:
    """Ramps and Poisson arrivals: what the buffer says is due goes, the rest does not."""
    sender = rig("native").aim().prime()
    started(sender)
    offsets = array("q", [0, 0, 20 * MS_NS, HOUR_NS, HOUR_NS])

    assert sender.client.send_due(0, 5, 40 * MS_NS, 50_000, offsets) == (3, 0, False)
    sender.wait_answered(3)
    assert "NEGATIVE" not in sender.counts()
    assert sender.values(Metric.RESPONSE) == 3


def test_a_full_queue_ends_it_and_says_so(rig: RigMaker, cluster: MockCluster) -> None:
    """What to do about it is the loop's decision."""
    sender = rig("native", queue_buffering_max_messages=100).aim().prime()
    sender.client.set_schedule([(0, 0, 1, 1)])
    cluster.pause()
    started(sender, ago_ns=SECOND_NS)

    assert sender.client.send_due(0, 1000, MINUTE_NS, 50_000) == (100, 0, True)
    assert sender.words[producer_at(0) + Slot.NEXT_SEQUENCE] == sender.counts()["ATTEMPTED"] == 100


@pytest.mark.parametrize("word", [Header.STOP, Header.BREAKER])
def test_the_coordinators_words_end_it(rig: RigMaker, word: Header) -> None:
    """Seen between two events, from another process as from here; nothing is sent after."""
    sender = rig("native").aim().prime()
    sender.client.set_schedule(EACH_MS)
    ends: list[tuple[int, int, bool]] = []
    started(sender)
    thread = threading.Thread(
        target=lambda: ends.append(sender.client.send_due(0, 10**9, HOUR_NS, 50_000)), daemon=True
    )
    thread.start()
    while sender.words[producer_at(0) + Slot.NEXT_SEQUENCE] < 20:
        pass
    sender.words[word] = 1
    thread.join()

    accepted, rejected, full = ends[0]
    assert accepted >= 20
    assert (rejected, full) == (0, False)
    assert sender.client.send_due(accepted, 10, HOUR_NS, 50_000) == (0, 0, False)


def test_refusals_are_counted_on_the_way(rig: RigMaker) -> None:
    """As in a batch that goes at once."""
    sender = rig("native").aim(partition=99).prime()
    sender.client.set_schedule([(0, 0, 1, 1)])
    started(sender, ago_ns=SECOND_NS)

    assert sender.client.send_due(0, 50, AT_ONCE, 50_000) == (0, 50, False)
    assert len(sender.client.failures()) == 50
    assert (sender.counts()["ATTEMPTED"], sender.counts()["REJECTED"]) == (50, 50)


def test_each_phase_gets_its_own(rig: RigMaker) -> None:
    """Twenty events of the warm-up, then thirty measured ones: booked apart, as answered ones are."""
    sender = rig("native").aim().prime()
    sender.client.set_schedule(EACH_MS)
    sender.begin_measured(20)
    started(sender, ago_ns=SECOND_NS)
    sender.client.send_due(0, 20, AT_ONCE, 50_000)
    sender.client.send_due(20, 30, AT_ONCE, 50_000)
    sender.wait_answered(50)

    warmup, measured = sender.counts(Phase.WARMUP), sender.counts()
    assert (warmup["ATTEMPTED"], warmup["ACKED"]) == (20, 20)
    assert (measured["ATTEMPTED"], measured["ACKED"]) == (30, 30)


def test_how_late_it_came_round_is_noted(rig: RigMaker) -> None:
    """Somebody stops the process: the doubt client_stall has its number from here. A plain round leaves little."""
    sender = rig("native").aim().prime()
    sender.client.set_schedule(EACH_MS)
    started(sender)
    sender.client.send_due(0, 50, MINUTE_NS, 50_000)

    assert sender.words[Header.CLIENT_STALL_US_MAX] > 0
    sender.wait_answered(50)
    assert sender.words[metric_sum_at(0, Phase.MEASURED, Metric.LATENESS)] > 0


def test_use_after_the_producer_is_gone_is_refused(rig: RigMaker) -> None:
    """As every call; also while the next event would be an hour away."""
    sender = rig("native").aim().prime()
    sender.client.set_schedule(HOURLY)
    started(sender)
    sender.producer = None

    with pytest.raises(RuntimeError, match="after the Producer was closed"):
        sender.client.send_due(0, 1, HOUR_NS, 50_000)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0, 1, 0, 0), RuntimeError),  # neither a schedule nor a buffer
        ((0, 1, 0), TypeError),
        ((0, 1, 0, 0, None, 1), TypeError),
        ((0, 1, "soon", 0), TypeError),
        ((0, 1, 0, 1 << 64), OverflowError),
        ((0, 2, 0, 0, array("q", [0])), ValueError),
        ((10**12, 1, 0, 0), ValueError),
    ],
)
def test_wrong_arguments_raise(rig: RigMaker, arguments: tuple[object, ...], error: type[Exception]) -> None:
    """And nothing is sent."""
    sender = rig("native").aim().prime()

    with pytest.raises(error):
        sender.client.send_due(*arguments)  # type: ignore[arg-type]
    assert sender.client.answered == 0


def test_no_events_are_sent_as_asked(rig: RigMaker) -> None:
    """None of a ramp, with the empty buffer that goes with it."""
    sender = rig("native").aim().prime()
    started(sender)

    assert [sender.client.send_due(7, 0, 0, 50_000, array("q")) for _ in range(2)] == [(0, 0, False)] * 2
    assert sender.client.send(7, 0, array("q")) == (0, 0)
