"""Sending again what librdkafka gave up on: exponential backoff, full jitter, and the order of each key kept.

Goal: pure. It decides what is sent again and when; the publisher sends. Non-goal: what librdkafka retries by itself
until `message.timeout.ms`, which is nearly everything transient; control calls have `backoff.again`.

Which: only errors that are definite (not in the log by the last attempt) and transient. The code cannot tell about an
earlier attempt of the same record inside librdkafka; whoever must exclude that sets `retries=0` and leaves all the
trying to this module.

Order: what is sent while a record of its key waits, waits behind it, and they go one at a time. The waiting record goes
only when everything handed over before it failed is answered (`generation`): a later one of its key that was in flight
may be acknowledged until then. That one has overtaken it, and the older is given up: sending it now would put the past
after the present.
"""

import random
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from loadgen.producer.backoff import RetrySettings
from loadgen.producer.errors import QUEUE_FULL, TABLE
from loadgen.producer.transport import Headers

__all__ = ["Outgoing", "Retries", "RetrySettings", "safe_again"]

FULL_QUEUE_WAIT_NS = 10_000_000


def safe_again(code: int) -> bool:
    """Whether sending again can help and does not write twice what the last attempt wrote."""
    meaning = TABLE.get(code)
    return meaning is not None and meaning.definite and meaning.transient


class Outgoing(NamedTuple):
    """A record on its way, with what is needed to send it again or to lay it down.

    Attributes:
        tries: hand-overs so far; 0 while it waits behind another.
        first_at, last_at: seconds since the epoch of the first and the latest hand-over.
        on_done: called with (error or None, delivered or None) once its fate is known; or None.
    """

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    tries: int
    first_at: float
    last_at: float
    on_done: Callable[[Any, Any], object] | None = None


class _Line:
    """The records of one key that wait: those that failed, then those that came since."""

    def __init__(self) -> None:
        self.failed: deque[tuple[Outgoing, int]] = deque()  # each with the code of its failure
        self.behind: deque[Outgoing] = deque()
        self.due_ns = 0
        self.generation = -1
        self.on_its_way = False

    def __len__(self) -> int:
        return len(self.failed) + len(self.behind)


class Retries:
    """What waits to be sent again.

    Args:
        settings: the bounds.
        draw: uniform in [0, 1); tests give their own.

    Attributes:
        lines: by topic and key; empty when nothing waits. The same dict always, so that it may be looked at from outside.
    """

    def __init__(self, settings: RetrySettings, draw: Callable[[], float] = random.random) -> None:
        self.settings = settings
        self._draw = draw
        self.lines: dict[tuple[str, bytes], _Line] = {}

    def __len__(self) -> int:
        """How many wait; those handed over again and not yet answered are not among them."""
        return sum(map(len, self.lines.values()))

    def __bool__(self) -> bool:
        return bool(self.lines)

    def blocks(self, topic: str, key: bytes) -> bool:
        """Whether a new record of that key has to wait behind others."""
        return (topic, key) in self.lines

    def take_failed(self, record: Outgoing, code: int, now_ns: int, now_at: float, generation: int) -> bool:
        """Keep a failed record for another try; False: it is to be given up.

        Args:
            generation: of what is being handed over now; it goes when that and all before are answered.
        """
        line = self.lines.get((record.topic, record.key))
        again = line is not None and record.tries > 1  # it is the head of its line, come back
        if line is not None and again:
            line.on_its_way = False
        wait_s = self.settings.wait_before(record.tries + 1, self._draw)
        if (
            not safe_again(code)
            or record.tries >= self.settings.tries
            or now_at + wait_s - record.first_at > self.settings.total_s
        ):
            self._next(record)
            return False
        if line is None:
            line = self.lines[record.topic, record.key] = _Line()
        line.due_ns = max(line.due_ns, now_ns + round(wait_s * 1e9))
        if again:
            line.failed.appendleft((record, code))
        else:
            line.failed.append((record, code))
            line.generation = generation
        return True

    def take_behind(self, record: Outgoing) -> None:
        """Let a new record wait behind the others of its key."""
        self.lines[record.topic, record.key].behind.append(record)

    def delivered(self, record: Outgoing) -> None:
        """The head of a line arrived: the next of its key may go at once."""
        line = self.lines.get((record.topic, record.key))
        if line is not None:
            line.on_its_way = False
        self._next(record)

    def overtaken(self, topic: str, key: bytes) -> list[tuple[Outgoing, int]]:
        """A later record of that key was acknowledged: those that failed before it are given up, and returned."""
        line = self.lines.get((topic, key))
        if line is None:
            return []
        lost = list(line.failed)
        line.failed.clear()
        if lost:
            self._next(lost[0][0])
        return lost

    def due(self, now_ns: int, oldest_open_generation: int) -> list[Outgoing]:
        """The records to hand over now; at most one of each key is on its way."""
        records = []
        for line in self.lines.values():
            if line.on_its_way or line.due_ns > now_ns or line.generation >= oldest_open_generation:
                continue
            records.append(line.failed.popleft()[0] if line.failed else line.behind.popleft())
            line.on_its_way = True
        return records

    def put_back(self, record: Outgoing, now_ns: int) -> None:
        """The client's queue had no room: the record is the head of its line again."""
        line = self.lines[record.topic, record.key]
        line.on_its_way = False
        line.due_ns = now_ns + FULL_QUEUE_WAIT_NS
        if record.tries:
            line.failed.appendleft((record, QUEUE_FULL))
        else:
            line.behind.appendleft(record)

    def give_up(self) -> list[tuple[Outgoing, int | None]]:
        """Everything that waits, in order, with its last error; None: it was never handed over."""
        left: list[tuple[Outgoing, int | None]] = []
        for line in self.lines.values():
            left += line.failed
            left += [(record, None) for record in line.behind]
        self.lines.clear()
        return left

    def _next(self, record: Outgoing) -> None:
        """Whoever held the line up is out of it."""
        line = self.lines.get((record.topic, record.key))
        if line is None:
            return
        if not line and not line.on_its_way:
            del self.lines[record.topic, record.key]
        elif not line.failed:
            line.due_ns = 0
