"""OrderEventPublisher: the document's surface, bad input, and what a consumer reads."""

import os
import signal
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from loadgen import OrderEventPublisher as PublicName
from loadgen.brokers.admin import create_topic
from loadgen.brokers.target import Broker
from loadgen.errors import Unreachable, UsageError
from loadgen.messages.order_events import LineItemEventMessage, OrderEventMessage, decode_order_event
from loadgen.producer.errors import (
    ClientClosed,
    DrainTimeout,
    InvalidEvent,
    KafkaProducerError,
    RecordRefused,
    UsedAfterFork,
)
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.producer.publisher import OrderEventPublisher
from loadgen.producer.publisher_properties import publisher_properties
from loadgen.producer.replay import read_dead_letters
from loadgen.producer.retry import RetrySettings
from loadgen.properties import canonical
from tests.producer.reading import read_topic
from tests.producer.samples import Change, Heard, QuickStartOrder, order, publisher_in_memory


def test_the_documents_surface_on_a_broker(mock: Broker, topic: str) -> None:
    """Attributes, publish_order, publish, flush, close, as the document writes them; a consumer reads the orders."""
    publisher = OrderEventPublisher([mock.bootstrap], topic, headers=True)
    assert publisher.topic == topic
    assert type(publisher.encoder) is msgspec.json.Encoder
    assert all(hasattr(publisher, name) for name in ("producer", "tracer", "logger"))
    publisher.publish_order(order("order-1"))
    publisher.publish(QuickStartOrder("order-2", "2026-11-23T20:30:00Z", "Zoë", 19.98))
    publisher.flush()
    publisher.flush(timeout=5.0)
    publisher.close()
    publisher.close()

    read = {found.key: found for found in read_topic(mock.bootstrap, topic, 2)}
    assert decode_order_event(read[b"order-1"].value or b"") == order("order-1")
    assert read[b"order-1"].headers == {
        "content-type": b"application/json",
        "schema-version": b"OrderEventMessage/1",
    }
    assert msgspec.json.decode(read[b"order-2"].value or b"", type=QuickStartOrder).customer_name == "Zoë"
    assert PublicName is OrderEventPublisher


def test_connecting_ahead_tells_partitions_or_why_not(mock: Broker, topic: str) -> None:
    """For programs that want to fail when they start, and not with the first order."""
    with OrderEventPublisher([mock.bootstrap], topic) as publisher:
        assert publisher.connect() == 4
        publisher.publish_order(order())
    unreachable = OrderEventPublisher(["127.0.0.1:1"], topic)
    with pytest.raises(Unreachable, match="Connection refused"):
        unreachable.connect(0.5)
    unreachable.close(0.0)


def test_many_topics_through_one_publisher() -> None:
    """The topic of a call goes before the publisher's own."""
    transport = MemoryTransport()
    publisher, _ = publisher_in_memory(transport)
    publisher.publish_order(order("a"))
    publisher.publish_order(order("b"), topic="returns")
    publisher.publish_batch([order("c"), order("d")], topic="audit")
    publisher.flush()

    assert [(sent.topic(), sent.key()) for sent in transport.log] == [
        ("orders", b"a"),
        ("returns", b"b"),
        ("audit", b"c"),
        ("audit", b"d"),
    ]


def test_a_batch_goes_on_after_a_refusal() -> None:
    """The refused are named by their place; the others are accepted."""
    transport = MemoryTransport(largest_bytes=500)
    publisher, _ = publisher_in_memory(transport)
    report = publisher.publish_batch([order("a"), order("b", items=50), Change("c", "no"), order("d")])  # type: ignore[arg-type]
    publisher.flush()

    assert report.accepted == 2
    assert [(place, type(error)) for place, error in report.refused] == [(1, RecordRefused), (2, InvalidEvent)]
    assert [sent.key() for sent in transport.log] == [b"a", b"d"]


def test_a_batch_ends_when_nothing_is_accepted_any_more() -> None:
    """A closed publisher is one error, not a thousand."""
    publisher, _ = publisher_in_memory(MemoryTransport())
    publisher.close()
    with pytest.raises(ClientClosed):
        publisher.publish_batch([order()] * 1000)


@dataclass
class DataclassOrder:
    order_id: str
    total_price: float


