"""What an error from Kafka means: one table, and the exceptions that carry it.

Goal: every place that must know whether a record was written, whether trying again can help, or whether the client is
finished, asks this table and nothing else.
Non-goal: the client library; codes are plain integers here, so that workers and tests need not import it.
Place: under everything in `producer/`, and in the ledger of a run.

Sources: librdkafka's own classification of a ProduceResponse (`rd_kafka_err_action`, `rd_kafka_handle_Produce_error`)
for "not persisted" and "retry"; two codes that it calls not persisted are unknown here, see `INDEFINITE_BY_CAUTION`.
A definite code speaks of the last attempt only: a record that was sent twice may have been written by the first.
"""

from typing import Literal, NamedTuple, Self

from loadgen.errors import LoadgenError

Outcome = Literal["failed", "unknown"]


class Meaning(NamedTuple):
    """What one code says.

    Attributes:
        name: librdkafka's name, without RD_KAFKA_RESP_ERR_.
        definite: the record is not in the log; otherwise it may be.
        transient: the cause can pass by itself, so trying again can help.
        fatal: the client cannot go on; a new one is needed.
    """

    name: str
    definite: bool = False
    transient: bool = False
    fatal: bool = False


DEFINITE_TRANSIENT, DEFINITE_PERMANENT = (True, True), (True, False)
INDEFINITE_TRANSIENT, INDEFINITE_PERMANENT = (False, True), (False, False)

_NAMES: dict[tuple[bool, bool], dict[int, str]] = {
    DEFINITE_TRANSIENT: {
        -184: "_QUEUE_FULL",
        -166: "_TIMED_OUT_QUEUE",
        -152: "_PURGE_QUEUE",
        2: "INVALID_MSG",  # the checksum was wrong on arrival: damaged on the way, refused before the log
        5: "LEADER_NOT_AVAILABLE",
        19: "NOT_ENOUGH_REPLICAS",
        56: "KAFKA_STORAGE_ERROR",
        89: "THROTTLING_QUOTA_EXCEEDED",
    },
    DEFINITE_PERMANENT: {
        -190: "_UNKNOWN_PARTITION",
        -188: "_UNKNOWN_TOPIC",
        -186: "_INVALID_ARG",
        3: "UNKNOWN_TOPIC_OR_PART",
        4: "INVALID_MSG_SIZE",
        10: "MSG_SIZE_TOO_LARGE",
        17: "TOPIC_EXCEPTION",
        18: "RECORD_LIST_TOO_LARGE",
        21: "INVALID_REQUIRED_ACKS",
        29: "TOPIC_AUTHORIZATION_FAILED",
        31: "CLUSTER_AUTHORIZATION_FAILED",
        32: "INVALID_TIMESTAMP",
        43: "UNSUPPORTED_FOR_MESSAGE_FORMAT",
        44: "POLICY_VIOLATION",
        53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        58: "SASL_AUTHENTICATION_FAILED",
        76: "UNSUPPORTED_COMPRESSION_TYPE",
        87: "INVALID_RECORD",
    },
    INDEFINITE_TRANSIENT: {
        -195: "_TRANSPORT",
        -192: "_MSG_TIMED_OUT",
        -187: "_ALL_BROKERS_DOWN",
        -185: "_TIMED_OUT",
        -180: "_WAIT_COORD",
        6: "NOT_LEADER_FOR_PARTITION",
        7: "REQUEST_TIMED_OUT",
        8: "BROKER_NOT_AVAILABLE",
        9: "REPLICA_NOT_AVAILABLE",
        13: "NETWORK_EXCEPTION",
        20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        74: "FENCED_LEADER_EPOCH",
        75: "UNKNOWN_LEADER_EPOCH",
    },
    INDEFINITE_PERMANENT: {
        -197: "_DESTROY",
        -193: "_RESOLVE",
        -181: "_SSL",
        -169: "_AUTHENTICATION",
        -151: "_PURGE_INFLIGHT",
        -1: "UNKNOWN",
    },
}
# Codes after which librdkafka purges its queue and refuses every record (introduction, "Idempotent Producer").
_FATAL = {
    -150: "_FATAL",
    -144: "_FENCED",
    45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    47: "INVALID_PRODUCER_EPOCH",
    59: "UNKNOWN_PRODUCER_ID",
    90: "PRODUCER_FENCED",
}
# librdkafka calls these not persisted. But a leader that steps down may answer so for what it had already appended and
# a follower has copied (KAFKA-13574), so the record may turn up.
INDEFINITE_BY_CAUTION = frozenset({6, 8, 9})

TABLE: dict[int, Meaning] = {
    **{
        code: Meaning(name, definite=definite, transient=transient)
        for (definite, transient), names in _NAMES.items()
        for code, name in names.items()
    },
    **{code: Meaning(name, fatal=True) for code, name in _FATAL.items()},
}
"""librdkafka's code → what it means. A code that is not here is indefinite and permanent: nothing may be hoped."""

QUEUE_FULL = -184
ALL_BROKERS_DOWN = -187
MSG_TIMED_OUT = -192
PURGE_QUEUE = -152
PURGE_IN_FLIGHT = -151
MSG_SIZE_TOO_LARGE = 10


