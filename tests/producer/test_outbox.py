"""The ledger closes: every accepted order is acked, failed, unknown or outstanding, whatever the cluster says."""

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from loadgen.clock import ManualClock
from loadgen.producer.breaker import BreakerSettings
from loadgen.producer.counts import PublisherMetrics
from loadgen.producer.dead_letter import DeadLetter, DeadLetterFile, DeadLetterTopic
from loadgen.producer.errors import (
    CircuitOpen,
    ClientClosed,
    ClientFatal,
    DrainTimeout,
    KafkaProducerError,
    QueueFull,
    RecordRefused,
    ShuttingDown,
)
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.producer.outbox import Outbox
from loadgen.producer.replay import read_dead_letters
from loadgen.producer.reports import SharedHeaders
from loadgen.producer.retry import RetrySettings
from loadgen.producer.transport import Transport
from tests.producer.samples import MS, SECOND, Heard

ACK, NOT_ENOUGH_REPLICAS, TOO_LARGE, FORBIDDEN, TIMED_OUT = 0, 19, 10, 29, -192
HEADERS = SharedHeaders({"content-type": b"application/json"})


class Kept:
    """Dead letters in a list."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def keep(self, letter: DeadLetter) -> None:
        self.letters.append(letter)

    def outstanding(self) -> int:
        return 0

    def serve(self) -> None: ...

    def use(self, transport: Transport) -> None: ...

    def settle(self) -> None: ...

    def close(self) -> None: ...


def outbox(
    script: list[Answer] | None = None, clock: ManualClock | None = None, **options: Any
) -> tuple[Outbox, MemoryTransport, Heard, ManualClock]:
    """An outbox over a transport that answers by the script, then acknowledges everything."""
    turned = clock or ManualClock()
    answers = script or []
    transport = MemoryTransport(
        lambda number: answers[number] if number < len(answers) else Answer(),
        clock=turned,
        capacity=options.pop("capacity", 100_000),
        largest_bytes=1000,
    )
    heard = Heard()
    made = Outbox(transport, heard, clock=turned, now_s=lambda: turned.now_ns() / 1e9, **options)
    return made, transport, heard, turned


def closed(metrics: PublisherMetrics) -> bool:
    """The ledger's equation."""
    return metrics.accepted == metrics.acked + metrics.given_up + metrics.outstanding and metrics.outstanding >= 0


def send(box: Outbox, key: str = "a", value: bytes = b"1", **more: Any) -> None:
    box.hand_over("orders", key.encode(), value, HEADERS, **more)


def test_an_acknowledged_order_is_counted_with_its_latency() -> None:
    """Accepted, then acked, in the bucket of its latency."""
    box, _, _, clock = outbox([Answer(30 * MS)])
    send(box)
    assert box.metrics().outstanding == 1
    assert box.wait(1.0) == 0

    metrics = box.metrics()
    assert (metrics.accepted, metrics.acked, metrics.outstanding) == (1, 1, 0)
    assert metrics.latency_sum_s == pytest.approx(0.03)
    assert metrics.latency_counts.index(1) == 6  # 20 to 50 ms
    assert clock.now_ns() == 30 * MS


@pytest.mark.parametrize(
    ("code", "failed", "unknown"),
    [(TOO_LARGE, {"MSG_SIZE_TOO_LARGE": 1}, {}), (TIMED_OUT, {}, {"_MSG_TIMED_OUT": 1})],
)
def test_an_order_that_is_given_up_is_counted_kept_logged_and_told(
    code: int, failed: dict[str, int], unknown: dict[str, int]
) -> None:
    """By name, as a dead letter with every byte, in the log, to the callback; others go on."""
    kept, told = Kept(), []
    box, transport, heard, _ = outbox(
        [Answer(0, code)], dead_letters=kept, on_delivery=lambda *end: told.append(end), retry=RetrySettings()
    )
    send(box, "bad", b"x")
    send(box, "good", b"y")
    box.wait(1.0)

    metrics = box.metrics()
    assert (metrics.failed, metrics.unknown, metrics.acked) == (failed, unknown, 1)
    (letter,) = kept.letters
    assert (letter.key, letter.value, letter.headers, letter.topic) == (b"bad", b"x", list(HEADERS.items()), "orders")
    assert (letter.outcome, letter.tries, letter.order_id) == ("failed" if failed else "unknown", 1, "bad")
    (logged,) = heard.named("delivery_failed")
    assert logged["order_id"] == "bad"
    assert logged["dead_lettered"] is True
    assert [message.value() for message in transport.log] == [b"y"]
    (error, nothing), (success, message) = told
    assert isinstance(error, KafkaProducerError)
    assert (error.code, error.order_id, error.dead_lettered, nothing) == (code, "bad", True, None)
    assert (success, message.value()) == (None, b"y")


