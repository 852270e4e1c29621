"""A transport that acknowledges everything and keeps nothing: what remains is the cost of the sender itself."""

from collections import deque
from typing import Any

from loadgen.producer.errors import KafkaProducerError
from loadgen.producer.memory import MemoryMessage
from loadgen.producer.transport import BatchOutcome, DeliveryCallback, Headers


class NullTransport:
    """Acknowledges everything at the next poll and keeps nothing: what remains is the cost of the sender itself."""

    def __init__(self) -> None:
        self.fatal: KafkaProducerError | None = None
        self.accepted = 0
        self._waiting: deque[tuple[DeliveryCallback, MemoryMessage]] = deque()

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | str | None = None,
        headers: Headers | None = None,  # noqa: ARG002  # nobody will read them
        partition: int = -1,
        on_delivery: DeliveryCallback | None = None,
    ) -> None:
        self.accepted += 1
        if on_delivery is not None:
            key_bytes = key.encode() if isinstance(key, str) else key
            self._waiting.append((on_delivery, MemoryMessage(topic, value, key_bytes, None, max(partition, 0), 0)))

    def send_batch(self, topic: str, messages: list[dict[str, Any]]) -> BatchOutcome:
        for message in messages:
            self.send(topic, message["value"], message.get("key"), on_delivery=message.get("callback"))
        return BatchOutcome(len(messages), [])

    def poll(self, timeout_s: float) -> int:  # noqa: ARG002  # nothing is ever waited for
        served = len(self._waiting)
        for _ in range(served):
            callback, message = self._waiting.popleft()
            callback(None, message)
        return served

    def purge(self) -> None:
        """Nothing is queued: everything accepted is acknowledged."""

    def prime(self, topic: str, timeout_s: float) -> int:  # noqa: ARG002  # the real client's arguments
        """One partition."""
        return 1

    def close(self, timeout_s: float) -> None:
        self.poll(timeout_s)
