"""The network breaks: links go down, connections are reset, answers cut, bytes come seven at a time or slowly."""

import subprocess
from typing import Any

import pytest

from loadgen.brokers.mock import MockCluster
from loadgen.brokers.target import Broker, start_broker
from loadgen.report.result import Result
from tests.faults.conftest import Recorder
from tests.faults.lab import Lab, assert_accounted, in_own_world, link, needs_root, run
from tests.faults.proxy import Toxics

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


DOWN_S = 8.0


def lo_down(start: Any, **settings: Any) -> tuple[Result, str]:
    """Broker and run in a network of their own, whose only link is taken down for 8 s."""
    seen: list[str] = []

    def down() -> None:
        link("set", "lo", "down")
        seen.append(link("show", "lo"))

    def inside() -> Result:
        with start() as broker:
            return run(
                {2: down, 2 + DOWN_S: lambda: link("set", "lo", "up")},
                broker=broker,
                bootstrap_server=broker.bootstrap,
                duration="14s",
                **settings,
            )

    return in_own_world(inside), seen[0]


@needs_root
def test_fault_6_the_link_is_down_for_8_seconds(record: Recorder) -> None:
    """TCP survives it: every record is acknowledged, late, and the run tells the silence."""
    result, seen = lo_down(lambda: start_broker("mock"))
    assert "DOWN" in seen, seen
    assert_accounted(result)
    assert result.messages.acked == result.messages.attempted > 2000
    record("6", "6 lo down 8 s, mock", result, assert_silence(result))


@needs_root
@pytest.mark.slow
def test_fault_6_on_a_real_kafka(kafka: Broker, record: Recorder) -> None:
    """The same with a Kafka in that network; `kafka` says whether one can be had."""
    result, _ = lo_down(lambda: start_broker("kafka"), verify="ids", drain="20s")
    assert_accounted(result)
    record("6", "6 lo down 8 s, Kafka", result, assert_silence(result))


def assert_silence(result: Result) -> str:
    """At least as long as the link was down; TCP tries again at its own intervals, which double. In words."""
    assert result.recovery is not None
    gap_s = result.recovery.longest_ack_gap_s
    assert DOWN_S - 1 <= gap_s <= DOWN_S + 12
    return f"silence {gap_s:.1f} s"


def test_fault_7_connections_are_reset(lab: Lab, record: Recorder) -> None:
    """RST to 5 % of the connections of 20 producers, then to all of them at once: nothing lost, nothing doubled."""
    lab.proxy.reset_share = 0.05

    def reset() -> None:
        lab.proxy.reset_share = 0.0
        lab.proxy.reset_all()

    result = run({2: reset}, bootstrap_server=lab.through, producers="20", duration="5s", verify="ids")
    assert lab.proxy.seen.resets >= 20
    assert_accounted(result)
    assert result.messages.acked == result.messages.attempted
    record("7", "7 connections reset", result, f"{lab.proxy.seen.resets} of {lab.proxy.seen.connections} reset")


def cut_answers(lab: Lab, **settings: Any) -> Result:
    """A run whose answers are cut five times after 4 bytes: the broker has written, the client does not know."""
    cuts = {1 + 0.5 * turn: lambda: lab.proxy.cut(4) for turn in range(5)}
    result = run(cuts, bootstrap_server=lab.through, duration="5s", **settings)
    assert lab.proxy.seen.cuts >= 3
    return result


def test_fault_8_an_answer_is_cut_and_idempotence_writes_once(lab: Lab, record: Recorder) -> None:
    """Written, acknowledgement lost, sent again: the broker knows the sequence, so the log holds it once."""
    result = cut_answers(lab, verify="ids")
    assert_accounted(result)
    assert result.messages.acked == result.messages.attempted
    record("8", "8 answers cut, idempotent", result, f"{lab.proxy.seen.cuts} cut")