def test_a_refused_order_is_raised_and_kept() -> None:
    """Too large for the client: an exception at once, dead-lettered with its cause, not counted as accepted."""
    kept = Kept()
    box, _, _, _ = outbox(dead_letters=kept)
    with pytest.raises(RecordRefused) as raised:
        send(box, value=b"x" * 2000)

    assert (raised.value.order_id, raised.value.dead_lettered) == ("a", True)
    assert (kept.letters[0].code, kept.letters[0].tries) == ("MSG_SIZE_TOO_LARGE", 0)
    assert box.metrics().refused == {"MSG_SIZE_TOO_LARGE": 1}
    assert box.metrics().accepted == 0


def test_a_full_queue_is_waited_for() -> None:
    """hand_over returns when there is room, and the order of the records is that of the calls."""
    box, transport, _, clock = outbox([Answer(50 * MS)] * 20, capacity=4)
    for number in range(20):
        send(box, value=bytes([number]))
    box.wait(1.0)

    assert [message.value() for message in transport.log] == [bytes([number]) for number in range(20)]
    assert clock.now_ns() >= 200 * MS
    assert box.metrics().refused == {}


def test_a_queue_that_stays_full_gives_the_order_back() -> None:
    """After max_block_s: QueueFull, retriable, not dead-lettered: it is the caller's."""
    kept = Kept()
    box, _, _, clock = outbox([Answer(None)] * 9, capacity=4, max_block_s=3.0, dead_letters=kept)
    for _ in range(4):
        send(box)
    with pytest.raises(QueueFull) as raised:
        send(box)

    assert raised.value.retriable
    assert not raised.value.dead_lettered
    assert kept.letters == []
    assert 3.0 <= clock.now_ns() / 1e9 <= 3.1
    assert box.metrics().refused == {"_QUEUE_FULL": 1}


def test_a_retry_keeps_the_order_of_its_key_and_holds_up_no_other() -> None:
    """a1 fails twice; a2, a3 wait behind it; b goes at once."""
    script = [Answer(0, NOT_ENOUGH_REPLICAS), Answer(0, NOT_ENOUGH_REPLICAS)]
    box, transport, heard, _ = outbox(script, retry=RetrySettings(wait_s=0.5))
    send(box, "a", b"a1")
    send(box, "a", b"a2")
    send(box, "b", b"b1")
    send(box, "a", b"a3")
    assert box.wait(30.0) == 0

    values = [message.value() for message in transport.log]
    assert [value for value in values if value[:1] == b"a"] == [b"a1", b"a2", b"a3"]
    metrics = box.metrics()
    assert (metrics.accepted, metrics.acked, metrics.given_up) == (4, 4, 0)
    assert metrics.retried == len(heard.named("delivery_retried")) == 2


def test_an_order_that_a_later_one_overtook_is_laid_down() -> None:
    """a1 failed while a2 was in flight and arrived: a1 is not sent after a2."""
    kept = Kept()
    script = [Answer(10 * MS, NOT_ENOUGH_REPLICAS), Answer(900 * MS)]  # the wait for another try is over long before
    box, transport, _, _ = outbox(script, retry=RetrySettings(wait_s=0.001), dead_letters=kept)
    send(box, "a", b"a1")
    send(box, "a", b"a2")
    assert box.wait(30.0) == 0

    assert [message.value() for message in transport.log] == [b"a2"]
    (letter,) = kept.letters
    assert letter.value == b"a1"
    assert "later one of its key" in letter.cause
    assert closed(box.metrics())


