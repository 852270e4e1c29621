"""The compiled part: instrument and sender. `loadgen.native.load()` is the way to it.

Buffers are anything with the buffer protocol (array, memoryview, mmap, numpy); what is handed over is kept alive and
must not change while the client lives.
"""

from collections.abc import Sequence
from typing import Literal, final

from typing_extensions import Buffer

LAYOUT: dict[str, int]
"""Every number of slab.h by its name in slab.py, e.g. "Count.ACKED"."""

PLUGIN_PATH: str
"""This object's file, for librdkafka's plugin.library.paths."""

class FatalError(Exception):
    """librdkafka gave up the client for good: (code, text). The slab's FATAL_CODE says it too."""

def attach(path: str, /) -> str:
    """Use the librdkafka that is loaded from that file, from the first success on; its version. ImportError: why not."""

def cell_of(value_us: int, /) -> int:
    """`recorder.histogram.cell_of`, in C."""

@final
class Client:
    """What one producer counts and sends. Made before its `confluent_kafka.Producer`, let go of after it.

    From construction to the Producer's, it waits: one at a time, in one thread. Every call but `close` raises
    RuntimeError when the client is closed, in a forked child, or while `send` runs in another thread; `send` and
    `expect` also before the Producer is made and after it is gone. `set_topic`, `set_schedule`,
    `set_records`, `set_keys` and `set_outcomes` come before the first record: those under way refer to what was set.

    Args:
        words: the slab's memory, writable.
        slot: which producer of the slab.
        mode: "native": all records come from `send`. "python": all come from produce() and produce_batch(), announced
            by `expect`. Never both on one producer: a native one has delivery.report.only.error, and what Python would
            send through it goes uncounted but for the slab's UNTIMED.
        timed: False with acks=0: outcomes are counted, latencies are not.

    What is written into the slab, per acknowledged record and by the phase of its sequence: ACKED or FAILED or UNKNOWN
    (by librdkafka's message status) with the code, PAYLOAD_BYTES, BATCH_BYTES, LAST_ACK_NS, the histograms service,
    and, when it had an intended time, response and lateness; the breakdown; per answered request REQUESTS, WIRE_BYTES,
    REQUEST_RECORDS and its round trip. FIRST_SENT_NS by the first `send` or `expect` of a phase.
    Not written: ATTEMPTED, REJECTED, NEXT_SEQUENCE, QUEUE_FULL, BACKPRESSURE_US: the sending loop's, in both modes.

    Raises:
        ValueError: the buffer is no slab of this layout, or has no such slot.
        RuntimeError: another Client still waits for its Producer, or librdkafka is not attached.
    """

    def __new__(cls, words: Buffer, slot: int, mode: Literal["native", "python"], *, timed: bool = True) -> Client: ...
    @property
    def plugin_path(self) -> str:
        """To be given to the Producer as "plugin.library.paths"."""
    @property
    def state(self) -> Literal["pending", "configured", "live", "dead", "closed"]: ...
    @property
    def answered(self) -> int:
        """Records acked, failed or unknown so far, both phases: accepted − answered is outstanding."""
    @property
    def claimed(self) -> int:
        """Native: stamped records that librdkafka reads where they stand, unanswered yet; for tests."""
    def close(self) -> None:
        """Let go of all buffers; after the Producer is closed or deleted. Any later call raises."""

    def set_topic(self, topic: str, partition: int = -1) -> None:
        """Native: where to; −1 lets the client's partitioner choose."""
    def set_schedule(self, pieces: Sequence[tuple[int, int, int, int]]) -> None:
        """Open loop: `arrivals.plan.Linear` pieces (first, numerator, step, denominator), ascending, the first from 0.

        Offsets count from the slab's T0_NS, which must not change while records are under way. Without pieces, the
        default: flat out, no intended times.
        A ramp or Poisson arrivals go with `offsets_ns` instead, and so does a piece whose denominator needs more than
        63 bits: OverflowError, as rates of many digits in a row make them.
        """
    def set_records(
        self,
        blob: Buffer,
        offsets: Buffer,
        lengths: Buffer,
        run_token: str,
        producer: int,
        producers: int,
        *,
        stamped: bool = False,
        id_offset: int = -1,
        time_offset: int = -1,
        start_epoch_us: int = 0,
    ) -> None:
        """Native: the pool. Event g = sequence · producers + producer sends record g mod pool size.

        Args:
            blob, offsets (64-bit), lengths (32-bit): as `messages.pool.Pool` has them.
            stamped: patch order id and created_at into each; the blob is copied, start_epoch_us is their base.
            id_offset: where the 26 bytes of id are; given but not stamped: the id as pooled is the key `order`.
                −1: the records have none, and the key `order` is made from the sequence.
            time_offset: where the 32 bytes of time are.
        """
    def set_keys(
        self,
        form: Literal["none", "order", "uniform", "zipf", "hot", "table"],
        *,
        start: int = 0,
        keys: int = 0,
        stay: Buffer | None = None,
        other: Buffer | None = None,
        threshold: int = 0,
        blob: Buffer | None = None,
        offsets: Buffer | None = None,
        lengths: Buffer | None = None,
    ) -> None:
        """Native, after `set_records` (which sets "none"): the keys, as `events.keys` makes them.

        Args:
            start: SplitMix64's state before number 0: stream_seed(seed, 4) + GAMMA, any size of integer.
            keys: how many, for uniform and zipf.
            stay, other: zipf's alias table, doubles and 32-bit indices.
            threshold: hot: round(share · 2^64).
            blob, offsets (64-bit), lengths (32-bit signed, −1: no key): table: the key of each pooled record.
        """
    def set_outcomes(self, buffer: Buffer) -> None:
        """Two bits a sequence from 0 on, zeroed and writable, low bits first: byte s // 4, shift 2 · (s % 4).

        0 unknown or never answered, 1 acked, 2 failed, 3 rejected. Sequences beyond the buffer are left out.
        """

    def send(self, first_sequence: int, count: int, offsets_ns: Buffer | None = None, /) -> tuple[int, int]:
        """Native: hand over that many events in order; (accepted, rejected) from the front of the batch.

        Fewer than `count` together: the queue is full, the stop word is set, or the next call will raise FatalError.
        Rejected ones (too large, unknown topic or partition) are in `failures()` too. The GIL is released.

        Args:
            offsets_ns: 64-bit signed, due times after T0, one an event; None: the schedule's, or flat out.

        Raises:
            FatalError: librdkafka gave up; nothing of this batch was accepted.
        """
    def send_due(
        self, first_sequence: int, count: int, until_ns: int, shortest_wait_ns: int, offsets_ns: Buffer | None = None, /
    ) -> tuple[int, int, bool]:
        """Native, open loop: send those events as they fall due, sleeping in between; (accepted, rejected, full).

        One call does what a hundred rounds of a Python loop would. It ends when all are sent, at `until_ns`, at a full
        queue (then `full`), and at the stop or breaker word, which it reads whenever it wakes. It keeps the sending side
        of the ledger as it goes: NEXT_SEQUENCE before each hand-over, ATTEMPTED and REJECTED after, and
        CLIENT_STALL_US_MAX, how much later than it meant to it came round.

        Args:
            count: the most events; all of one phase.
            until_ns: offset from T0_NS; in the past: send what is due and return, without sleeping.
            shortest_wait_ns: what falls due within it goes together; bounds the lateness that batching costs.
            offsets_ns: as for `send`.

        Raises:
            RuntimeError: neither a schedule nor offsets_ns.
            FatalError: as for `send`.
        """
    def expect(self, first_sequence: int, count: int, offsets_ns: Buffer | None = None, /) -> None:
        """Python: the next `count` records that this thread hands over are these, in order; just before it does.

        What the client refuses without looking further takes no place: for a full queue that is the rest of the batch;
        a record too large in the middle of a produce_batch would shift those behind it, so hand such a one over alone.
        """
    def settle(self) -> None:
        """Python: after the produce call, before any poll or purge: what is refused from now on is not its doing."""
    def failures(self) -> list[tuple[int, int]]:
        """Native: (sequence, code) of what was not acknowledged or rejected since the last call, oldest first.

        At most 4096 wait; more are counted in RING_OVERFLOW.
        """
    def mark_rejected(self, sequence: int, /) -> None:
        """Python: say in `outcomes` that produce() refused a record."""

    def record(self, sequence: int, offset_us: int, /) -> tuple[bytes | None, bytes]:
        """Native: (key, value) as `send` would send it; `EventSource.record`, in C."""
    def intended_ns(self, sequence: int, /) -> int:
        """The schedule's offset of an event, as `send` computes it."""
    def count_value(self, phase: int, metric: int, value_us: int, /) -> None:
        """Count one latency as the instrument does; for tests."""
