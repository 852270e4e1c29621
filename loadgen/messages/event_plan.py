"""What decides the bytes of one producer's events: one struct, as result.json keeps it.

Goal: whoever has the plan can make every event of the run again.
Non-goal: when events are due, and where they go.
Place: written by `runner`, read by `messages.source` in workers and in `verify`.
"""

from typing import Literal, get_args

import msgspec

from loadgen.errors import UsageError
from loadgen.events.identity import order_id_prefix
from loadgen.events.payload_file import PayloadFormat
from loadgen.messages.serializer import SerializerName

EventKind = Literal["stamped", "fresh", "pool", "raw", "payload_file"]

POOL_SIZE = 2048
"""Events in a pool: 1 MB of orders, more than a compressor's window, filled in 30 ms."""

RAW_POOL_BYTES = 64 << 20
"""What a pool of raw records may take; large records make the pool smaller, never the worker larger."""


class EventPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the bytes of one producer's events, as result.json keeps it.

    Args:
        kind: how an event is made; contract: `--events`, `--record-size`, `--payload-file`.
        seed: of contents and keys.
        run_token: 8 lowercase hex digits, the part of every order id that names the run.
        producer: of this source, from 0.
        producers: in the whole run.
        start_epoch_us: the run's start in microseconds since 1970, the base of every `created_at`.
        serializer: msgspec, orjson or pydantic; for `fresh`, and to fill a pool.
        line_items: least and most per order.
        record_size: in bytes, for `raw`.
        entropy: share of incompressible bytes, for `raw`; None: 0.5.
        payload_file: its path, for `payload_file`.
        payload_format: lines, len32 or base64.
        keys: as `--keys`.
        pool_size: events made before the run.
        function: `MODULE:FUNCTION` with kind `fresh` (called for each event) or `pool` (called `pool_size` times).
    """

    kind: EventKind
    seed: int
    run_token: str
    producer: int
    producers: int
    start_epoch_us: int
    serializer: SerializerName = "msgspec"
    line_items: tuple[int, int] = (1, 5)
    record_size: int | None = None
    entropy: float | None = None
    payload_file: str | None = None
    payload_format: PayloadFormat = "lines"
    keys: str = "order"
    pool_size: int = POOL_SIZE
    function: str | None = None

    def check(self) -> None:
        """Whether it can be carried out, without making anything.

        Raises:
            UsageError: a line for each problem found.
        """
        problems = []
        if self.kind not in get_args(EventKind):
            problems.append(f"--events {self.kind}: stamped, fresh or pool is possible")
        if not 0 <= self.producer < self.producers:
            problems.append(f"producer {self.producer} of {self.producers}: 0 … producers − 1 is possible")
        try:
            order_id_prefix(self.run_token, self.producer)
        except ValueError as error:
            problems.append(str(error))
        if self.pool_size < 1:
            problems.append(f"pool_size {self.pool_size}: at least 1 event is needed")
        if self.kind == "raw" and (self.record_size is None or self.record_size < 0):
            problems.append(f"--record-size {self.record_size}: a number of bytes from 0 is needed")
        if self.entropy is not None and not 0.0 <= self.entropy <= 1.0:
            problems.append(f"--entropy {self.entropy}: 0 … 1 is possible")
        if self.kind == "payload_file" and not self.payload_file:
            problems.append("--payload-file: a path is needed")
        if self.function is not None and self.kind not in ("fresh", "pool"):
            problems.append(f"--events {self.kind}:{self.function}: only pool: and fresh: take a function")
        if problems:
            raise UsageError(*problems)