def test_overtaken_within_one_poll_is_seen_too() -> None:
    """Both reports come at once, the failure first."""
    kept = Kept()
    script = [Answer(10 * MS, NOT_ENOUGH_REPLICAS), Answer(10 * MS)]
    box, transport, _, _ = outbox(script, retry=RetrySettings(), dead_letters=kept)
    send(box, "a", b"a1")
    send(box, "a", b"a2")
    assert box.wait(30.0) == 0

    assert [message.value() for message in transport.log] == [b"a2"]
    assert [letter.value for letter in kept.letters] == [b"a1"]


def test_tries_are_bounded() -> None:
    """Three tries, then a dead letter that says so."""
    kept = Kept()
    box, transport, _, _ = outbox([Answer(0, NOT_ENOUGH_REPLICAS)] * 9, retry=RetrySettings(tries=3), dead_letters=kept)
    send(box)
    assert box.wait(60.0) == 0

    assert transport.accepted == 3
    assert (kept.letters[0].tries, kept.letters[0].code) == (3, "NOT_ENOUGH_REPLICAS")
    assert kept.letters[0].last_at > kept.letters[0].first_at


def test_the_circuit_opens_and_what_it_refuses_is_counted_and_kept() -> None:
    """After enough failures: CircuitOpen, not tried, dead-lettered; after its time a trial closes it."""
    kept = Kept()
    rules = BreakerSettings(minimum=5, open_s=2.0, probes=1)
    box, transport, heard, clock = outbox([Answer(0, TIMED_OUT)] * 5, breaker=rules, dead_letters=kept)
    for _ in range(5):
        send(box)
    box.serve(0.2)
    with pytest.raises(CircuitOpen) as raised:
        send(box, "refused")

    assert raised.value.retriable
    assert raised.value.dead_lettered
    assert 0 < raised.value.retry_after_s <= 2.0
    assert kept.letters[-1].code == "CIRCUIT_OPEN"
    assert box.metrics().refused == {"CIRCUIT_OPEN": 1}
    assert box.metrics().circuit == "open"

    clock.advance_ns(3 * SECOND)
    assert box.wait_ready(1.0)
    transport.answer = lambda _: Answer(100 * MS)
    send(box, "trial")
    with pytest.raises(CircuitOpen):  # one probe at a time
        send(box, "too early")
    box.wait(1.0)
    send(box, "again")
    assert [name for name in ("opened", "half_open", "closed") if heard.named(f"circuit_{name}")] == [
        "opened",
        "half_open",
        "closed",
    ]
    assert box.metrics().circuit_opened == 1


def test_poisoned_orders_do_not_open_the_circuit() -> None:
    """Errors of single records say nothing about the cluster: the others go on."""
    box, _, _, clock = outbox([Answer(0, FORBIDDEN)] * 50, breaker=BreakerSettings(minimum=5))
    for _ in range(60):
        send(box)
        clock.advance_ns(50 * MS)
    box.wait(1.0)

    assert box.metrics().circuit == "closed"
    assert (box.metrics().acked, box.metrics().given_up) == (10, 50)


def test_silence_opens_the_circuit_and_answers_close_it() -> None:
    """A frozen broker makes no error: no answer for `silence_s` is enough."""
    rules = BreakerSettings(silence_s=2.0, probes=2)
    box, _, heard, clock = outbox([Answer(12 * SECOND)] * 3, breaker=rules)
    for _ in range(3):
        send(box)
    box.wait(2.5)
    with pytest.raises(CircuitOpen, match="no answer for 2 s, 3 outstanding"):
        send(box)
    clock.advance_ns(12 * SECOND)
    assert box.wait_ready(5.0)
    send(box)
    box.wait(1.0)

    assert box.metrics().circuit == "closed"
    assert heard.named("circuit_closed")