def meaning_of(code: int) -> Meaning:
    """What a code says; of one that the table does not have, the worst."""
    return TABLE.get(code) or Meaning(f"code {code}")


def outcome_of(code: int) -> Outcome:
    """`failed` when the record is certainly not in the log by this attempt, else `unknown`. 60 ns."""
    meaning = TABLE.get(code)
    return "failed" if meaning is not None and meaning.definite else "unknown"


class KafkaProducerError(LoadgenError):
    """Something that was to be sent, was not or perhaps not.

    Args:
        message: one line: what happened, to what, what to do.
        code: librdkafka's, or None when Kafka had no say.
        order_id: of the event concerned, or None.

    Attributes:
        retriable: sending it again can help and cannot write it twice.
        fatal: the client cannot go on; make a new publisher.
        dead_lettered: the event is kept in the dead letter queue, so the caller need not keep it.
    """

    exit_code = 3
    label = "NOT_SENT"

    def __init__(self, message: str, *, code: int | None = None, order_id: str | None = None) -> None:
        super().__init__(message)
        meaning = None if code is None else meaning_of(code)
        self.code = code
        self.order_id = order_id
        self.retriable = meaning is not None and meaning.definite and meaning.transient
        self.fatal = meaning is not None and meaning.fatal
        self.dead_lettered = False

    @property
    def name(self) -> str:
        """librdkafka's name of the code, such as `_MSG_TIMED_OUT`; without a code, ours, such as `CIRCUIT_OPEN`."""
        return self.label if self.code is None else meaning_of(self.code).name

    def about(self, order_id: str | None) -> Self:
        """The same error of another order, to be raised anew."""
        fresh = type(self).__new__(type(self), *self.args)
        fresh.__dict__.update(self.__dict__)
        fresh.order_id = order_id
        return fresh


class QueueFull(KafkaProducerError):
    """The client's queue has no room now: poll, then hand the same record over again. Nothing was taken."""

    def __init__(self, order_id: str | None = None) -> None:
        message = "the client's queue is full (queue.buffering.max.messages, .max.kbytes): poll and try again"
        super().__init__(message, code=QUEUE_FULL, order_id=order_id)


class RecordRefused(KafkaProducerError):
    """The client refused the record at once: too large, no such partition. It is certainly not in the log."""


class DeliveryFailed(KafkaProducerError):
    """The answer came, and the record is not in the log by its last attempt."""


class DeliveryUnknown(KafkaProducerError):
    """No answer, or one that leaves it open: the record may be in the log. Sending it again may write it twice."""


class ClientFatal(KafkaProducerError):
    """The client has stopped for good; its queue was given up."""

    label = "FATAL"

    def __init__(self, message: str, *, code: int | None = None, order_id: str | None = None) -> None:
        super().__init__(message, code=code, order_id=order_id)
        self.fatal = True


class UsedAfterFork(ClientFatal):
    """Made in another process: the client's threads did not survive the fork, and records would vanish silently."""

    label = "USED_AFTER_FORK"

    def __init__(self, made_in: int) -> None:
        super().__init__(
            f"this Kafka client was made in process {made_in} and is used in a fork of it, where its threads do not "
            "exist: make the client in the process that uses it (multiprocessing: the spawn or forkserver method)"
        )


class ClientClosed(KafkaProducerError):
    """Used after close()."""

    label = "CLOSED"


class ShuttingDown(ClientClosed):
    """A signal asked the program to end: nothing new is accepted, what was accepted is being drained."""

    label = "SHUTTING_DOWN"


class InvalidEvent(KafkaProducerError):
    """The event does not fit its own schema, or cannot be encoded: it was never handed to the client."""

    label = "INVALID_EVENT"


class CircuitOpen(KafkaProducerError):
    """Too much failed just now, so the event was not even tried.

    Attributes:
        retry_after_s: when the next trial will be let through, as far as is known.
    """

    label = "CIRCUIT_OPEN"

    def __init__(self, why: str, retry_after_s: float, order_id: str | None = None) -> None:
        super().__init__(f"the circuit is open ({why}); next trial in {retry_after_s:.1f} s", order_id=order_id)
        self.retriable = True
        self.retry_after_s = retry_after_s


class DrainTimeout(KafkaProducerError):
    """What was handed over is not all answered in time.

    Attributes:
        remaining: how many records are without an answer.
    """

    label = "DRAIN_TIMEOUT"

    def __init__(self, remaining: int, timeout_s: float, *, gave_up: bool = False) -> None:
        then = "they were given up and are kept nowhere" if gave_up else "they are still being sent"
        super().__init__(f"Failed to flush {remaining} messages within {timeout_s:g} s; {then}")
        self.remaining = remaining


def delivery_error(code: int, text: str, order_id: str | None = None) -> KafkaProducerError:
    """The exception of a delivery report with an error."""
    meaning = meaning_of(code)
    message = f"{meaning.name}: {text}"
    if meaning.fatal:
        return ClientFatal(message, code=code, order_id=order_id)
    kind = DeliveryFailed if meaning.definite else DeliveryUnknown
    return kind(message, code=code, order_id=order_id)
