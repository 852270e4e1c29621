"""The table of errors."""

import confluent_kafka
import pytest

from loadgen.errors import LoadgenError
from loadgen.producer import errors
from loadgen.producer.errors import TABLE, KafkaProducerError, delivery_error, meaning_of, outcome_of
from loadgen.producer.library import error_names
from loadgen.producer.retry import safe_again

# accounting.md's two lists, by name
DEFINITE = [
    "_PURGE_QUEUE", "_TIMED_OUT_QUEUE", "MSG_SIZE_TOO_LARGE", "_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART",
    "_UNKNOWN_PARTITION", "TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED", "INVALID_REQUIRED_ACKS",
    "RECORD_LIST_TOO_LARGE",
]  # fmt: skip
INDEFINITE = [
    "_MSG_TIMED_OUT", "_TIMED_OUT", "_TRANSPORT", "REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    "NOT_LEADER_FOR_PARTITION", "_PURGE_INFLIGHT", "OUT_OF_ORDER_SEQUENCE_NUMBER",
]  # fmt: skip


def code_of(name: str) -> int:
    return next(code for code, meaning in TABLE.items() if meaning.name == name)


def test_every_name_is_the_librarys_own() -> None:
    """The table's names and numbers are those of the installed librdkafka."""
    known = error_names()

    assert {code: meaning.name for code, meaning in TABLE.items() if known.get(code) != meaning.name} == {}


@pytest.mark.parametrize("name", DEFINITE)
def test_definite_codes_mean_failed(name: str) -> None:
    """A definite code says that the record is not in the log."""
    assert outcome_of(code_of(name)) == "failed"


@pytest.mark.parametrize("name", INDEFINITE)
def test_indefinite_codes_mean_unknown(name: str) -> None:
    """An indefinite code leaves it open."""
    assert outcome_of(code_of(name)) == "unknown"


def test_a_code_that_nobody_knows_is_unknown() -> None:
    """Nothing is hoped of a code that is not in the table: unknown, permanent, not to be sent again."""
    assert outcome_of(9999) == "unknown"
    assert not meaning_of(9999).transient
    assert not safe_again(9999)


def test_only_what_is_not_written_is_sent_again() -> None:
    """No code that is indefinite, permanent or fatal is safe to send again."""
    for code, meaning in TABLE.items():
        assert safe_again(code) == (meaning.definite and meaning.transient and not meaning.fatal), meaning


def test_librdkafkas_fatal_codes_are_fatal() -> None:
    """What makes an idempotent producer stop for good is marked so, and is never definite."""
    for name in ("_FATAL", "OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_PRODUCER_EPOCH"):
        meaning = TABLE[code_of(name)]
        assert meaning.fatal
        assert not meaning.definite


def test_the_constants_are_the_tables() -> None:
    """The codes that other modules use by name are the ones in the table."""
    for constant in ("QUEUE_FULL", "ALL_BROKERS_DOWN", "MSG_TIMED_OUT", "PURGE_QUEUE", "MSG_SIZE_TOO_LARGE"):
        assert TABLE[getattr(errors, constant)].name.lstrip("_") == constant
    assert TABLE[errors.PURGE_IN_FLIGHT].name == "_PURGE_INFLIGHT"
    assert confluent_kafka.KafkaError._QUEUE_FULL == errors.QUEUE_FULL


def test_the_exceptions_are_one_tree() -> None:
    """Whoever catches KafkaProducerError catches everything, and it ends a command with 3."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    ours = [kind for kind in kinds if kind.__module__ == errors.__name__]

    assert len(ours) > 8
    assert all(issubclass(kind, KafkaProducerError) for kind in ours)
    assert issubclass(KafkaProducerError, LoadgenError)
    assert KafkaProducerError("x").exit_code == 3


@pytest.mark.parametrize(
    ("name", "kind", "retriable", "fatal"),
    [
        ("NOT_ENOUGH_REPLICAS", errors.DeliveryFailed, True, False),
        ("MSG_SIZE_TOO_LARGE", errors.DeliveryFailed, False, False),
        ("_MSG_TIMED_OUT", errors.DeliveryUnknown, False, False),
        ("OUT_OF_ORDER_SEQUENCE_NUMBER", errors.ClientFatal, False, True),
    ],
)
def test_a_report_becomes_the_exception_of_its_kind(name: str, kind: type, retriable: bool, fatal: bool) -> None:
    """code, retriable, fatal and order_id say what the table says."""
    error = delivery_error(code_of(name), "because", "order-7")

    assert type(error) is kind
    assert (error.retriable, error.fatal, error.order_id) == (retriable, fatal, "order-7")
    assert error.name == name
    assert name in str(error)


def test_an_error_of_another_order_is_a_new_one() -> None:
    """`about` keeps kind, words and attributes and names the order."""
    first = errors.CircuitOpen("7 of 8 failed", 3.0)
    again = first.about("order-2")

    assert again is not first
    assert (type(again), str(again), again.retry_after_s, again.order_id) == (
        errors.CircuitOpen,
        str(first),
        3.0,
        "order-2",
    )
