"""What the rest of the program needs of a Kafka client, and no more.

Goal: the load generator, the publisher and the tests send through one small protocol, with the real client
(`kafka.py`), one in memory (`memory.py`) and one that does nothing but acknowledge behind it.
Non-goal: serializing, retrying, counting; whoever sends owns its ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from loadgen.producer.errors import KafkaProducerError, QueueFull

__all__ = [
    "BatchOutcome",
    "Delivered",
    "DeliveryCallback",
    "DeliveryError",
    "Headers",
    "QueueFull",
    "Transport",
    "header_pairs",
]

Headers = Sequence[tuple[str, bytes | str | None]] | Mapping[str, bytes]
"""Name and value pairs. A dict costs the client 0.3 µs less than a list of two, and cannot hold a name twice."""


def header_pairs(headers: Headers | None) -> list[tuple[str, bytes | None]]:
    """Headers as a list of names and bytes."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in pairs]


class DeliveryError(Protocol):
    """Why a record was not delivered, as confluent_kafka's KafkaError says it."""

    def code(self) -> int: ...

    def name(self) -> str: ...

    def str(self) -> str: ...


class Delivered(Protocol):
    """The record of a delivery report, as confluent_kafka's Message shows it.

    Offsets can be false: an idempotent duplicate has none, and reports of a batch then say None, 0, 1. Its `headers()`
    is None for every report (2.16.1): who needs them must have kept them.
    """

    def topic(self) -> str | None: ...

    def partition(self) -> int | None: ...

    def offset(self) -> int | None: ...

    def key(self) -> Any: ...

    def value(self) -> Any: ...

    def latency(self) -> float | None:
        """Seconds from the hand-over to the answer, by the client's own clock."""
        ...

    def __len__(self) -> int: ...


DeliveryCallback = Callable[[Any, Any], object]
"""(DeliveryError or None, Delivered). It must not raise, poll or send: it runs inside poll()."""


class BatchOutcome(NamedTuple):
    """What became of a batch: every record is in exactly one of three places.

    The client goes through a batch in order and stops taking records once its queue is full. So the first
    `accepted + len(refused)` are decided, and the rest stay with the caller, untouched, to be handed over again
    in dicts made afresh.

    Attributes:
        accepted: taken; each of them will be reported to its callback once.
        refused: (index in the list, librdkafka's code) of those refused for good; they are not reported again.
    """

    accepted: int
    refused: list[tuple[int, int]]

    @property
    def decided(self) -> int:
        """How many from the front of the list are no longer the caller's."""
        return self.accepted + len(self.refused)


class Transport(Protocol):
    """A Kafka client as a sender. Used by one thread unless it says otherwise."""

    fatal: KafkaProducerError | None
    """Set once the client cannot go on."""

    def prime(self, topic: str, timeout_s: float) -> int:
        """Connect and learn a topic, so that the first record does not wait for that; how many partitions it has.

        Raises:
            Unreachable: no answer, a refusal, or no such topic; with the cause, before the time is over if it is known.
        """
        ...

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        partition: int = -1,
        on_delivery: DeliveryCallback | None = None,
    ) -> None:
        """Hand one record over.

        Args:
            partition: −1 lets the client's partitioner choose.
            on_delivery: called once, from a later poll(), if and only if this returns.

        Raises:
            QueueFull: no room; poll and try again.
            RecordRefused: it will never be taken: too large, no such partition.
            ClientFatal: the client has stopped for good.
        """
        ...

    def send_batch(self, topic: str, messages: list[dict[str, Any]]) -> BatchOutcome:
        """Hand many records over at once, without headers.

        Args:
            messages: dicts with `value`, and if wanted `key`, `partition`, `callback`; new ones for every call.

        Raises:
            ClientFatal: the client has stopped for good; none was taken.
            TypeError: a value or key is neither bytes nor text; none was taken.
        """
        ...

    def poll(self, timeout_s: float) -> int:
        """Serve reports, waiting at most that long for the first; how many events were served.

        Raises nothing by itself, also when the client has stopped: only what a callback lets out.
        """
        ...

    def purge(self) -> None:
        """Give up everything that is queued or in flight; the reports come with the next polls."""
        ...

    def close(self, timeout_s: float) -> None:
        """Purge, serve what that reports within the time, and let go of the client. Idempotent."""
        ...
