"""The Kafka client as a Transport: the only import of confluent_kafka on the send path.

Goal: the binding's traps end here, so that nobody else has to know them: exceptions that stay pending, a client used
after fork, a metadata call that cannot see why it fails, logs on standard error.
Non-goal: deciding what an error means (`errors.py`) or when to stop (`drain.py`).
"""

import ctypes
import logging
import os
import re
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Never

# list_topics() looks this module up, and its first import would need a file where a client may have taken the last one
import confluent_kafka.admin  # noqa: F401
from confluent_kafka import KafkaError, KafkaException, Producer

from loadgen.errors import Unreachable, UsageError
from loadgen.producer.errors import (
    ALL_BROKERS_DOWN,
    QUEUE_FULL,
    ClientClosed,
    ClientFatal,
    KafkaProducerError,
    QueueFull,
    RecordRefused,
    UsedAfterFork,
    meaning_of,
)
from loadgen.producer.library import client_versions
from loadgen.producer.transport import BatchOutcome, DeliveryCallback, Headers

OLDEST_CLIENT = (2, 16, 1)
METADATA_SLICE_S = 0.25  # list_topics() cannot be woken, so it is asked in slices, and errors are read between
REFUSED_PATIENCE_S = 3.0  # a broker may be starting: connection refused is believed after that long
NOT_BY_WAITING = frozenset({-181, -169, -193})  # _SSL, _AUTHENTICATION, _RESOLVE do not cure themselves

log = logging.getLogger("loadgen.librdkafka")
log.addHandler(logging.NullHandler())  # else Python's last resort writes the client's log to standard error

_alive: "weakref.WeakSet[KafkaTransport]" = weakref.WeakSet()


