"""One contract for every transport: the real client against the mock cluster, and the one in memory."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from loadgen.brokers.admin import create_topic
from loadgen.brokers.target import Broker
from loadgen.errors import Unreachable, UsageError
from loadgen.producer import kafka as kafka_module
from loadgen.producer.errors import (
    ClientClosed,
    ClientFatal,
    KafkaProducerError,
    QueueFull,
    RecordRefused,
    UsedAfterFork,
    outcome_of,
)
from loadgen.producer.kafka import KafkaTransport
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.producer.null import NullTransport
from loadgen.producer.transport import BatchOutcome
from tests.producer.reading import read_topic

CAPACITY = 10
LARGEST = 1000

Make = Callable[..., Any]


@pytest.fixture(params=["memory", "kafka"])
def make(request: pytest.FixtureRequest, mock: Broker) -> Iterator[Make]:
    """Makes transports of one kind that take CAPACITY records of LARGEST bytes; closed at the end."""
    made: list[Any] = []

    def build() -> Any:
        if request.param == "memory":
            made.append(MemoryTransport(capacity=CAPACITY, largest_bytes=LARGEST, partitions=4))
        else:
            properties = {
                "bootstrap.servers": mock.bootstrap,
                "queue.buffering.max.messages": str(CAPACITY),
                "message.max.bytes": str(LARGEST),
                "linger.ms": "0",
            }
            made.append(KafkaTransport(properties))
        return made[-1]

    yield build
    for transport in made:
        transport.close(5)


class Reports:
    """Counts what comes back, and may be waited on."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.seen: list[tuple[int | None, bytes]] = []

    def __call__(self, error: Any, message: Any) -> None:
        self.seen.append((error.code() if error else None, message.value()))

    def wait_for(self, count: int) -> list[tuple[int | None, bytes]]:
        for _ in range(300):
            if len(self.seen) >= count:
                break
            self.transport.poll(0.05)
        assert len(self.seen) == count
        return self.seen


def test_each_record_is_reported_once(make: Make, topic: str) -> None:
    """Accepted once, acknowledged once, with the record and a latency."""
    transport = make()
    transport.prime(topic, 10)
    messages: list[Any] = []
    transport.send(topic, b"value", b"key", [("h", b"1")], -1, lambda error, message: messages.append((error, message)))
    while not messages:
        transport.poll(0.1)

    (error, message), *_ = messages
    assert error is None
    assert (message.topic(), message.key(), message.value()) == (topic, b"key", b"value")
    assert message.headers() is None  # a trap: who needs them must have kept them
    assert 0 <= message.latency() < 10
    assert len(message) == 5
    assert message.offset() == 0


def test_a_full_queue_takes_nothing_and_makes_room_when_polled(make: Make, topic: str) -> None:
    """QueueFull is an offer to try again, not a loss."""
    transport = make()
    reports = Reports(transport)
    for number in range(CAPACITY):
        transport.send(topic, bytes([number]), on_delivery=reports)
    with pytest.raises(QueueFull) as raised:
        transport.send(topic, b"x", on_delivery=reports)
    assert raised.value.retriable

    reports.wait_for(CAPACITY)
    transport.send(topic, b"x", on_delivery=reports)
    reports.wait_for(CAPACITY + 1)


def test_a_record_that_is_too_large_is_refused_for_good(make: Make, topic: str) -> None:
    """It is not queued and never reported."""
    transport = make()
    with pytest.raises(RecordRefused, match="MSG_SIZE_TOO_LARGE") as raised:
        transport.send(topic, b"x" * 2 * LARGEST, on_delivery=pytest.fail)

    assert not raised.value.retriable
    assert outcome_of(raised.value.code or 0) == "failed"
    transport.poll(0.1)


def test_a_batch_is_accounted_record_by_record(make: Make, topic: str) -> None:
    """Accepted, refused for good, still the caller's: each record is in exactly one of the three."""
    transport = make()
    reports = Reports(transport)
    values = [bytes([number]) * (2 * LARGEST if number in {2, 5} else 1) for number in range(20)]
    outcome = transport.send_batch(topic, [{"value": value, "key": b"k", "callback": reports} for value in values])

    assert outcome == BatchOutcome(CAPACITY, [(2, 10), (5, 10)])
    assert outcome.decided == 12
    seen = reports.wait_for(CAPACITY)
    assert [value for _, value in seen] == [value for value in values[:12] if len(value) == 1]


def test_what_did_not_fit_can_be_handed_over_again(make: Make, topic: str) -> None:
    """Even in the same dicts, in which the binding leaves its marks: nothing is counted twice, nothing lost."""
    transport = make()
    reports = Reports(transport)
    messages = [{"value": bytes([number]), "key": b"k", "callback": reports} for number in range(35)]
    waiting = messages
    while waiting:
        outcome = transport.send_batch(topic, waiting)
        assert outcome.refused == []
        waiting = waiting[outcome.decided :]
        transport.poll(0.05)

    assert [value for _, value in reports.wait_for(35)] == [bytes([number]) for number in range(35)]
    assert all("_error" not in message for message in messages)


