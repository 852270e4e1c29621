"""Blocks to paste: what librdkafka, Java's producer and this program's own profiles read, saying the same."""

from pathlib import Path

import pytest

from loadgen.experiments.paste import blocks
from loadgen.profile import profile_properties, resolve
from loadgen.profile.sources import read_profile

BEST = {
    "acks": "-1",
    "enable.idempotence": "true",
    "linger.ms": "20",
    "batch.size": "262144",
    "batch.num.messages": "10000",
    "compression.type": "lz4",
    "compression.level": "6",
    "queue.buffering.max.kbytes": "65536",
    "message.timeout.ms": "30000",
}


def lines(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if line and not line.startswith("#"))


def test_the_remark_stands_above_every_block() -> None:
    """Batches fill by rate and size, so whoever pastes has to see what it is valid for; one line, whatever is in it."""
    pasted = blocks(BEST, {"workers": "2"}, "valid for 8,000 msg/s\na producer")

    for block in (pasted.librdkafka, pasted.java, pasted.profile):
        assert block.startswith("# valid for 8,000 msg/s\\na producer\n")


def test_librdkafka_reads_its_block_as_it_is() -> None:
    """Every property, by the name it has there."""
    assert lines(blocks(BEST, {}, "r").librdkafka) == BEST


def test_javas_producer_gets_its_own_names_and_units() -> None:
    """buffer.memory in bytes, the codec's own level, acks=all; what it has no word for is named in a comment."""
    java = blocks(BEST, {}, "r").java

    assert lines(java) == {
        "acks": "all",
        "enable.idempotence": "true",
        "linger.ms": "20",
        "batch.size": "262144",
        "compression.type": "lz4",
        "compression.lz4.level": "6",
        "buffer.memory": str(65_536 * 1_024),
        "delivery.timeout.ms": "30000",
        "request.timeout.ms": "29980",
    }
    assert "# not in Java's producer: batch.num.messages=10000" in java


@pytest.mark.parametrize(
    ("delivery_ms", "linger_ms", "request_ms"), [("30000", "0", None), ("300000", "5", None), ("30000", "1", "29999")]
)
def test_java_would_refuse_a_delivery_timeout_below_linger_and_request(
    delivery_ms: str, linger_ms: str, request_ms: str | None
) -> None:
    """delivery.timeout.ms ≥ linger.ms + request.timeout.ms: the last is set only where its default would break that."""
    java = lines(blocks({"linger.ms": linger_ms, "message.timeout.ms": delivery_ms}, {}, "r").java)

    assert java.get("request.timeout.ms") == request_ms


def test_the_profile_is_one_of_this_program(tmp_path: Path) -> None:
    """Read back, it gives the same properties, and the workers."""
    path = tmp_path / "tuned.toml"
    path.write_text(blocks(BEST, {"workers": "2"}, "r").profile)

    assert profile_properties(str(path)) == BEST
    assert read_profile(str(path))[0]["run"] == {"workers": "2"}
    assert resolve({"profile": str(path), "start": "mock"}).workers == 2


def test_connections_and_secrets_are_never_in_a_block() -> None:
    """How the cluster is reached is the reader's own."""
    secret = {
        "sasl.password": "hunter2",
        "ssl.ca.location": "/ca.pem",
        "bootstrap.servers": "a:1",
        "sasl.username": "ada",
    }
    pasted = blocks({**BEST, **secret}, {}, "r")

    for block in (pasted.librdkafka, pasted.java, pasted.profile):
        assert not any(word in block for word in ("hunter2", "ca.pem", "a:1", "ada"))