class KafkaTransport:
    """One librdkafka producer.

    Args:
        properties: librdkafka's, with `bootstrap.servers`; used as they are.
        on_error: called with each KafkaError that concerns the client and no record, from poll().
        on_throttle: called with each ThrottleEvent (`throttle_time` in seconds), from poll().
        on_stats: called with librdkafka's statistics as JSON text, from poll(), when `statistics.interval.ms` is set.

    Attributes:
        producer: the confluent_kafka.Producer.
        fatal: why the client stopped for good, or None.
        errors: the last errors that concerned no record, newest last, repeated ones once: (code, text).
        log_lines: the last lines of librdkafka's log; some causes are told nowhere else.

    Raises:
        UsageError: librdkafka does not take a property, or the installed client is too old.
    """

    def __init__(
        self,
        properties: Mapping[str, str],
        *,
        on_error: Callable[[Any], object] | None = None,
        on_throttle: Callable[[Any], object] | None = None,
        on_stats: Callable[[str], object] | None = None,
    ) -> None:
        check_version()
        self.fatal: KafkaProducerError | None = None
        self.errors: deque[tuple[int, str]] = deque(maxlen=8)
        self.log_lines: deque[str] = deque(maxlen=8)
        self._on_error = on_error
        self._bootstrap = properties.get("bootstrap.servers", "")
        self._closed = False
        self._made_in = os.getpid()
        settings: dict[str, Any] = {**properties, "error_cb": self._client_error}
        if on_throttle is not None:
            settings["throttle_cb"] = on_throttle
        if on_stats is not None:
            settings["stats_cb"] = on_stats
        try:
            self.producer: Any = Producer(settings, logger=_quiet_logger(self.log_lines))
        except (KafkaException, TypeError, ValueError) as error:
            cause = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            raise UsageError(f"the Kafka client does not take these properties: {cause}") from None
        _alive.add(self)

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        partition: int = -1,
        on_delivery: DeliveryCallback | None = None,
    ) -> None:
        try:
            if headers:
                self.producer.produce(topic, value, key, partition, on_delivery, headers=headers)
            else:
                self.producer.produce(topic, value, key, partition, on_delivery)
        except BufferError:
            raise QueueFull from None
        except KafkaException as error:
            raise self._refused(error.args[0]) from None

    def send_batch(self, topic: str, messages: list[dict[str, Any]]) -> BatchOutcome:
        try:
            accepted = self.producer.produce_batch(topic, messages)
        except BufferError:
            return BatchOutcome(0, [])
        except KafkaException as error:
            raise self._refused(error.args[0]) from None
        if accepted == len(messages):
            return BatchOutcome(accepted, [])
        return self._sorted_out(accepted, messages)

    def _sorted_out(self, accepted: int, messages: list[dict[str, Any]]) -> BatchOutcome:
        """Which of a batch were refused for good; the mark that the binding left in each dict is taken out again."""
        refused: list[tuple[int, int]] = []
        for index, message in enumerate(messages):
            error = message.pop("_error", None)
            if error is None:
                continue
            code = error.code()
            if code == QUEUE_FULL:
                # librdkafka takes nothing more once it is full; the marks of the rest go too
                for later in messages[index + 1 :]:
                    later.pop("_error", None)
                break
            if error.fatal():
                self._refused(error)
            refused.append((index, code))
        if self.fatal is not None and accepted == 0:
            raise self.fatal
        return BatchOutcome(accepted, refused)

    def poll(self, timeout_s: float) -> int:
        try:
            return int(self.producer.poll(timeout_s))
        except KafkaException as error:  # how the binding tells of a fatal error, which error_cb never hears of
            self._refused(error.args[0])
            return 0
        except ClientClosed:
            return 0

    def purge(self) -> None:
        # blocking=True would set NON_BLOCKING: the binding has it the wrong way round (2.16.1)
        self.producer.purge(in_queue=True, in_flight=True, blocking=False)

    def close(self, timeout_s: float) -> None:
        if self._closed:
            return
        self._closed = True
        _alive.discard(self)
        self.purge()
        deadline = time.monotonic() + timeout_s
        while len(self.producer) and time.monotonic() < deadline:
            self.poll(0.1)
        if not len(self.producer):
            self.producer.close()  # waits for what is outstanding up to message.timeout.ms: nothing is
        self.producer = _Unusable(ClientClosed("this Kafka client is closed: make a new one"))

    def prime(self, topic: str, timeout_s: float) -> int:
        """Connect and learn a topic's partitions, so that the first record does not wait a second for it.

        Returns:
            the number of partitions.

        Raises:
            Unreachable: no broker answered, or it refused (TLS, password, rights), or the topic does not exist.
        """
        started = time.monotonic()
        while True:
            left_s = timeout_s - (time.monotonic() - started)
            problem = "no answer"
            try:
                found = self.producer.list_topics(topic, max(min(METADATA_SLICE_S, left_s), 0.001)).topics[topic]
            except KafkaException as error:
                problem = str(error.args[0].str())
            else:
                if found.error is None:
                    return len(found.partitions)
                meaning = meaning_of(found.error.code())
                problem = f"topic {topic}: {meaning.name}"
                if meaning.name == "TOPIC_AUTHORIZATION_FAILED":
                    raise Unreachable(f"{self._bootstrap}: {problem}; the user needs WRITE and DESCRIBE on it")
            self.poll(0.02)
            waited_s = time.monotonic() - started
            cause = self._why_unreachable(waited_s)
            if cause or waited_s >= timeout_s:
                raise Unreachable(
                    f"{self._bootstrap}: {cause or self._last_reason() or problem} (after {waited_s:.1f} s)"
                )

    def _why_unreachable(self, waited_s: float) -> str | None:
        """The cause, once it is certain that waiting longer will not help; a good broker may be among bad ones."""
        codes = {code for code, _ in self.errors}
        if self.fatal is not None:
            return str(self.fatal)
        if ALL_BROKERS_DOWN not in codes:
            return None
        if codes & NOT_BY_WAITING or waited_s >= REFUSED_PATIENCE_S:
            return self._last_reason()
        return None

    def _last_reason(self) -> str | None:
        """The last error that says more than that all brokers are down; else the log's last line."""
        for code, text in reversed(self.errors):
            if code != ALL_BROKERS_DOWN:
                return f"{meaning_of(code).name}: {text}"
        if self.errors:
            return "; ".join([self.errors[-1][1], *list(self.log_lines)[-1:]])
        return None

    def _client_error(self, error: Any) -> None:
        """librdkafka's error_cb: connections, authentication. Repeated a hundred times in 10 s, kept once."""
        entry = (error.code(), error.str())
        if entry in self.errors:
            self.errors.remove(entry)
        self.errors.append(entry)
        if self._on_error is not None:
            self._on_error(error)

    def _refused(self, error: Any) -> KafkaProducerError:
        """What a KafkaError from produce() or poll() means; a fatal one is remembered."""
        code, text = error.code(), error.str()
        if error.fatal() or code == KafkaError._FATAL:
            if self.fatal is None:
                self.fatal = ClientFatal(f"the Kafka client stopped for good: {text}", code=code)
            return self.fatal
        return RecordRefused(f"{meaning_of(code).name}: {text}", code=code)


class _Unusable:
    """Stands in for a client that must not be used: whatever is asked of it raises."""

    def __init__(self, error: KafkaProducerError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Never:
        raise self._error

    def __len__(self) -> int:
        return 0


def check_version() -> None:
    """Refuse clients whose known faults would spoil a run.

    Raises:
        UsageError: older than 2.16.1.
    """
    found, _ = client_versions()
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:3])
    if numbers < OLDEST_CLIENT:
        raise UsageError(
            f"confluent-kafka {found} has known faults that lose reports; pip install 'confluent-kafka>=2.16.1'"
        )


def _quiet_logger(lines: "deque[str]") -> logging.Logger:
    """A logger of its own for one client: what it says is kept, and goes on to `loadgen.librdkafka`."""

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.Logger("loadgen.librdkafka")
    logger.parent = log
    logger.addHandler(Keep())
    return logger


def _forked() -> None:
    """In the child of a fork: librdkafka's threads are gone, so every use raises instead of losing records."""
    for transport in list(_alive):
        # never freed here: that would wait for threads that do not exist
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(transport.producer))
        transport.producer = _Unusable(UsedAfterFork(transport._made_in))
        transport._closed = True  # close() then does nothing: what the parent sent is the parent's


os.register_at_fork(after_in_child=_forked)