def test_a_fatal_error_stops_everything_and_keeps_what_comes() -> None:
    """The client is finished: ClientFatal on every call, dead-lettered."""
    kept = Kept()
    box, _, _, _ = outbox([Answer(0, 45)], dead_letters=kept)
    send(box, "first")
    box.wait(0.5)
    with pytest.raises(ClientFatal) as raised:
        send(box, "second")
    with pytest.raises(ClientFatal):
        send(box, "third")

    assert raised.value.fatal
    assert [letter.order_id for letter in kept.letters] == ["first", "second", "third"]
    with pytest.raises(ClientFatal):
        box.wait_ready(1.0)
    box.close(0.1)


def test_a_callback_that_raises_takes_nothing_with_it() -> None:
    """Counted, logged once for each kind of words, and every order is still accounted for."""

    def broken(error: Any, message: Any) -> None:
        raise ZeroDivisionError("of the application")

    box, transport, heard, _ = outbox(on_delivery=broken)
    for _ in range(50):
        send(box)
    box.wait(1.0)

    assert len(transport.log) == box.metrics().acked == 50
    assert box.metrics().callback_errors == 50
    assert [fields["error"] for fields in heard.named("callback_raised")] == ["ZeroDivisionError: of the application"]


def test_the_callback_may_publish() -> None:
    """It runs outside of poll(), so an order can follow from another."""
    box: Outbox

    def follow(error: Any, message: Any) -> None:
        if message.value() == b"first":
            send(box, "b", b"second")

    box, transport, _, _ = outbox(on_delivery=follow)
    send(box, "a", b"first")
    box.wait(1.0)

    assert [message.value() for message in transport.log] == [b"first", b"second"]


def test_a_client_that_has_stopped_is_known_without_another_order() -> None:
    """The gate is shut by the next look, not only by the next refusal."""
    box, _, _, _ = outbox([Answer(0, 45)])
    send(box)
    box.wait(0.5)
    with pytest.raises(ClientFatal):
        box.wait_ready(1.0)


def test_within_the_clients_callback_a_hand_over_does_not_poll() -> None:
    """A signal handler may publish there; MemoryTransport fails where librdkafka would abort."""
    box, transport, _, clock = outbox()

    def inside(error: Any, message: Any) -> None:
        clock.advance_ns(SECOND)
        send(box, "inner")

    transport.send("orders", b"x", on_delivery=inside)
    send(box, "outer")
    box.wait(1.0)

    assert box.metrics().acked == 2


def test_within_the_clients_callback_waiting_is_refused() -> None:
    """librdkafka would abort the process (its assertion "cs != NULL"); here it is an exception."""
    box, transport, _, _ = outbox()
    seen: list[str] = []

    def inside(error: Any, message: Any) -> None:
        try:
            box.wait(1.0)
        except KafkaProducerError as refusal:
            seen.append(str(refusal))

    transport.send("orders", b"x", on_delivery=inside)
    send(box)

    assert seen == ["flush, close and serve cannot be called while the client calls back"]


def test_failures_in_masses_are_summed_up_in_the_log() -> None:
    """Ten a second one by one, the rest as a number."""
    box, _, heard, clock = outbox([Answer(0, FORBIDDEN)] * 500)
    for _ in range(500):
        send(box)
    box.wait(0.5)
    clock.advance_ns(2 * SECOND)
    box.serve(0)

    assert len(heard.named("delivery_failed")) == 10
    assert heard.named("delivery_failed_repeated") == [{"code": "TOPIC_AUTHORIZATION_FAILED", "count": 490}]


def test_stop_accepting_lets_what_was_accepted_end() -> None:
    """New orders stay with the caller; old ones are answered."""
    kept = Kept()
    box, _, _, _ = outbox([Answer(SECOND)], dead_letters=kept)
    send(box)
    box.stop_accepting("SIGTERM received")
    with pytest.raises(ShuttingDown, match="SIGTERM received") as raised:
        send(box, "late")

    assert not raised.value.dead_lettered
    assert raised.value.order_id == "late"
    assert box.close(5.0).acked == 1
    assert kept.letters == []


