"""Each contestant's own words: the command it is given, the count it reports."""

import pytest

from bench.peers import contestants
from bench.peers.command import gather
from bench.peers.contestants import (
    JAVA,
    LIBRDKAFKA,
    OURS,
    Leg,
    acked_by_ours,
    delivered_by_rdkafka,
    rdkafka_performance,
    sent_by_perf_test,
)

LEG = Leg("h:1", "t", 1234, None)


@pytest.mark.parametrize(
    ("read", "output", "count"),
    [
        (acked_by_ours, '{"messages": {"acked": 77}}', 77),
        (acked_by_ours, "loadgen: no connection", None),
        (acked_by_ours, "[]", None),
        (
            sent_by_perf_test,
            "100 records sent, 20.0 records/sec (0.1 MB/sec), 1.0 ms avg latency, 2.0 ms max latency.\n"
            "300 records sent, 512.5 records/sec (9.8 MB/sec), 12.3 ms avg latency, 400.0 ms max latency, 1 ms 50th.\n",
            300,
        ),
        (
            sent_by_perf_test,
            "org.apache.kafka.common.errors.TimeoutException: no\n300 records sent, 5 records/sec",
            None,
        ),
        (sent_by_perf_test, "", None),
        (
            delivered_by_rdkafka,
            "% Sending 9 messages of size 200 bytes\n"
            "% 6 messages produced (1200 bytes), 3 delivered (offset 1, 0 failed) in 1001ms: 3 msgs/s\n"
            "% 9 messages produced (1800 bytes), 8 delivered (offset 9, 1 failed) in 1257ms: 7 msgs/s and 0.01 MB/s\n",
            8,
        ),
        (delivered_by_rdkafka, "% Failed to create Kafka producer", None),
    ],
)
def test_the_count_is_what_the_tool_says_was_acknowledged(read: object, output: str, count: int | None) -> None:
    """The last word counts; a tool that says nothing, or of failures, has no count."""
    assert read(output) == count  # type: ignore[operator]


def test_everybody_gets_the_same_settings() -> None:
    """Where two clients have a setting in common, its value is one."""
    same = {"acks", "enable.idempotence", "linger.ms", "batch.size", "compression.type"}
    assert {LIBRDKAFKA[name] for name in same} == {JAVA[name] for name in same}
    assert {name: LIBRDKAFKA[name] == JAVA[name] for name in same} == dict.fromkeys(same, True)
    assert LIBRDKAFKA["max.in.flight"] == JAVA["max.in.flight.requests.per.connection"]

    theirs = rdkafka_performance("program", latency=True).command(LEG)
    for contestant in OURS:
        command = contestant.command(LEG)
        for name, value in LIBRDKAFKA.items():
            assert f"{name}={value}" in command
            assert f"{name}={value}" in theirs


def test_a_leg_is_in_the_command() -> None:
    """Topic, count and address; a rate for who keeps to one."""
    command = " ".join(OURS[0].command(LEG._replace(rate_per_s=70_000.4)))

    assert "-b h:1 -t t " in command
    assert "-n 1234 " in command
    assert command.endswith("-r 70000/s")
    assert "-r" not in OURS[0].command(LEG)
    assert "-l" in rdkafka_performance("program", latency=True).command(LEG)
    assert "-l" not in rdkafka_performance("program", latency=False).command(LEG)


def test_who_cannot_run_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Nothing installed: loadgen alone remains, and nobody is left out in silence."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    found, missing, program = gather()

    assert [one.name for one in found] == [one.name for one in OURS]
    assert program is None
    assert missing.keys() == {"rdkafka_performance", "kafka-producer-perf-test"}
    assert "cargo and gcc not found" in missing["rdkafka_performance"]
    assert "Java" in missing["kafka-producer-perf-test"]


def test_only_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a part of the name."""
    monkeypatch.setenv("PATH", "")

    found, _, _ = gather("stamped")

    assert [one.name for one in found] == ["loadgen stamped", "loadgen stamped, open loop"]
    assert contestants.OURS[2].paced_by == "loadgen stamped"