def test_a_batch_with_something_that_is_no_bytes_takes_nothing(make: Make, topic: str) -> None:
    """A programming error is an error, and no record of the batch is on its way."""
    transport = make()
    with pytest.raises(TypeError):
        transport.send_batch(topic, [{"value": b"1", "callback": pytest.fail}, {"value": 7}])
    transport.poll(0.2)


def test_a_purge_is_reported(make: Make) -> None:
    """Whatever was accepted comes back, as failed or unknown, at the next polls."""
    transport = make()
    if isinstance(transport, MemoryTransport):
        transport.answer = lambda number: Answer(None, in_flight=number < 3)
    else:
        transport = KafkaTransport({"bootstrap.servers": "127.0.0.1:1"})
    reports = Reports(transport)
    for number in range(5):
        transport.send("t", bytes([number]), on_delivery=reports)
    transport.purge()

    assert {outcome_of(code or 0) for code, _ in reports.wait_for(5)} <= {"failed", "unknown"}
    transport.close(1)


def test_after_close_it_says_so(make: Make, topic: str) -> None:
    """Closing twice is nothing; sending afterwards is an error with a text."""
    transport = make()
    transport.close(1)
    transport.close(1)

    with pytest.raises(ClientClosed, match="closed"):
        transport.send(topic, b"x")
    assert transport.poll(0) == 0


def test_a_close_reports_what_was_outstanding(make: Make) -> None:
    """Nothing accepted disappears when the client goes."""
    transport = make()
    if isinstance(transport, KafkaTransport):
        transport = KafkaTransport({"bootstrap.servers": "127.0.0.1:1"})
    else:
        transport.answer = lambda _: Answer(None)
    reports = Reports(transport)
    for number in range(5):
        transport.send("t", bytes([number]), on_delivery=reports)
    transport.close(5)

    assert len(reports.seen) == 5


def test_priming_tells_the_partitions(make: Make, topic: str) -> None:
    """The number of partitions, known before the first record."""
    assert make().prime(topic, 10) == 4


def test_headers_in_a_batch_are_an_error_in_memory() -> None:
    """The real client drops them silently; the one for tests does not let that pass."""
    with pytest.raises(TypeError, match="headers"):
        MemoryTransport().send_batch("t", [{"value": b"1", "headers": [("a", b"b")]}])


def test_the_null_transport_acknowledges_everything() -> None:
    """What remains is the sender's own cost."""
    transport = NullTransport()
    reports = Reports(transport)
    transport.send("t", b"1", on_delivery=reports)
    assert transport.send_batch("t", [{"value": b"2", "callback": reports}] * 2) == BatchOutcome(2, [])
    transport.close(0)

    assert [code for code, _ in reports.seen] == [None] * 3


def test_a_scripted_fatal_error_stops_the_client() -> None:
    """As librdkafka: the report, then nothing is taken any more."""
    transport = MemoryTransport(lambda _: Answer(0, 45))
    transport.send("t", b"1")
    transport.poll(0)

    assert isinstance(transport.fatal, ClientFatal)
    with pytest.raises(ClientFatal):
        transport.send("t", b"2")


def test_a_fatal_error_of_the_real_client_is_remembered_and_loses_no_report(mock: Broker, topic: str) -> None:
    """Broker says OUT_OF_ORDER_SEQUENCE_NUMBER to an idempotent producer: all reports come, poll() raises nothing."""
    assert mock.mock is not None
    transport = KafkaTransport(
        {"bootstrap.servers": mock.bootstrap, "enable.idempotence": "true", "linger.ms": "50", "retries": "1"}
    )
    transport.prime(topic, 10)
    reports = Reports(transport)
    transport.send(topic, b"0", on_delivery=reports)
    reports.wait_for(1)
    mock.mock.push_errors(0, [45])
    for number in range(3):
        transport.send(topic, bytes([number]), partition=0, on_delivery=reports)
    try:
        reports.wait_for(4)
        while transport.fatal is None:
            transport.poll(0.05)
        with pytest.raises(ClientFatal) as raised:
            transport.send(topic, b"x")
    finally:
        mock.mock.clear_errors(0)

    assert raised.value.fatal
    assert all(code is not None for code, _ in reports.seen[1:])
    transport.close(2)


@pytest.mark.parametrize(
    ("bootstrap", "says"),
    [("127.0.0.1:1", "Connection refused"), ("no-such-host.invalid:9092", "_RESOLVE|Failed to resolve")],
)
def test_an_unreachable_cluster_is_known_early_and_says_why(bootstrap: str, says: str) -> None:
    """Long before the timeout, with librdkafka's reason and the address."""
    with pytest.raises(Unreachable, match=says) as raised:
        KafkaTransport({"bootstrap.servers": bootstrap}).prime("t", 60)

    assert bootstrap in str(raised.value)


