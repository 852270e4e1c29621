"""Why there is no answer: said within ten seconds, with what to look at."""

import gc
import re
import socket
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress

import pytest

from loadgen.brokers import connection
from loadgen.brokers.admin import describe_cluster
from loadgen.brokers.connection import ANSWER_WITHIN_S, Connection, connection_properties
from loadgen.brokers.target import Broker
from loadgen.errors import Unreachable, UsageError
from tests.brokers.guarded import Guarded
from tests.faults.record import Row, append


def external(bootstrap: str) -> Broker:
    return Broker("external", bootstrap, None, "")


def reason(bootstrap: str, properties: Mapping[str, str], answer_within_s: float = ANSWER_WITHIN_S) -> str:
    """Of the failure to reach a cluster, which must come within ten seconds and be one line."""
    before = time.monotonic()
    with pytest.raises(Unreachable) as raised:
        describe_cluster(external(bootstrap), properties, answer_within_s)
    assert time.monotonic() - before < 10
    text = str(raised.value)
    assert "\n" not in text
    assert bootstrap in text
    assert raised.value.exit_code == 3
    return text


@pytest.mark.usefixtures("short_grace")
def test_a_closed_port() -> None:
    """Connection refused, and the question whether a broker runs there."""
    assert "refused; is a broker running there?" in reason("127.0.0.1:1", {})


@pytest.mark.usefixtures("short_grace")
def test_an_unknown_host() -> None:
    """The name and that it does not resolve."""
    assert "check the host name" in reason("no-such-host.invalid:9092", {})


def test_a_server_that_says_nothing() -> None:
    """It takes the connection and never answers: the whole time is waited, and said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = reason(f"127.0.0.1:{server.getsockname()[1]}", {}, answer_within_s=2.0)

    assert "no answer within 2 s" in text
    assert ANSWER_WITHIN_S <= 8  # what is promised is 10 s from the start of the command


def test_one_of_several_addresses_is_enough(mock: Broker, kafka: Broker) -> None:
    """A dead one among them is no reason to give up."""
    assert describe_cluster(external(f"127.0.0.1:1,{kafka.bootstrap}"), {}).brokers == (kafka.bootstrap,)


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    """Before any connection is tried, naming the property."""
    with pytest.raises(UsageError, match=r"ssl\.ca\.location"):
        describe_cluster(external("127.0.0.1:1"), {"security.protocol": "ssl", "ssl.ca.location": "/no/such/file"})


def test_only_what_concerns_the_connection_is_taken_over() -> None:
    """Idempotence would make the admin client ask for a producer id; a question must not make a topic."""
    taken = connection_properties(
        "h:1", {"enable.idempotence": "true", "acks": "all", "linger.ms": "5", "sasl.username": "u", "client.id": "c"}
    )

    assert taken.keys() & {"enable.idempotence", "acks", "linger.ms"} == set()
    assert (taken["sasl.username"], taken["client.id"], taken["bootstrap.servers"]) == ("u", "c", "h:1")
    assert taken["allow.auto.create.topics"] == "false"


def test_a_client_is_destroyed_by_the_end_of_its_block_and_not_by_the_collector(mock: Broker) -> None:
    """Answered, refused by the cluster or given up: else it may die on its own thread, and the process with it."""
    gc.disable()
    try:
        clients = []
        for address, within_s in (("127.0.0.1:1", 0.2), (mock.bootstrap, 5.0)):
            # a mock cluster never answers this question: the client's own time-out sets the future
            with suppress(Unreachable), Connection(address, {}, within_s) as connection:
                clients.append(weakref.ref(connection.client))
                connection.wait(connection.client.describe_cluster(request_timeout=0.5))
            assert [client() for client in clients] == [None] * len(clients)
    finally:
        gc.enable()

    assert len(clients) == 2


SASL = {"security.protocol": "sasl_plaintext", "sasl.mechanisms": "PLAIN", "sasl.username": "alice"}


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("password", "mechanism", "expected"),
    [
        ("wrong-secret", "PLAIN", "authentication failed"),
        ("alice-secret", "SCRAM-SHA-256", "authentication failed: .*Unsupported SASL mechanism"),
    ],
)
def test_a_refused_login(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, password: str, mechanism: str, expected: str
) -> None:
    """At once, not when all time is up: the cluster's words and what to look at; the password is not among them."""
    monkeypatch.setattr(connection, "GRACE_S", 60.0)
    properties = SASL | {"sasl.password": password, "sasl.mechanisms": mechanism}
    text = reason(guarded.address("PASSWORD"), properties, answer_within_s=60.0)

    assert "sasl.mechanisms, sasl.username and sasl.password" in text
    assert password not in text
    assert re.search(expected, text)


@pytest.mark.kafka
def test_the_right_password(guarded: Guarded) -> None:
    """The same listener lets the right one in, and its release is read without logging in."""
    cluster = describe_cluster(external(guarded.address("PASSWORD")), SASL | {"sasl.password": "alice-secret"})

    assert len(cluster.brokers) == 1
    assert cluster.version == "4.3"


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("listener", "host", "ca", "expected"),
    [
        ("TLS", "localhost", "other_ca", "from a CA that is not trusted here; set ssl.ca.location"),
        ("TLS", "localhost", None, "from a CA that is not trusted here; set ssl.ca.location"),
        ("ELSEWHERE", "localhost", "ca", "for another host name"),
        ("ELSEWHERE", "127.0.0.1", "ca", "for another address"),
        ("EXPIRED", "localhost", "ca", "has expired"),
        ("SELFSIGNED", "localhost", "ca", "is self-signed; set ssl.ca.location to it"),
    ],
    ids=["wrong CA", "no CA", "wrong name", "wrong address", "expired", "self-signed"],
)
def test_a_certificate_that_is_not_trusted(
    guarded: Guarded, listener: str, host: str, ca: str | None, expected: str
) -> None:
    """Each cause by its own name, although the client library has one text for all."""
    properties = {"security.protocol": "ssl"} | ({} if ca is None else {"ssl.ca.location": str(getattr(guarded, ca))})

    assert expected in reason(guarded.address(listener, host), properties)
    append(
        Row(anchor="R14", fault="certificates that are not to be trusted", test="test_connection", found="each named")
    )


@pytest.mark.kafka
def test_the_right_certificate(guarded: Guarded) -> None:
    """With the CA and by a name that it holds; the release is read over TLS too."""
    properties = {"security.protocol": "ssl", "ssl.ca.location": str(guarded.ca)}
    cluster = describe_cluster(external(guarded.address("TLS", "localhost")), properties)

    assert len(cluster.brokers) == 1
    assert cluster.version == "4.3"


@pytest.mark.usefixtures("short_grace")
@pytest.mark.kafka
@pytest.mark.parametrize(
    ("listener", "protocol"), [("TLS", "plaintext"), ("PASSWORD", "plaintext"), ("PLAINTEXT", "ssl")]
)
def test_another_protocol_than_the_listeners(guarded: Guarded, listener: str, protocol: str) -> None:
    """What the client speaks is said, and what it could speak instead."""
    properties = {"security.protocol": protocol, "ssl.ca.location": str(guarded.ca)}
    text = reason(guarded.address(listener, "localhost"), properties)

    assert f"security.protocol is {protocol}" in text
    assert "sasl_ssl" in text
