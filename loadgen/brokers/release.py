"""Which Kafka is this? Read from the features of its ApiVersions answer, which librdkafka does not pass on.

A cluster has no call for its release. It has `metadata.version`, the feature level it works at: a number that each
release raises, and that an upgrade raises last. So the answer is a lower bound of the software and exact for the
protocol. Redpanda has no such feature and is told by None.

The request goes out before authentication, as every client's first does. Format: Kafka's protocol guide, ApiVersions
version 3, request header 2, response header 0; compact arrays and strings carry their length plus one as a varint.
"""

import socket
import ssl
import struct
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import ExitStack

from loadgen.brokers.tls import client_context

API_VERSIONS, VERSION = 18, 3
WITHIN_S = 2.0
LARGEST_ANSWER = 1 << 20
# First level of each release, from MetadataVersion in Kafka 4.3.0's own kafka-server-common
RELEASES = {7: "3.3", 8: "3.4", 9: "3.5", 12: "3.6", 15: "3.7", 20: "3.8", 21: "3.9", 22: "4.0", 26: "4.1", 28: "4.2"}
RELEASES |= {30: "4.3"}
NEXT_RELEASE = 31  # from here on this table does not know the name


def release(address: str, properties: Mapping[str, str]) -> str | None:
    """Such as "4.3"; None when the cluster does not say, or nothing is answered within 2 s.

    Args:
        address: host:port of any broker.
        properties: security.protocol and the ssl.* of a client.
    """
    host, _, port = address.rpartition(":")
    try:
        with ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((host.strip("[]"), int(port)), WITHIN_S))
            if "ssl" in properties.get("security.protocol", "").lower():
                context = client_context(properties)
                connection = stack.enter_context(context.wrap_socket(connection, server_hostname=host.strip("[]")))
            connection.settimeout(WITHIN_S)
            connection.sendall(request())
            return release_of(metadata_version(_answer(connection)))
    except (OSError, ValueError, ssl.SSLError, struct.error, IndexError):
        return None


def request() -> bytes:
    """An ApiVersions request with its length."""
    header = struct.pack(">hhih", API_VERSIONS, VERSION, 1, 7) + b"loadgen" + b"\0"
    body = b"\x08loadgen" + b"\x021" + b"\0"  # software name and version: compact strings; no tagged fields
    return struct.pack(">i", len(header) + len(body)) + header + body


def metadata_version(answer: bytes) -> int | None:
    """The finalized level of `metadata.version` in an answer without its length; None when it is not there.

    Raises:
        IndexError, struct.error: it ends too early.
    """
    position = 4  # past the correlation id
    (error,) = struct.unpack_from(">h", answer, position)
    if error:
        return None
    count, position = _varint(answer, position + 2)
    for _ in range(count - 1):
        position = _skip_tags(answer, position + 6)  # key, lowest, highest
    position += 4  # throttle time
    tags, position = _varint(answer, position)
    for _ in range(tags):
        tag, position = _varint(answer, position)
        size, position = _varint(answer, position)
        if tag == 2:
            return _finalized(answer, position)
        position += size
    return None


def release_of(level: int | None) -> str | None:
    """The release that brought a feature level: 29 → "4.2"."""
    if level is None or level < min(RELEASES):
        return None
    if level >= NEXT_RELEASE:
        return f"newer than {RELEASES[max(RELEASES)]}"
    known = sorted(RELEASES)
    return RELEASES[known[bisect_right(known, level) - 1]]


def _finalized(answer: bytes, position: int) -> int | None:
    count, position = _varint(answer, position)
    for _ in range(count - 1):
        length, position = _varint(answer, position)
        name = answer[position : position + length - 1]
        position += length - 1
        highest, _ = struct.unpack_from(">hh", answer, position)
        if name == b"metadata.version":
            return int(highest)
        position = _skip_tags(answer, position + 4)
    return None


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """(value, position after it): seven bits a byte, lowest first, the high bit says that more follow."""
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _skip_tags(data: bytes, position: int) -> int:
    count, position = _varint(data, position)
    for _ in range(count):
        _, position = _varint(data, position)
        size, position = _varint(data, position)
        position += size
    return position


def _answer(connection: socket.socket) -> bytes:
    (size,) = struct.unpack(">i", _exactly(connection, 4))
    if not 0 < size <= LARGEST_ANSWER:
        raise ValueError(f"an answer of {size} bytes is none of Kafka's")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ValueError("the connection was closed")
        data += part
    return data
