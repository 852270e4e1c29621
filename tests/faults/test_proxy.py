"""The fault proxy against an echo server: what it does to bytes, and that it counts what it did."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.proxy import HOST, FaultProxy, Toxics, fault_proxy

pytestmark = pytest.mark.faults


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """A proxy in front of a server that sends back what it gets."""
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    def echo(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65_536):
                    connection.sendall(data)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    with fault_proxy(listener.getsockname()[1]) as started:
        yield started
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=10)


def exactly(connection: socket.socket, length: int) -> bytes:
    """So many bytes, or what came before the end."""
    read = b""
    while len(read) < length and (part := connection.recv(length - len(read))):
        read += part
    return read


def test_without_a_toxic_bytes_come_back_as_they_went(proxy: FaultProxy) -> None:
    """Two megabytes, both ways, unchanged and counted."""
    sent = bytes(range(256)) * 8192
    with connect(proxy) as connection:
        threading.Thread(target=connection.sendall, args=(sent,)).start()
        assert exactly(connection, len(sent)) == sent
    assert (proxy.seen.connections, proxy.seen.up_bytes) == (1, len(sent))


def test_latency_is_added_to_each_direction_and_does_not_shrink_the_pipe(proxy: FaultProxy) -> None:
    """60 ms up, 40 ± 20 down: no answer in less than 80 ms; ten at once take hardly longer than one."""
    proxy.up, proxy.down = Toxics(latency_ms=60), Toxics(latency_ms=40, jitter_ms=20)
    with connect(proxy) as connection:
        began = time.monotonic()
        for _ in range(10):
            connection.sendall(b"x")
        assert exactly(connection, 10) == b"x" * 10
        assert 0.08 <= time.monotonic() - began < 0.8  # ten in turn would take 0.8 s at least
    assert proxy.seen.delayed >= 2


def test_bandwidth_bounds_the_rate(proxy: FaultProxy) -> None:
    """40 kB at 100 kB/s take at least 0.3 s: the last piece need not be waited for."""
    proxy.down = Toxics(bytes_per_s=100_000)
    with connect(proxy) as connection:
        began = time.monotonic()
        connection.sendall(b"x" * 40_000)
        assert len(exactly(connection, 40_000)) == 40_000
        assert time.monotonic() - began >= 0.3


def test_the_slicer_changes_no_byte(proxy: FaultProxy) -> None:
    """7 bytes a write, as many writes as that takes, the same bytes."""
    proxy.up = proxy.down = Toxics(slice_bytes=7)
    sent = bytes(range(256)) * 4
    with connect(proxy) as connection:
        connection.sendall(sent)
        assert exactly(connection, len(sent)) == sent
    assert proxy.seen.slices >= 2 * len(sent) // 7


def test_a_share_of_connections_is_reset(proxy: FaultProxy) -> None:
    """Half of 40 connections, by a seeded choice: those get RST, the others their bytes."""
    proxy.reset_share = 0.5
    answers = []
    for _ in range(40):
        with connect(proxy) as connection:
            try:
                connection.sendall(b"once")
                exactly(connection, 4)
                connection.sendall(b"more")
                answers.append(exactly(connection, 4))
            except ConnectionResetError:
                answers.append(b"reset")
    assert answers.count(b"reset") == proxy.seen.resets
    assert 10 <= proxy.seen.resets <= 30


def test_reset_all_resets_what_there_is(proxy: FaultProxy) -> None:
    """A connection that was idle finds itself reset; a new one works."""
    with connect(proxy) as connection:
        connection.sendall(b"x")
        assert exactly(connection, 1) == b"x"
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with connect(proxy) as connection:
        connection.sendall(b"x")
        assert exactly(connection, 1) == b"x"


def test_a_cut_answer_ends_the_connection_after_its_bytes(proxy: FaultProxy) -> None:
    """The server got all of it, the client 3 bytes and the end: written, answer lost. Once."""
    proxy.cut(3)
    with connect(proxy) as connection:
        connection.sendall(b"request")
        assert exactly(connection, 7) == b"req"
    with connect(proxy) as connection:
        connection.sendall(b"request")
        assert exactly(connection, 7) == b"request"
    assert proxy.seen.cuts == 1


def test_a_black_hole_swallows_and_keeps_the_connection(proxy: FaultProxy) -> None:
    """Nothing comes back and nothing ends; once it is healed, the same connection works."""
    with connect(proxy) as connection:
        connection.sendall(b"x")
        assert exactly(connection, 1) == b"x"
        proxy.blackhole = True
        connection.sendall(b"lost")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert proxy.seen.swallowed_bytes == 4
        proxy.heal()
        connection.settimeout(10)
        connection.sendall(b"y")
        assert exactly(connection, 1) == b"y"


def test_without_a_server_behind_it_a_connection_ends() -> None:
    """As a broker that is down: no hang."""
    with fault_proxy(1) as proxy, connect(proxy) as connection:
        assert connection.recv(1) == b""
