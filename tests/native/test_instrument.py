"""Every acknowledgement is counted once, in the phase of its sequence, and timed from the right instants."""

import time
from array import array

import pytest

from loadgen.brokers.mock import MockCluster
from loadgen.native._native import FatalError
from loadgen.recorder.slab import (
    BREAKDOWN_AT,
    BREAKDOWN_COLUMNS,
    HISTOGRAMS_AT,
    RING_ENTRIES,
    Header,
    Metric,
    Phase,
    Slab,
    Slot,
    metric_sum_at,
    producer_at,
    set_at,
)
from tests.native.conftest import Mode, Rig, RigMaker

MODES = pytest.mark.parametrize("mode", ["native", "python"])
SECOND_NS = 10**9


def send_all(sender: Rig, count: int, batch: int = 500) -> None:
    """Hand over `count` records, waiting where the queue is full, and wait for their answers."""
    end = sender.next_sequence + count
    while sender.next_sequence < end:
        sender.send(min(batch, end - sender.next_sequence))
        sender.producer.poll(0)
    sender.wait_answered(end)


def breakdown(sender: Rig, phase: Phase = Phase.MEASURED) -> list[int]:
    """The columns of the breakdown, summed over its rows."""
    base = set_at(sender.slot, phase)
    with sender.words[base + BREAKDOWN_AT : base + HISTOGRAMS_AT] as rows:
        return [sum(rows[column::BREAKDOWN_COLUMNS]) for column in range(BREAKDOWN_COLUMNS)]


@MODES
def test_every_record_is_counted_once_and_in_its_phase(rig: RigMaker, mode: Mode) -> None:
    """20,000 records over two partitions: counters, bytes, requests and histograms add up exactly in both sets."""
    sender = rig(mode, slot=1, queue_buffering_max_messages=3000).aim(record=b"v" * 50).prime()
    sender.begin_measured(5_000)

    send_all(sender, 20_000)

    for phase, records in ((Phase.WARMUP, 5_000), (Phase.MEASURED, 15_000)):
        counts = sender.counts(phase)
        assert counts["ACKED"] == counts["REQUEST_RECORDS"] == records
        assert counts["PAYLOAD_BYTES"] == counts["BATCH_BYTES"] == 50 * records
        assert counts["FIRST_SENT_NS"] <= counts["LAST_ACK_NS"]
        assert sender.values(Metric.SERVICE, phase) == records
        assert sender.values(Metric.RESPONSE, phase) == sender.values(Metric.LATENESS, phase) == 0
        assert sender.values(Metric.REQUEST_RTT, phase) == counts["REQUESTS"] > 0
        records_seen, lateness_us, queue_us, network_us = breakdown(sender, phase)
        assert (records_seen, lateness_us) == (records, 0)
        assert queue_us + network_us == sender.words[metric_sum_at(1, phase, Metric.SERVICE)]
        assert {"FAILED", "UNKNOWN", "NEGATIVE", "UNTIMED"}.isdisjoint(counts)
    assert sum(sender.counts(phase)["WIRE_BYTES"] for phase in Phase) > 50 * 20_000


@MODES
def test_bytes_of_keys_are_in_the_batch_and_not_in_the_payload(rig: RigMaker, mode: Mode) -> None:
    """So that compression is judged by what was compressed, and throughput by what was asked."""
    sender = rig(mode).aim(record=b"v" * 50).prime()
    if mode == "native":
        sender.client.set_keys("order")
        sender.send(10)
    else:
        sender.client.expect(0, 10)
        for _ in range(10):
            sender.producer.produce("t", b"v" * 50, b"k" * 26)
        sender.client.settle()
    sender.wait_answered(10)

    counts = sender.counts()
    assert (counts["PAYLOAD_BYTES"], counts["BATCH_BYTES"]) == (500, 760)


@MODES
@pytest.mark.parametrize("by", ["schedule", "offsets"])
def test_response_counts_from_when_an_event_was_due(rig: RigMaker, mode: Mode, by: str) -> None:
    """Events due a second ago: lateness and response say so, service does not know."""
    sender = rig(mode).aim().prime()
    sender.words[Header.T0_NS] = time.monotonic_ns() - SECOND_NS
    offsets = array("q", range(100)) if by == "offsets" else None
    if by == "schedule":
        sender.client.set_schedule([(0, 0, 1, 1)])

    if mode == "native":
        assert sender.client.send(0, 100, offsets) == (100, 0)
    else:
        sender.client.expect(0, 100, offsets)
        sender.producer.produce_batch("t", [{"value": b"x"} for _ in range(100)])
        sender.client.settle()
    sender.wait_answered(100)

    assert [sender.values(metric) for metric in list(Metric)[:3]] == [100, 100, 100]
    sums = [sender.words[metric_sum_at(0, Phase.MEASURED, metric)] for metric in list(Metric)[:3]]
    lateness_us, service_us, response_us = sums
    assert lateness_us >= 100 * 1_000_000
    assert lateness_us + service_us == response_us
    records, *parts_us = breakdown(sender)
    assert records == 100
    assert sum(parts_us) == response_us


@MODES
def test_a_known_round_trip_is_in_service_and_request_rtt(rig: RigMaker, cluster: MockCluster, mode: Mode) -> None:
    """30 ms of the broker's making: no record is faster, and the time is booked to network and broker."""
    sender = rig(mode).aim().prime()
    cluster.set_rtt_ms(1, 30)

    send_all(sender, 50)

    rtt_us = sender.words[metric_sum_at(0, Phase.MEASURED, Metric.REQUEST_RTT)]
    assert rtt_us >= 30_000 * sender.counts()["REQUESTS"]
    assert sender.words[metric_sum_at(0, Phase.MEASURED, Metric.SERVICE)] >= 50 * 30_000
    assert breakdown(sender)[3] >= 50 * 30_000