class Versioned(msgspec.Struct, frozen=True):
    schema_version: ClassVar[str] = "3"
    order_id: str


@pytest.mark.parametrize(
    ("event", "value", "version"),
    [
        (DataclassOrder("a", 1.5), b'{"order_id":"a","total_price":1.5}', b"DataclassOrder/1"),
        (Versioned("a"), b'{"order_id":"a"}', b"Versioned/3"),
        (Change("Zoë-€", 1), '{"order_id":"Zoë-€","number":1}'.encode(), b"Change/1"),
    ],
)
def test_any_event_with_an_order_id_will_do(event: Any, value: bytes, version: bytes) -> None:
    """Structs and dataclasses; the schema's version is the class' own."""
    transport = MemoryTransport()
    publisher, _ = publisher_in_memory(transport, headers=True)
    publisher.publish_order(event)
    publisher.flush()

    (sent,) = transport.log
    assert (sent.value(), sent.key()) == (value, event.order_id.encode())
    assert dict(sent.headers() or [])["schema-version"] == version


def test_headers_are_only_sent_when_asked_for() -> None:
    """By default the record is byte for byte the document's."""
    transport = MemoryTransport()
    publisher, _ = publisher_in_memory(transport)
    publisher.publish_order(order())
    publisher.flush()

    assert transport.log[0].headers() is None


def _wrong(**fields: Any) -> OrderEventMessage:
    return msgspec.structs.replace(order(), **fields)


def _within_itself() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (_wrong(order_id=5), "OrderEventMessage: order_id is no text but int"),
        (_wrong(order_id=b"order-1"), "OrderEventMessage: order_id is no text but bytes"),
        (_wrong(order_id=""), "order_id is empty"),
        (_wrong(order_id="\ud800"), "surrogates not allowed"),
        (_wrong(customer_name="\udfff"), "surrogates not allowed|utf-8|Unicode"),
        (_wrong(total_price="19.98"), r"Expected `float`, got `str` - at `\$.total_price`"),
        (_wrong(total_price=float("nan")), r"Expected `float`, got `null` - at `\$.total_price`"),
        (_wrong(line_items=None), r"\$.line_items"),
        (_wrong(line_items=[{"price": 1}]), r"\$.line_items"),
        (_wrong(created_at=object()), "object"),
        (_wrong(line_items=_within_itself()), "recursion"),
        (object(), "object: no order_id"),
        ({"order_id": "a"}, "dict: no order_id"),
        (None, "NoneType: no order_id"),
    ],
)
def test_an_event_that_does_not_fit_is_an_error_that_names_the_field(event: Any, says: str) -> None:
    """Wrong types, ids that are no UTF-8, a NaN that JSON would carry as null: nothing is sent, it stays the caller's."""
    transport = MemoryTransport()
    publisher, _ = publisher_in_memory(transport)
    with pytest.raises(InvalidEvent, match=says) as raised:
        publisher.publish_order(event)

    assert not raised.value.retriable
    assert transport.accepted == 0
    assert publisher.metrics().refused == {"INVALID_EVENT": 1}


def test_validation_can_be_left_out() -> None:
    """Then the type checker is trusted, and only what cannot be encoded is refused."""
    transport = MemoryTransport()
    publisher, _ = publisher_in_memory(transport, validate=False)
    publisher.publish_order(_wrong(total_price="19.98"))
    publisher.flush()

    assert b'"total_price":"19.98"' in (transport.log[0].value() or b"")


def test_an_order_of_10_mb_is_refused_at_once_and_kept_whole(mock: Broker, topic: str, tmp_path: Path) -> None:
    """The client's own limit; dead-lettered with every byte, and the next order goes on."""
    huge = msgspec.structs.replace(order("huge"), customer_name="x" * 10_000_000)
    letters = tmp_path / "dead.jsonl"
    publisher = OrderEventPublisher([mock.bootstrap], topic, dead_letters=letters, headers=True, logger=Heard())
    with pytest.raises(RecordRefused, match="MSG_SIZE_TOO_LARGE") as raised:
        publisher.publish_order(huge)
    publisher.publish_order(order("next"))
    publisher.close()

    assert (raised.value.order_id, raised.value.dead_lettered) == ("huge", True)
    (filed,) = read_dead_letters(tmp_path / "dead.jsonl")
    assert decode_order_event(filed.letter.value or b"") == huge
    assert filed.letter.headers == [
        ("content-type", b"application/json"),
        ("schema-version", b"OrderEventMessage/1"),
    ]
    assert [found.key for found in read_topic(mock.bootstrap, topic, 1)] == [b"next"]


