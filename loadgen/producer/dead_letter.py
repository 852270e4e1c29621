"""Dead letters: what could not be delivered is kept whole, with the reason, until somebody sends it again.

Goal: no accepted order disappears. A file of JSON lines needs no broker, so it is the ground under everything; a topic
is friendlier to look at, and whatever does not reach it falls back to the file.
Non-goal: deciding that a record is dead (`retry.py`, `publisher.py`).

A line: {"topic", "key", "value", "headers", "code", "cause", "outcome", "tries", "first_at", "last_at", "order_id"};
key, value and header values are the original bytes in base64, times are ISO 8601 UTC.
`outcome` "failed" is definite; "unknown" may be in the log already: sending it again may write it twice.
"""

import fcntl
import os
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from loadgen.errors import UsageError
from loadgen.producer.errors import KafkaProducerError, Outcome
from loadgen.producer.transport import Transport

SYNC_EVERY_S = 1.0


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One undelivered record.

    Attributes:
        code: librdkafka's name of the error, such as `_MSG_TIMED_OUT`, or ours, such as `CIRCUIT_OPEN`.
        tries: hand-overs to the client, 0 when it was refused before.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = []
    code: str
    cause: str
    outcome: Outcome
    tries: int
    first_at: datetime
    last_at: datetime
    order_id: str | None = None


def instant(seconds: float) -> datetime:
    """Seconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


class DeadLetters(Protocol):
    """Where dead letters go."""

    def keep(self, letter: DeadLetter) -> None:
        """Take one. It is safe once this returns and `outstanding` is 0.

        Raises:
            OSError: the last resort failed too.
        """
        ...

    def outstanding(self) -> int:
        """Letters that are on their way and not yet safe."""
        ...

    def serve(self) -> None:
        """Lay down what came back undelivered; called after each poll, never within one.

        Raises:
            OSError: as `keep`; what could not be written stays outstanding.
        """
        ...

    def use(self, transport: Transport) -> None:
        """Learn the client to send with; called once by the publisher."""
        ...

    def settle(self) -> None:
        """From now on wait for nobody: what comes goes to the ground at once."""
        ...

    def close(self) -> None: ...


class DeadLetterFile:
    """Letters as lines of a file; several processes may write to one.

    Args:
        path: made when the first letter comes; its folder must exist.

    Attributes:
        kept: letters written by this object.

    Raises:
        UsageError: the folder does not exist or cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.kept = 0
        self._file: int | None = None
        self._on_disk = True
        self._synced_at = 0.0
        folder = self.path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise UsageError(f"dead letters {self.path}: folder {folder} does not exist or cannot be written")

    def keep(self, letter: DeadLetter) -> None:
        line = msgspec.json.encode(letter) + b"\n"
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # O_APPEND and the lock keep whole lines whole when several processes write; the kernel has the line when write
        # returns, so the end of this process loses none
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._file, view) :]
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self.kept += 1
        self._on_disk = False
        self.serve()

    def outstanding(self) -> int:
        return 0

    def serve(self) -> None:
        """Once a second what was written is brought to the disk."""
        now = time.monotonic()
        if self._file is not None and not self._on_disk and now - self._synced_at > SYNC_EVERY_S:
            os.fsync(self._file)
            self._on_disk, self._synced_at = True, now

    def use(self, transport: Transport) -> None:
        """A file needs no client."""

    def settle(self) -> None:
        """A file waits for nobody anyway."""

    def close(self) -> None:
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None


class DeadLetterTopic:
    """Letters as records of a topic: the original bytes, key and headers, and the reason in headers of its own.

    Args:
        topic: should exist; a letter that does not arrive there falls back.
        fallback: a file; when the broker is down, so is the topic.

    Attributes:
        kept: letters acknowledged by the topic; those that fell back are the fallback's.
    """

    PREFIX = "dead-letter-"

    def __init__(self, topic: str, fallback: DeadLetterFile | Path | str) -> None:
        self.topic = topic
        self.fallback = fallback if isinstance(fallback, DeadLetterFile) else DeadLetterFile(fallback)
        self.kept = 0
        self._transport: Transport | None = None
        self._on_its_way = 0
        self._returned: deque[DeadLetter] = deque()

    def use(self, transport: Transport) -> None:
        self._transport = transport

    def keep(self, letter: DeadLetter) -> None:
        if self._transport is None or letter.topic == self.topic:
            self.fallback.keep(letter)
            return

        def reported(error: Any, _message: Any) -> None:
            self._on_its_way -= 1
            if error is None:
                self.kept += 1
            else:
                self._returned.append(letter)

        headers = [*letter.headers, *self._reasons(letter)]
        try:
            self._transport.send(self.topic, letter.value, letter.key, headers, -1, reported)
            self._on_its_way += 1
        except KafkaProducerError:
            self.fallback.keep(letter)

    def outstanding(self) -> int:
        return self._on_its_way + len(self._returned)

    def serve(self) -> None:
        while self._returned:
            self.fallback.keep(self._returned[0])
            self._returned.popleft()
        self.fallback.serve()

    def settle(self) -> None:
        self._transport = None

    def close(self) -> None:
        self.fallback.close()

    def _reasons(self, letter: DeadLetter) -> list[tuple[str, bytes]]:
        named = {
            "topic": letter.topic,
            "code": letter.code,
            "cause": letter.cause,
            "outcome": letter.outcome,
            "tries": str(letter.tries),
            "first-at": letter.first_at.isoformat(),
            "last-at": letter.last_at.isoformat(),
        }
        return [(self.PREFIX + name, value.encode()) for name, value in named.items()]


def letter_of_record(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], topic: str
) -> DeadLetter:
    """A dead letter as it was written to a topic, read back; what a record lacks is told by the topic's own name."""
    prefix = DeadLetterTopic.PREFIX
    reasons = {name[len(prefix) :]: (value or b"").decode() for name, value in headers if name.startswith(prefix)}
    never = datetime.fromtimestamp(0, UTC).isoformat()
    return DeadLetter(
        topic=reasons.get("topic", topic),
        key=key,
        value=value,
        headers=[(name, value) for name, value in headers if not name.startswith(prefix)],
        code=reasons.get("code", ""),
        cause=reasons.get("cause", ""),
        outcome="failed" if reasons.get("outcome") == "failed" else "unknown",
        tries=int(reasons.get("tries", "0")),
        first_at=datetime.fromisoformat(reasons.get("first-at", never)),
        last_at=datetime.fromisoformat(reasons.get("last-at", never)),
        order_id=key.decode(errors="replace") if key is not None else None,
    )