def test_fault_8_an_answer_is_cut_and_without_idempotence_it_is_written_twice(lab: Lab, record: Recorder) -> None:
    """The same without idempotence: acknowledged once, in the log twice, found by reading back, exit 4."""
    result = cut_answers(lab, verify="ids", X=["enable.idempotence=false"])
    assert_accounted(result, bracket=False)
    found = result.delivered.verified
    assert found is not None
    assert found.lost == 0
    assert found.duplicated > 0
    assert result.verdict.exit_code == 4
    record("8", "8 answers cut, not idempotent", result, f"{lab.proxy.seen.cuts} cut; duplicates told, exit 4")


def test_fault_8_an_answer_is_cut_and_not_asked_again(lab: Lab, record: Recorder) -> None:
    """The same without retries: in the log or not, nobody knows, and so it is counted: unknown, never failed or acked."""
    result = cut_answers(lab, verify="ids", X=["enable.idempotence=false", "retries=0"])
    assert_accounted(result)
    assert result.messages.unknown > 0
    assert result.messages.failed == 0
    record("8", "8 answers cut, no retries", result, f"{lab.proxy.seen.cuts} cut")


def test_fault_9_seven_bytes_at_a_time(lab: Lab, record: Recorder) -> None:
    """Every request and answer in 7-byte pieces: the protocol does not care, and neither do we."""
    lab.proxy.up = lab.proxy.down = Toxics(slice_bytes=7)
    result = run(bootstrap_server=lab.through, rate="50/s", duration="3s", verify="ids", drain="30s")
    assert lab.proxy.seen.slices > 1000
    assert_accounted(result)
    assert result.messages.acked == 150
    record("9", "9 slicer, 7 bytes", result, f"{lab.proxy.seen.slices:,} slices")


@needs_root
def test_fault_10_a_link_of_one_megabit(record: Recorder) -> None:
    """`tc tbf` at 1 Mbit/s below twice as much load: what is acknowledged fits through the link, the rest is accounted."""

    def inside() -> tuple[Result, str]:
        link("set", "lo", "mtu", "1500")
        shape = ["tbf", "rate", "1mbit", "burst", "16kb", "latency", "400ms"]
        subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", *shape], check=True)
        with MockCluster.start() as mock:
            broker = Broker("mock", mock.bootstrap, None, "mock behind a slow link", mock=mock)
            result = run(
                broker=broker,
                start="mock",
                rate="1k/s",
                record_size="250",
                entropy="1",
                duration="6s",
                drain="3s",
                X=["compression.type=none"],
            )
        shown = subprocess.run(["tc", "-s", "qdisc", "show", "dev", "lo"], check=True, capture_output=True, text=True)
        return result, shown.stdout

    result, shown = in_own_world(inside)
    assert "tbf" in shown, shown
    assert_accounted(result)
    assert result.throughput.achieved_ratio is not None
    assert result.throughput.achieved_ratio < 0.9
    assert result.bytes.payload <= 125_000 * 12  # 6 s of plan, 3 of drain, and the queue of the link
    assert result.verdict.exit_code == 99
    record("10", "10 tbf 1 Mbit", result, f"{result.throughput.payload_mib_per_s * 8.39:.2f} Mbit/s of payload")


def test_a_black_hole_swallows_everything_for_a_while(lab: Lab, record: Recorder) -> None:
    """Connections stay, nothing passes for 3 s: noticed by time-outs, tried again, all acknowledged once."""
    result = run(
        {1: lambda: setattr(lab.proxy, "blackhole", True), 4: lambda: setattr(lab.proxy, "blackhole", False)},
        bootstrap_server=lab.through,
        duration="8s",
        verify="ids",
        drain="30s",
        X=["socket.timeout.ms=2000", "message.timeout.ms=60000"],
    )
    assert lab.proxy.seen.swallowed_bytes > 0
    assert_accounted(result)
    assert result.messages.acked == result.messages.attempted
    record("6", "blackhole 3 s", result, f"{lab.proxy.seen.swallowed_bytes:,} bytes swallowed")
