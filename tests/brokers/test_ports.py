"""Ports for brokers."""

import socket

import pytest

from loadgen.brokers.ports import free_ports, require_free
from loadgen.errors import UsageError


def test_ports_are_different_free_and_not_for_outgoing_connections() -> None:
    """All can be bound at once, and none lies where the system takes ports for connections."""
    ports = free_ports(20)
    sockets = [socket.socket() for _ in ports]
    for one, port in zip(sockets, ports, strict=True):
        one.bind(("127.0.0.1", port))
    for one in sockets:
        one.close()

    assert len(set(ports)) == 20
    assert max(ports) < 32_768


@pytest.mark.parametrize("port", [None, 0x10000, -1])
def test_a_port_that_cannot_be_had_is_told_before_a_broker_starts(port: int | None) -> None:
    """One that is taken (None stands for it), or that is no port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1] if port is None else port
        with pytest.raises(UsageError, match=rf"--port {number}: .*leave it out"):
            require_free(number)


def test_a_free_port_is_given_back() -> None:
    """The port itself, so that the call can stand where the port is used."""
    (port,) = free_ports(1)

    assert require_free(port) == port