@pytest.mark.parametrize("properties", [{"linger.ms": "soon"}, {"no.such.property": "1"}, {"ssl.ca.location": "/no"}])
def test_a_property_that_librdkafka_refuses_is_named(properties: dict[str, str]) -> None:
    """Before any connection."""
    with pytest.raises(UsageError, match="does not take"):
        KafkaTransport(
            {"bootstrap.servers": "127.0.0.1:1", "security.protocol": "ssl", **properties}
            if "ssl.ca.location" in properties
            else {"bootstrap.servers": "127.0.0.1:1", **properties}
        )


def test_its_log_goes_to_logging_and_not_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """A broken connection writes nothing on the terminal; whoever wants it has the logger loadgen.librdkafka."""
    heard: list[str] = []

    class Hear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    handler = Hear()
    logging.getLogger("loadgen.librdkafka").addHandler(handler)
    try:
        transport = KafkaTransport({"bootstrap.servers": "127.0.0.1:1"})
        while not heard:
            transport.poll(0.05)
    finally:
        logging.getLogger("loadgen.librdkafka").removeHandler(handler)
    transport.close(1)

    assert "Connection refused" in "".join(heard)
    assert capfd.readouterr() == ("", "")


def test_errors_of_the_client_reach_whoever_asked(mock: Broker) -> None:
    """on_error hears what concerns no record."""
    codes: list[int] = []
    transport = KafkaTransport({"bootstrap.servers": "127.0.0.1:1"}, on_error=lambda error: codes.append(error.code()))
    while codes.count(-187) < 2 and len(codes) < 4:
        transport.poll(0.05)

    assert -187 in codes
    assert len(set(transport.errors)) == len(transport.errors) >= 2  # repeated ones are kept once
    transport.close(1)


def test_statistics_come_when_asked_for(mock: Broker) -> None:
    """on_stats gets librdkafka's JSON."""
    texts: list[str] = []
    properties = {"bootstrap.servers": mock.bootstrap, "statistics.interval.ms": "100"}
    transport = KafkaTransport(properties, on_stats=texts.append)
    while not texts:
        transport.poll(0.05)
    transport.close(1)

    assert '"msg_cnt"' in texts[0]


def test_an_old_client_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions below 2.16.1 lose reports in known ways."""
    monkeypatch.setattr(kafka_module, "client_versions", lambda: ("2.16.0", "2.15.0"))
    with pytest.raises(UsageError, match=r"confluent-kafka 2\.16\.0 .*>=2\.16\.1"):
        KafkaTransport({"bootstrap.servers": "127.0.0.1:1"})


@pytest.mark.parametrize("version", ["2.16.1", "2.17.0rc1", "3.0.0"])
def test_a_newer_client_is_taken(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Also a release candidate."""
    monkeypatch.setattr(kafka_module, "client_versions", lambda: (version, version))
    kafka_module.check_version()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_use_after_fork_is_a_clear_error(mock: Broker, topic: str) -> None:
    """librdkafka alone raises nothing there and loses every record; the parent's client goes on."""
    transport = KafkaTransport({"bootstrap.servers": mock.bootstrap})
    transport.prime(topic, 10)
    child = os.fork()
    if child == 0:  # pragma: no cover  # another process
        code = 1
        try:
            transport.send(topic, b"lost")
        except UsedAfterFork as error:
            transport.close(1)
            code = 7 if str(os.getppid()) in str(error) and "spawn" in str(error) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    reports = Reports(transport)
    transport.send(topic, b"kept", on_delivery=reports)

    assert os.waitstatus_to_exitcode(status) == 7
    assert reports.wait_for(1) == [(None, b"kept")]
    assert isinstance(UsedAfterFork(1), KafkaProducerError)
    transport.close(1)


NOTHING_MORE_IS_IMPORTED = """
import sys
from loadgen.producer.kafka import KafkaTransport

class NoFileIsLeft:
    def find_spec(self, name, path=None, target=None):
        raise OSError(24, "Too many open files", name)

transport = KafkaTransport({"bootstrap.servers": sys.argv[1]})
sys.meta_path.insert(0, NoFileIsLeft())
print(transport.prime(sys.argv[2], 10))
"""


def test_a_host_without_a_file_left_can_still_be_asked(mock: Broker, topic: str) -> None:
    """The binding imported a module in its first metadata call; twenty clients had left no file to read it from, and a
    worker ended with a traceback in eleven of 48 runs at that limit.
    """
    command = [sys.executable, "-c", NOTHING_MORE_IS_IMPORTED, mock.bootstrap, topic]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout.strip()) == (0, "4"), done.stderr


@pytest.mark.kafka
def test_the_broker_says_what_the_client_cannot_know(kafka: Broker, topic: str) -> None:
    """Real Kafka: partitions, and what was sent is what a consumer reads."""
    create_topic(kafka, topic, {}, partitions=1)
    transport = KafkaTransport({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": "true"})
    assert transport.prime(topic, 20) == 1
    reports = Reports(transport)
    outcome = transport.send_batch(
        topic, [{"value": b"%d" % number, "key": b"k", "callback": reports} for number in range(100)]
    )
    assert outcome == BatchOutcome(100, [])
    reports.wait_for(100)
    transport.close(5)

    assert [read.value for read in read_topic(kafka.bootstrap, topic, 100)] == [b"%d" % number for number in range(100)]
