"""OrderEventPublisher: events as applications send them, one call each, every one followed to its end.

Goal: the reference document's publisher, name by name, that also keeps what it accepts. Non-goal: the load generator's
hot loop, which shares the Transport and nothing else. `async_publisher.py` is the same for asyncio, `managed.py` adds
the signals.

Where idempotence ends: `enable.idempotence` keeps librdkafka's own repeats from being written twice and keeps their
order, within one client. A record whose outcome is unknown (`_MSG_TIMED_OUT`) may be in the topic; sending it again,
from the application, from a replay or after a restart, can write it twice. It is not exactly-once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from loadgen.clock import Clock
from loadgen.producer.aftermath import Done
from loadgen.producer.breaker import BreakerSettings
from loadgen.producer.counts import PublisherMetrics
from loadgen.producer.dead_letter import DeadLetterFile, DeadLetters
from loadgen.producer.errors import DrainTimeout, KafkaProducerError
from loadgen.producer.event_encoder import Event, EventEncoder
from loadgen.producer.kafka import KafkaTransport
from loadgen.producer.outbox import Outbox
from loadgen.producer.publisher_properties import publisher_properties
from loadgen.producer.retry import RetrySettings
from loadgen.producer.transport import Transport
from loadgen.telemetry.hooks import Logger
from loadgen.telemetry.log import get_logger
from loadgen.telemetry.tracing import STATE_KEY, OpenTelemetry


class BatchReport(NamedTuple):
    """What became of a batch at the door.

    Attributes:
        accepted: how many were taken; each will be reported.
        refused: the others, as (index in the batch, why).
    """

    accepted: int
    refused: list[tuple[int, KafkaProducerError]]


class OrderEventPublisher:
    """Publishes order events to Kafka: key = order_id, JSON, acks=all, idempotent; order per key kept.

    Safe to use from several threads; not from a fork of the process that made it.

    Args:
        brokers: host:port of the cluster's brokers.
        topic: of every event that names no other.
        profile: client settings by name or TOML file, as `loadgen config list` shows them; what a load run measured
            with a profile is what this publisher does.
        properties: librdkafka's, on top of the profile.
        dead_letters: where orders go that cannot be delivered; a path is a JSONL file. None: logged and counted only.
        retry: of records that librdkafka gave up on and that are certainly not written; None: never.
        breaker: when to stop trying; None: never.
        headers: give each record `content-type` and `schema-version`. Off by default: the record is then the document's
            byte for byte, and headers of any kind cost the client 1.3 µs a record. A trace context goes with every
            record that has one, whatever this says.
        validate: decode what was encoded against the event's own type, 0.5 to 0.9 µs, so that a wrong type or a NaN, which
            JSON would carry as null, is an error here and not at the consumer.
        on_delivery: called with (error, None) or (None, message) for every order, after poll(); it may publish.
        max_block_s: how long publish_order waits while the client's queue is full, as Java's `max.block.ms`.
        transport, clock: for tests: `loadgen.testing`.
        logger, tracer: instead of structlog's and OpenTelemetry's for this module.

    Attributes:
        topic, producer, encoder, tracer, logger: as the document has them.

    Raises:
        UsageError: brokers, profile, a property or the dead letter file cannot be used.
    """

    def __init__(
        self,
        brokers: Sequence[str] | str,
        topic: str,
        *,
        profile: str = "balanced",
        properties: Mapping[str, Any] | None = None,
        dead_letters: DeadLetters | Path | str | None = None,
        retry: RetrySettings | None = RetrySettings(),  # noqa: B008  # frozen
        breaker: BreakerSettings | None = BreakerSettings(),  # noqa: B008  # frozen
        headers: bool = False,
        validate: bool = True,
        on_delivery: Done | None = None,
        max_block_s: float = 60.0,
        transport: Transport | None = None,
        clock: Clock | None = None,
        logger: Logger | None = None,
        tracer: Any = None,
    ) -> None:
        self.topic = topic
        self.logger = logger or get_logger(__name__)
        self._tracing = OpenTelemetry(__name__, tracer)
        self._trace_state = self._tracing.state
        self.tracer = self._tracing.tracer
        letters = DeadLetterFile(dead_letters) if isinstance(dead_letters, Path | str) else dead_letters
        if transport is None:
            transport = KafkaTransport(publisher_properties(brokers, profile, properties), on_error=self._client_error)
        self.outbox = Outbox(
            transport,
            self.logger,
            clock=clock,
            dead_letters=letters,
            retry=retry,
            breaker=breaker,
            max_block_s=max_block_s,
            on_delivery=on_delivery,
        )
        self._hand_over = self.outbox.hand_over
        encoder = EventEncoder(self.outbox.counts.refused, headers=headers, validate=validate)
        self.encoder, self._parts = encoder.encoder, encoder.parts
        self.producer: Any = getattr(transport, "producer", transport)

    def connect(self, timeout: float = 10.0) -> int:
        """Reach the cluster now and not with the first order, which would wait up to a second for it.

        Args:
            timeout: in seconds.

        Returns:
            the number of partitions of the publisher's topic.

        Raises:
            Unreachable: no broker answers, it refuses (TLS, password, rights), or there is no such topic.
        """
        return self.outbox.transport.prime(self.topic, timeout)

    def publish_order(self, event: Event, topic: str | None = None) -> None:
        """Hand one event over; its answer comes later, to the log, `on_delivery` and the metrics.

        Waits only while the client's queue is full.

        Args:
            event: a Struct or dataclass with `order_id`, which becomes the key.
            topic: instead of the publisher's.

        Raises:
            KafkaProducerError: it was not accepted. `dead_lettered` says whether it is kept; otherwise it stays with
                the caller. InvalidEvent: it does not fit its type. RecordRefused: too large. QueueFull: no room
                within max_block_s. CircuitOpen: most of what was tried failed. ClientFatal: a new publisher is needed.
                ShuttingDown, ClientClosed, UsedAfterFork: this one accepts nothing any more.
        """
        target = topic or self.topic
        if self._trace_state[STATE_KEY] is None:  # 20 ns while nobody collects spans
            key, value, headers = self._parts(event)
            self._hand_over(target, key, value, headers)
        else:
            with self.span(event, target):
                self._hand_over(target, *self.encoded(event))

    def publish(self, event: Event) -> None:
        """The quick start's name of publish_order."""
        self.publish_order(event)

    def publish_batch(self, events: Iterable[Event], topic: str | None = None) -> BatchReport:
        """Hand over many, in order; one that is refused does not keep the others.

        Raises:
            KafkaProducerError: the publisher accepts nothing any more (closed, shutting down, fatal, forked).
        """
        accepted, refused = 0, []
        for index, event in enumerate(events):
            try:
                self.publish_order(event, topic)
                accepted += 1
            except KafkaProducerError as error:
                if self.outbox.gate.shut_for_good:
                    raise
                refused.append((index, error))
        return BatchReport(accepted, refused)

    def flush(self, timeout: float = 10.0) -> None:
        """Wait until every accepted order is answered, or laid down as a dead letter.

        Args:
            timeout: in seconds.

        Raises:
            DrainTimeout: a KafkaProducerError with the number that is left, `remaining`; nothing was given up.
        """
        remaining = self.outbox.wait(timeout)
        if remaining > 0:
            raise DrainTimeout(remaining, timeout)

    def close(self, timeout: float = 10.0, give_up: Callable[[], bool] = lambda: False) -> PublisherMetrics:
        """Accept nothing more, wait for answers, lay down what is left, release the client. Idempotent.

        Args:
            timeout: seconds to wait for answers.
            give_up: asked ten times a second; true ends the wait at once.

        Returns:
            the ledger; it does not change any more.

        Raises:
            DrainTimeout: orders were given up just now and are kept nowhere; the client is released all the same.
        """
        return self.outbox.close(timeout, give_up)

    def poll(self, timeout: float = 0.0) -> int:
        """Serve answers now: for a program that publishes seldom. publish_order, flush and close do it by themselves."""
        return self.outbox.serve(timeout)

    def wait_ready(self, timeout: float) -> bool:
        """Wait while the circuit is open; whether the next event would be tried.

        For callers that must keep their order: they hold their event instead of having it refused.

        Raises:
            KafkaProducerError: the publisher accepts nothing any more.
        """
        return self.outbox.wait_ready(timeout)

    def metrics(self) -> PublisherMetrics:
        """The ledger and the latencies now."""
        return self.outbox.metrics()

    def stop_accepting(self, why: str = "the publisher is shutting down") -> None:
        """From now on publish_order raises ShuttingDown. Safe in a signal handler."""
        self.outbox.stop_accepting(why)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except DrainTimeout:
            if error is None:  # else the log has it, and the error on its way out says more
                raise

    def encoded(self, event: Event) -> tuple[bytes, bytes, Mapping[str, bytes]]:
        """Key, value and headers of an event, the trace context among them when anybody collects spans.

        Raises:
            InvalidEvent: it cannot be encoded, does not fit its type, or its id is not text.
        """
        key, value, headers = self._parts(event)
        return key, value, {**headers, **self._tracing.headers()} if self.traced else headers

    @property
    def traced(self) -> bool:
        """Whether anybody collects spans."""
        return self._trace_state[STATE_KEY] is not None

    def span(self, event: Event, topic: str) -> AbstractContextManager[Any]:
        """The span around an event's hand-over."""
        return self._tracing.span(topic, str(getattr(event, "order_id", "")))

    def _client_error(self, error: Any) -> None:
        self.outbox.serving.client_error(error)