def test_closing_lays_down_what_is_not_answered() -> None:
    """At the deadline: the queue is purged, everything becomes a dead letter with its outcome, and the sum is right."""
    kept = Kept()
    script = [Answer(), Answer(None, in_flight=True), Answer(None, in_flight=False)]
    box, _, heard, clock = outbox(script, dead_letters=kept, retry=RetrySettings())
    for number in range(3):
        send(box, f"order-{number}")
    metrics = box.close(2.0)

    assert (metrics.accepted, metrics.acked, metrics.given_up, metrics.outstanding) == (3, 1, 2, 0)
    outcomes = {letter.order_id: (letter.code, letter.outcome) for letter in kept.letters}
    assert outcomes == {"order-1": ("_PURGE_INFLIGHT", "unknown"), "order-2": ("_PURGE_QUEUE", "failed")}
    assert heard.named("publisher_closed") == [
        {"accepted": 3, "acked": 1, "failed": 1, "unknown": 1, "dead_lettered": 2, "left": 0}
    ]
    assert 2.0 <= clock.now_ns() / 1e9 < 2.1


def test_closing_without_a_place_for_dead_letters_says_what_is_lost() -> None:
    """The number that is left, in an exception, after everything has been released."""
    box, transport, _, _ = outbox([Answer(None)] * 3)
    for _ in range(3):
        send(box)
    with pytest.raises(DrainTimeout, match="3 messages") as raised:
        box.close(1.0)

    assert raised.value.remaining == 3
    with pytest.raises(ClientClosed):
        transport.send("orders", b"x")
    assert box.close(1.0).given_up == 3  # idempotent, and it raises once


def test_closing_gives_up_what_waits_for_another_try() -> None:
    """Both the failed one and the one behind it are kept, in their order."""
    kept = Kept()
    script = [Answer(0, NOT_ENOUGH_REPLICAS)] * 99
    rules = RetrySettings(tries=99, wait_s=1000.0, wait_s_max=1000.0, total_s=1e6)
    box, _, _, _ = outbox(script, dead_letters=kept, retry=rules)
    send(box, "a", b"a1")
    send(box, "a", b"a2")
    box.close(1.0)

    assert [(letter.value, letter.code) for letter in kept.letters] == [
        (b"a1", "NOT_ENOUGH_REPLICAS"),
        (b"a2", "NOT_SENT"),
    ]
    assert closed(box.metrics())


def test_giving_up_ends_the_wait_at_once() -> None:
    """A second signal does not wait for the deadline."""
    box, _, _, clock = outbox([Answer(None)], dead_letters=Kept())
    send(box)
    box.close(60.0, give_up=lambda: True)

    assert clock.now_ns() < SECOND


def test_a_dead_letter_topic_that_is_down_ends_in_the_file(tmp_path: Path) -> None:
    """The broker is gone: the orders, then their letters to the topic, then the file. None is lost."""
    letters = DeadLetterTopic("orders.dead", tmp_path / "dead.jsonl")
    box, _, _, clock = outbox([Answer(0, TIMED_OUT)] * 3 + [Answer(None)] * 99, dead_letters=letters)
    for number in range(3):
        send(box, f"order-{number}")
    send(box, "order-3")
    box.close(1.0)
    assert clock.now_ns() < 2 * SECOND  # letters are not waited for when the time is over

    ids = [filed.letter.order_id for filed in read_dead_letters(tmp_path / "dead.jsonl")]
    assert sorted(ids) == ["order-0", "order-1", "order-2", "order-3"]