def test_a_closed_publisher_says_so() -> None:
    """And keeps nothing: the order is the caller's."""
    publisher, _ = publisher_in_memory(MemoryTransport())
    publisher.close()
    with pytest.raises(ClientClosed, match="closed") as raised:
        publisher.publish_order(order("late"))

    assert raised.value.order_id == "late"


def test_flush_says_how_many_are_left_and_gives_nothing_up() -> None:
    """The document's error, with the number; a later flush finds them answered."""
    transport = MemoryTransport(lambda _: Answer(5_000_000_000))
    publisher, _ = publisher_in_memory(transport)
    publisher.publish_batch([order(str(number)) for number in range(3)])
    with pytest.raises(KafkaProducerError, match="Failed to flush 3 messages") as raised:
        publisher.flush(1.0)

    assert isinstance(raised.value, DrainTimeout)
    assert raised.value.remaining == 3
    publisher.flush(10.0)
    assert publisher.metrics().acked == 3


def test_two_threads_share_one_publisher(mock: Broker, topic: str) -> None:
    """Every order once, each thread's in its order."""
    publisher = OrderEventPublisher([mock.bootstrap], topic, logger=Heard())

    def publish(name: str) -> None:
        for number in range(2000):
            publisher.publish_order(Change(name, number))

    threads = [threading.Thread(target=publish, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    metrics = publisher.close()

    assert (metrics.accepted, metrics.acked) == (4000, 4000)
    read = read_topic(mock.bootstrap, topic, 4000)
    for name in (b"a", b"b"):
        numbers = [msgspec.json.decode(found.value or b"", type=Change).number for found in read if found.key == name]
        assert numbers == list(range(2000))


def test_use_after_fork_is_an_error_and_not_a_silent_loss(mock: Broker, topic: str, tmp_path: Path) -> None:
    """In the child: a clear error, and the order is the caller's; in the parent: everything as before."""
    letters = tmp_path / "dead.jsonl"
    publisher = OrderEventPublisher([mock.bootstrap], topic, dead_letters=letters, logger=Heard())
    publisher.publish_order(order("before"))
    child = os.fork()
    if child == 0:  # pragma: no cover  # another process
        code = 1
        try:
            publisher.publish_order(order("lost"))
        except UsedAfterFork as error:
            publisher.close()
            code = 2 if error.dead_lettered or letters.exists() else 7
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    publisher.publish_order(order("after"))

    assert os.waitstatus_to_exitcode(status) == 7
    assert publisher.close().acked == 2


def test_a_fork_while_another_thread_publishes_does_not_hang_the_child(mock: Broker, topic: str) -> None:
    """The lock that the other thread held at that moment is never released in the child; nobody waits for it there."""
    publisher = OrderEventPublisher([mock.bootstrap], topic, logger=Heard())
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with publisher.outbox.serving.lock:
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    child = os.fork()
    if child == 0:  # pragma: no cover  # another process
        signal.alarm(10)
        code = 1
        try:
            publisher.publish_order(order("lost"))
        except UsedAfterFork:
            code = 7
        finally:
            os._exit(code)
    release.set()
    holder.join()
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7
    publisher.close()


def test_leaving_a_with_block_closes_it() -> None:
    """And an error on its way out is not replaced by one about orders that are left."""
    transport = MemoryTransport(lambda _: Answer(None))
    publisher, _ = publisher_in_memory(transport)
    with pytest.raises(ZeroDivisionError), publisher:
        publisher.publish_order(order())
        raise ZeroDivisionError
    with pytest.raises(ClientClosed):
        publisher.publish_order(order())


def test_on_delivery_hears_every_end() -> None:
    """(None, message) or (error, None), once an order."""
    ends: list[tuple[Any, Any]] = []
    script = [Answer(), Answer(0, 29), Answer()]
    publisher, _ = publisher_in_memory(
        MemoryTransport(lambda number: script[number]), on_delivery=lambda *end: ends.append(end)
    )
    for name in "abc":
        publisher.publish_order(order(name))
    publisher.flush()

    assert [error.order_id if error else message.key() for error, message in ends] == [b"a", "b", b"c"]


def test_debug_events_tell_partition_and_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    """message_delivered, as the document logs it, once debug is on."""
    from loadgen.producer import serving

    monkeypatch.setattr(serving, "debug_enabled", lambda logger: True)
    publisher, heard = publisher_in_memory(MemoryTransport())
    publisher.publish_order(order("a"))
    publisher.publish_order(order("b"))
    publisher.flush()

    assert heard.named("message_delivered")[-1] == {"topic": "orders", "partition": 0, "offset": 1}


@pytest.mark.parametrize(
    ("brokers", "bootstrap"),
    [(["a:1", "b:2"], "a:1,b:2"), ("a:1, b:2", "a:1,b:2"), (("a:1",), "a:1")],
)
def test_brokers_may_be_a_list_or_a_text(brokers: Any, bootstrap: str) -> None:
    """As the document's list, or as everybody writes it."""
    assert publisher_properties(brokers, "balanced", None)["bootstrap.servers"] == bootstrap


def test_the_default_keeps_order_and_repeats_nothing() -> None:
    """acks=all, idempotent, snappy, at most five in flight, no metrics pushed to the cluster."""
    found = publisher_properties(["a:1"], "balanced", None)
    assert {
        name: found[name] for name in ("acks", "enable.idempotence", "compression.type", "enable.metrics.push")
    } == {
        "acks": "-1",
        "enable.idempotence": "true",
        "compression.type": "snappy",
        "enable.metrics.push": "false",
    }
    assert found["max.in.flight.requests.per.connection"] == "5"


def test_ones_own_properties_win_under_any_name() -> None:
    """Aliases, numbers and booleans included; the profile's value is gone, not doubled."""
    found = publisher_properties(
        ["a:1"],
        "balanced",
        {"queue.buffering.max.ms": 50, "request.required.acks": "all", "socket.keepalive.enable": True},
    )

    assert [value for name, value in found.items() if canonical(name) == canonical("linger.ms")] == ["50"]
    assert Counter(map(canonical, found))["request.required.acks"] == 1
    assert found["socket.keepalive.enable"] == "true"


@pytest.mark.parametrize(
    ("brokers", "profile", "properties", "says"),
    [
        ([], "balanced", None, "brokers is empty"),
        ([""], "balanced", None, "brokers is empty"),
        (["a:1"], "balancd", None, "did you mean balanced"),
        (["a:1"], "balanced", {"lingr.ms": 5}, "lingr.ms"),
        (["a:1"], "balanced", {"linger.ms": "1e3"}, "linger.ms"),
        (["a:1"], "balanced", {"acks": 1}, "enable.idempotence"),
        (["a:1"], "balanced", {"bootstrap.servers": "b:1"}, "bootstrap.servers"),
        (["a:1"], "balanced", {"delivery.report.only.error": True}, "every report"),
        (["a:1"], "balanced", {"plugin.library.paths": "x.so"}, "refused"),
    ],
)
def test_wrong_settings_are_refused_before_any_socket(brokers: Any, profile: str, properties: Any, says: str) -> None:
    """One line that names the key."""
    with pytest.raises(UsageError, match=says):
        OrderEventPublisher(brokers, "orders", profile=profile, properties=properties)


@pytest.mark.parametrize("profile", ["low-latency", "balanced", "high-throughput", "seed", "librdkafka", "java"])
def test_every_profile_works(mock: Broker, topic: str, profile: str) -> None:
    """All of them, the document's to the letter among them, carry orders."""
    publisher = OrderEventPublisher([mock.bootstrap], topic, profile=profile, logger=Heard())
    publisher.publish_batch([order(str(number)) for number in range(20)])

    assert publisher.close().acked == 20


@pytest.mark.kafka
def test_what_kafka_refuses_fails_fast_and_the_others_go_on(kafka: Broker, topic: str, tmp_path: Path) -> None:
    """Real Kafka: a record that the topic takes for too large is dead-lettered with its cause; the next is written."""
    create_topic(kafka, topic, {}, partitions=1, settings={"max.message.bytes": "2000"})
    with OrderEventPublisher(
        [kafka.bootstrap],
        topic,
        properties={"compression.type": "none", "linger.ms": 0},
        dead_letters=tmp_path / "dead.jsonl",
        logger=Heard(),
    ) as publisher:
        publisher.publish_order(msgspec.structs.replace(order("large"), customer_name="x" * 5000))
        publisher.flush()
        publisher.publish_order(order("small"))
        publisher.flush()

    (filed,) = read_dead_letters(tmp_path / "dead.jsonl")
    assert (filed.letter.order_id, filed.letter.code, filed.letter.outcome) == ("large", "MSG_SIZE_TOO_LARGE", "failed")
    assert [found.key for found in read_topic(kafka.bootstrap, topic, 1)] == [b"small"]


@pytest.mark.kafka
def test_orders_reach_a_real_kafka_in_order(kafka: Broker, topic: str) -> None:
    """Five partitions, 50 ids with 40 changes each: every one once, each id's in order, all in one partition."""
    create_topic(kafka, topic, {}, partitions=5)
    with OrderEventPublisher([kafka.bootstrap], topic, logger=Heard()) as publisher:
        for number in range(40):
            for name in range(50):
                publisher.publish_order(Change(f"order-{name}", number))

    read = read_topic(kafka.bootstrap, topic, 2000)
    assert len(read) == 2000
    places: dict[bytes, set[int]] = {}
    numbers: dict[bytes, list[int]] = {}
    for found in read:
        assert found.key is not None
        places.setdefault(found.key, set()).add(found.partition)
        numbers.setdefault(found.key, []).append(msgspec.json.decode(found.value or b"", type=Change).number)
    assert all(len(partitions) == 1 for partitions in places.values())
    assert all(sequence == list(range(40)) for sequence in numbers.values())


def test_items_of_another_class_are_checked_too() -> None:
    """Validation reaches into line items."""
    publisher, _ = publisher_in_memory(MemoryTransport())
    wrong = LineItemEventMessage("1", "p", "Mug", 1.5, 9.99)  # type: ignore[arg-type]
    with pytest.raises(InvalidEvent, match=r"line_items\[0\].quantity|quantity"):
        publisher.publish_order(msgspec.structs.replace(order(), line_items=[wrong]))


def test_a_callback_that_raises_loses_nothing_on_the_real_client(mock: Broker, topic: str) -> None:
    """Counted and logged once; every order is acknowledged and counted."""

    def broken(error: Any, message: Any) -> None:
        raise RuntimeError("of the application")

    heard = Heard()
    publisher = OrderEventPublisher([mock.bootstrap], topic, on_delivery=broken, logger=heard)
    publisher.publish_batch([order(str(number)) for number in range(300)])
    metrics = publisher.close()

    assert (metrics.acked, metrics.callback_errors) == (300, 300)
    assert len(heard.named("callback_raised")) == 1
    assert len(read_topic(mock.bootstrap, topic, 300)) == 300


def test_what_librdkafka_gives_up_on_is_sent_again_in_order(mock: Broker, topic: str) -> None:
    """The broker says NOT_ENOUGH_REPLICAS and librdkafka may not retry: the publisher does, and the key keeps its order."""
    assert mock.mock is not None
    heard = Heard()
    publisher = OrderEventPublisher(
        [mock.bootstrap],
        topic,
        properties={"enable.idempotence": False, "retries": 0, "linger.ms": 0},
        retry=RetrySettings(wait_s=0.5),
        logger=heard,
    )
    assert publisher.outbox.retries is not None
    publisher.outbox.retries._draw = lambda: 0.9  # no wait so short that the later orders come too late
    publisher.publish_order(Change("warm-up", 0))
    publisher.flush()
    mock.mock.push_errors(0, [19, 19])
    try:
        publisher.publish_order(Change("a", 0))
        while not heard.named("delivery_retried"):
            publisher.poll(0.05)
        for number in range(1, 20):
            publisher.publish_order(Change("a", number))
        assert publisher.metrics().waiting_to_retry > 0
        publisher.flush(30.0)
    finally:
        mock.mock.clear_errors(0)
    metrics = publisher.close()

    assert metrics.retried == 2
    assert (metrics.accepted, metrics.acked, metrics.given_up) == (21, 21, 0)
    read = [found for found in read_topic(mock.bootstrap, topic, 21) if found.key == b"a"]
    assert [msgspec.json.decode(found.value or b"", type=Change).number for found in read] == list(range(20))
