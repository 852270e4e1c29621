"""Kafka's release from its ApiVersions answer: bytes by hand, hostile bytes, and a real broker."""

import socket
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.brokers.release import LARGEST_ANSWER, metadata_version, release, release_of
from loadgen.brokers.target import Broker


def feature(name: str, level: int) -> bytes:
    return bytes([len(name) + 1]) + name.encode() + struct.pack(">hh", level, level) + b"\0"


def answer(*features: bytes, error: int = 0) -> bytes:
    """Two kinds of request, then tags 0 (supported), 1 (epoch) and 2 (finalized features)."""
    keys = b"\x03" + struct.pack(">hhh", 0, 0, 11) + b"\0" + struct.pack(">hhh", 18, 0, 4) + b"\0"
    finalized = bytes([len(features) + 1]) + b"".join(features)
    tags = b"\x03" + b"\x00\x01\x01" + b"\x01\x08" + bytes(8) + b"\x02" + bytes([len(finalized)]) + finalized
    return struct.pack(">ih", 1, error) + keys + bytes(4) + tags


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (answer(feature("group.version", 1), feature("metadata.version", 29)), 29),
        (answer(feature("group.version", 1)), None),
        (answer(), None),
        (answer(feature("metadata.version", 29), error=35), None),
    ],
    ids=["there", "another feature", "none", "an error"],
)
def test_the_level_is_found_among_the_features(data: bytes, expected: int | None) -> None:
    """Only the finalized level counts; an error or its absence is None."""
    assert metadata_version(data) == expected


@pytest.mark.parametrize(
    ("level", "expected"),
    [(None, None), (6, None), (7, "3.3"), (19, "3.7"), (25, "4.0"), (29, "4.2"), (30, "4.3"), (31, "newer than 4.3")],
)
def test_a_level_is_named_by_the_release_that_brought_it(level: int | None, expected: str | None) -> None:
    """Levels between two releases belong to the earlier; what is not known is not guessed."""
    assert release_of(level) == expected


@given(st.binary(max_size=200))
def test_whatever_answers_instead_of_kafka_is_no_release_and_no_crash(data: bytes) -> None:
    """Any bytes: a level, None, or one of the errors that `release` turns into None."""
    try:
        found = metadata_version(data)
    except (struct.error, IndexError):
        return

    assert found is None or isinstance(found, int)


@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", struct.pack(">i", LARGEST_ANSWER + 1), struct.pack(">i", 9) + b"short"],
    ids=["closed at once", "a web server", "too long", "cut short"],
)
def test_a_server_that_is_none_of_kafkas_is_none(reply: bytes) -> None:
    """Asking does no harm and does not hang."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        found = release(f"127.0.0.1:{server.getsockname()[1]}", {})
        thread.join()

    assert found is None


def test_nobody_there_is_none(topic: str) -> None:
    """A closed port, an address without one."""
    assert release("127.0.0.1:1", {}) is None
    assert release("nonsense", {}) is None


@pytest.mark.kafka
def test_a_real_kafka_tells_its_release(kafka: Broker) -> None:
    """The release that this project starts."""
    assert kafka.version is not None
    assert release(kafka.bootstrap, {}) == ".".join(kafka.version.split(".")[:2])