@MODES
def test_an_acknowledgement_is_timed_when_it_arrives_not_when_python_looks(rig: RigMaker, mode: Mode) -> None:
    """Nobody polls for half a second after the answer came; the latency does not contain it."""
    sender = rig(mode).aim().prime()
    send_all(sender, 1)
    before_us = sender.words[metric_sum_at(0, Phase.MEASURED, Metric.SERVICE)]
    sender.send(1)
    while sender.client.answered < 2:  # no poll
        pass
    answered_ns = sender.counts()["LAST_ACK_NS"]
    while time.monotonic_ns() < answered_ns + SECOND_NS // 2:
        pass
    sender.producer.poll(0.1)

    assert sender.words[metric_sum_at(0, Phase.MEASURED, Metric.SERVICE)] - before_us < 500_000


@MODES
def test_without_acknowledgements_there_is_no_latency(rig: RigMaker, mode: Mode) -> None:
    """acks=0: the client reports what it wrote; that is counted, and not called a latency."""
    sender = rig(mode, acks=0).aim().prime()

    send_all(sender, 1_000)

    assert sender.outcomes() == (1_000, 0, 0)
    assert [sender.values(metric) for metric in Metric] == [0, 0, 0, 0]
    assert sender.counts()["WIRE_BYTES"] > 100_000
    assert sender.counts()["REQUESTS"] > 0
    assert "REQUEST_RECORDS" not in sender.counts()


@MODES
def test_a_full_queue_ends_the_batch_and_loses_nothing(rig: RigMaker, cluster: MockCluster, mode: Mode) -> None:
    """What was accepted is said; the rest can be sent later under the same sequences."""
    sender = rig(mode, queue_buffering_max_messages=100, linger_ms=20).aim().prime()
    cluster.pause()

    assert sender.send(1_000) == (100, 0)
    assert sender.send(900) == (0, 0)
    cluster.resume()
    send_all(sender, 900)

    assert sender.outcomes() == (1_000, 0, 0)


@MODES
def test_records_that_fail_do_not_fill_the_queue_for_ever(rig: RigMaker, mode: Mode) -> None:
    """A failure's report holds its place until Python polls; then there is room again."""
    sender = rig(mode, queue_buffering_max_messages=100, linger_ms=60_000).aim().prime()
    assert sender.send(1_000) == (100, 0)
    sender.producer.purge()
    sender.wait_queue_empty()
    assert sender.client.answered == 100

    assert sender.send(1_000) == (100, 0)


def test_the_stop_word_ends_a_batch(rig: RigMaker) -> None:
    """The coordinator's wish is seen every 1,024 records, however long the batch."""
    sender = rig("native").aim().prime()
    sender.words[Header.STOP] = 1

    assert sender.send(50_000) == (1024, 0)


def test_a_fatal_error_raises_once_nothing_more_is_accepted(rig: RigMaker, cluster: MockCluster) -> None:
    """And the slab says its code, for the coordinator."""
    sender = rig("native", enable_idempotence=True, linger_ms=20).aim().prime()
    cluster.push_errors(0, [45])
    sender.send(5)
    sender.wait_answered(5)

    with pytest.raises(FatalError) as raised:
        sender.send(1)

    assert raised.value.args[0] == 45
    assert sender.words[Header.FATAL_CODE] == 45 + 256


def test_the_ring_drops_and_counts_what_nobody_reads(rig: RigMaker) -> None:
    """4,096 failures wait; the others are counted as overflow, and after reading there is room again."""
    sender = rig("native").aim(partition=99).prime()
    assert sender.send(RING_ENTRIES + 10) == (0, RING_ENTRIES + 10)

    failures = sender.client.failures()

    assert failures == [(sequence, -190) for sequence in range(RING_ENTRIES)]
    assert sender.words[producer_at(0) + Slot.RING_OVERFLOW] == 10
    sender.send(3)
    assert sender.client.failures() == [(RING_ENTRIES + 10 + place, -190) for place in range(3)]


@MODES
def test_many_broker_threads_at_once_lose_no_count(slab: Slab, mode: Mode) -> None:
    """Sixteen brokers' threads add to the same cells."""
    with MockCluster.start(16) as cluster:
        cluster.create_topic("t", 64)
        sender = Rig(slab, 0, mode, cluster.bootstrap, {"linger.ms": 5, "sticky.partitioning.linger.ms": 0})
        sender.aim().prime()
        send_all(sender, 100_000)
        outcomes, service, timed = sender.outcomes(), sender.values(Metric.SERVICE), breakdown(sender)[0]
        sender.close()

    assert outcomes == (100_000, 0, 0)
    assert service == timed == 100_000


@MODES
def test_a_broker_that_is_gone_for_good_leaves_no_record_open(rig: RigMaker, cluster: MockCluster, mode: Mode) -> None:
    """While the sender waits for room in the queue; the message timeout ends it."""
    sender = rig(mode, queue_buffering_max_messages=100, message_timeout_ms=1000).aim().prime()
    send_all(sender, 50)
    sender.wait_queue_empty()
    cluster.broker_down(1)

    accepted, _ = sender.send(1_000)
    assert accepted == 100
    assert sender.send(900) == (0, 0)
    sender.wait_answered(150)

    acked, failed, unknown = sender.outcomes()
    assert (acked, failed + unknown) == (50, 100)