def test_a_dead_letter_that_cannot_be_written_is_said_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: counted as lost, logged, and close() says that one is left."""
    file = DeadLetterFile(tmp_path / "dead.jsonl")
    monkeypatch.setattr(file, "keep", lambda letter: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    box, _, heard, _ = outbox([Answer(None)], dead_letters=file)
    send(box)
    with pytest.raises(DrainTimeout):
        box.close(0.5)

    assert box.metrics().lost == 1
    assert "No space" in heard.named("dead_letter_lost")[0]["error"]


def test_two_threads_and_a_third_that_flushes() -> None:
    """20,000 orders from two threads while a third waits for them: every one is counted once."""
    transport = MemoryTransport(capacity=500)
    box = Outbox(transport, Heard())
    done = threading.Event()

    def publish(name: str) -> None:
        for number in range(10_000):
            send(box, name, number.to_bytes(4, "big"))

    def flush() -> None:
        while not done.is_set():
            box.wait(0.01)

    flusher = threading.Thread(target=flush)
    publishers = [threading.Thread(target=publish, args=(name,)) for name in "ab"]
    for thread in (flusher, *publishers):
        thread.start()
    for thread in publishers:
        thread.join()
    done.set()
    flusher.join()
    metrics = box.close(10.0)

    assert (metrics.accepted, metrics.acked, metrics.outstanding) == (20_000, 20_000, 0)
    for name in (b"a", b"b"):
        values = [message.value() for message in transport.log if message.key() == name]
        assert values == [number.to_bytes(4, "big") for number in range(10_000)]


class LedgerMachine(RuleBasedStateMachine):
    """Any sequence of orders, answers, waits and closes: nothing is lost, nothing counted twice, keys keep their order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.next_answer = Answer()
        self.transport = MemoryTransport(lambda _: self.next_answer, clock=self.clock, capacity=8, largest_bytes=100)
        self.kept = Kept()
        self.ends: list[bytes] = []
        self.box = Outbox(
            self.transport,
            Heard(),
            clock=self.clock,
            now_s=lambda: self.clock.now_ns() / 1e9,
            dead_letters=self.kept,
            retry=RetrySettings(tries=3, wait_s=0.2, total_s=20.0),
            breaker=BreakerSettings(minimum=6, open_s=1.0, probes=2, silence_s=3.0),
            max_block_s=0.5,
        )
        self.number = 0
        self.accepted: list[bytes] = []
        self.closed = False

    @rule(key=st.sampled_from("abc"), size=st.sampled_from([1, 1, 1, 1, 200]))
    def publish(self, key: str, size: int) -> None:
        value = self.number.to_bytes(4, "big") * size
        self.number += 1
        try:
            self.box.hand_over("orders", key.encode(), value, HEADERS)
            self.accepted.append(value)
        except KafkaProducerError as error:
            assert not (self.closed and error.dead_lettered)

    @rule(
        after_ms=st.none() | st.integers(0, 5000),
        code=st.sampled_from([ACK, ACK, ACK, NOT_ENOUGH_REPLICAS, FORBIDDEN, TIMED_OUT]),
        in_flight=st.booleans(),
    )
    def answer_like_this(self, after_ms: int | None, code: int, in_flight: bool) -> None:
        self.next_answer = Answer(None if after_ms is None else after_ms * MS, code, in_flight)

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds: float) -> None:
        self.box.wait(seconds)

    @rule(seconds=st.floats(0, 6))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance_ns(round(seconds * 1e9))

    @rule()
    def close(self) -> None:
        self.box.close(1.0)
        self.closed = True

    @invariant()
    def the_ledger_closes(self) -> None:
        metrics = self.box.metrics()
        assert closed(metrics)
        assert metrics.accepted == len(self.accepted)
        assert not self.closed or metrics.outstanding == 0

    @invariant()
    def every_key_keeps_its_order(self) -> None:
        for key in (b"a", b"b", b"c"):
            values = [message.value() for message in self.transport.log if message.key() == key]
            assert values == sorted(values)
            assert len(values) == len(set(values))

    def teardown(self) -> None:
        self.box.close(1.0)
        written = [message.value() for message in self.transport.log]
        dead = [letter.value for letter in self.kept.letters if letter.tries or letter.code == "NOT_SENT"]
        assert sorted(written + dead) == sorted(self.accepted)  # each in exactly one place


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
