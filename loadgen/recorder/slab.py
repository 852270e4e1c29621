"""A worker's slab: one block of shared memory that holds everything the worker counts.

The worker and its instrument write, the coordinator reads; only the control words t0, stop and breaker go the other
way. Counts only grow, so a second is one snapshot minus the one before. A worker that is killed leaves its slab behind:
nothing it had counted is lost. The layout is a table of 64-bit words, the same as in `native/slab.h` (a test compares them).

    header │ control histogram │ producer 0: header, ring, set warm-up, set measured │ producer 1 …
    set:     counters │ failed by code │ breakdown │ histograms lateness, service, response, request round trip
"""

import mmap
import os
import tempfile
from enum import IntEnum

from loadgen.recorder.histogram import CELLS

MAGIC = 0x31304E454744414F  # "OADGEN01" in little-endian memory, minus its L
LAYOUT_VERSION = 1
WORD = 8


class Header(IntEnum):
    """Words of the worker's header."""

    MAGIC = 0
    LAYOUT_VERSION = 1
    WORDS = 2
    PRODUCERS = 3
    PID = 4
    STATE = 5
    T0_NS = 6  # written by the coordinator: the instant the plan starts
    STOP = 7  # written by the coordinator: Stop
    BREAKER = 8  # written by the coordinator: 1 = open, nobody sends
    HEARTBEAT_NS = 9
    POLL_GAP_US_MAX = 10
    CPU_NS = 11  # the process' CPU time, as of the heartbeat
    CPU_NS_MEASURED_START = 12
    CPU_NS_MEASURED_END = 13
    RSS_KIB_MAX = 14
    CONTROL_SUM_US = 15
    CONTROL_MAX_US = 16
    CONTROL_OVERFLOW = 17
    CLIENT_STALL_US_MAX = 18  # longest time in which the sending loop did not come round
    CALLBACK_ERRORS = 19  # exceptions inside our own callbacks
    FATAL_CODE = 20  # librdkafka's fatal error + CODE_OFFSET, 0 = none
    CPU_NS_START = 21
    MEASURED_START_NS = 22
    MEASURED_END_NS = 23


class Slot(IntEnum):
    """Words of a producer's header."""

    INDEX = 0
    NEXT_SEQUENCE = 1  # sequences below it were attempted
    FIRST_MEASURED = 2  # sequences from here on belong to the measured phase; NOT_YET before it is known
    RING_HEAD = 3  # entries ever written to the ring
    RING_OVERFLOW = 4
    THROTTLE_MS_SUM = 5
    THROTTLE_MS_MAX = 6
    IN_FLIGHT_MAX = 7
    QUEUE_FULL_NS = 8  # monotonic: since when the queue is full without a break, 0 = it is not
    RING_TAIL = 9  # entries ever read from the ring


class Count(IntEnum):
    """Counters of a set. Records, unless the name has another unit."""

    ATTEMPTED = 0
    REJECTED = 1
    ACKED = 2
    FAILED = 3
    UNKNOWN = 4
    PAYLOAD_BYTES = 5  # acknowledged, before compression, key not included
    WIRE_BYTES = 6  # ProduceRequests as written, every try
    REQUESTS = 7  # answered ProduceRequests
    REQUEST_RECORDS = 8  # records acknowledged through them
    BACKPRESSURE_US = 9  # time in which the client's queue was full
    QUEUE_FULL = 10  # times it was found full
    FIRST_SENT_NS = 11
    LAST_ACK_NS = 12
    BATCH_BYTES = 13  # bytes of keys and payloads in answered requests, before compression
    NEGATIVE = 14  # differences below zero, counted here and recorded as zero
    UNTIMED = 15  # answered records whose sending the C instrument did not see: counted, not timed
    # four words a metric from here: sum, maximum, overflow, spare
    METRICS = 16


class Metric(IntEnum):
    """The histograms of a set, µs."""

    LATENESS = 0  # sent − intended
    SERVICE = 1  # acked − sent
    RESPONSE = 2  # acked − intended; in a consumer's slab: read − intended
    REQUEST_RTT = 3  # one ProduceRequest, written to answered


class Phase(IntEnum):
    """The two sets of a producer."""

    WARMUP = 0
    MEASURED = 1


class State(IntEnum):
    """What a worker says of itself."""

    NEW = 0
    READY = 1
    RUNNING = 2
    DRAINING = 3
    DONE = 4
    FAILED = 5


class Stop(IntEnum):
    """What the coordinator asks of a worker."""

    GO = 0
    DRAIN = 1  # no new sends; wait for what is outstanding, to the deadline
    NOW = 2  # do not wait: purge, account, leave


NOT_YET = (1 << 64) - 1
CODE_OFFSET = 256  # librdkafka's codes run from −199 to about +130
CODES = 512
COARSE_SHIFT = 5  # a breakdown row serves 32 cells: 3 % of a value
BREAKDOWN_ROWS = CELLS >> COARSE_SHIFT  # 736, by response (service flat out)
BREAKDOWN_COLUMNS = 4  # records, lateness µs, client queue µs, network and broker µs

HEADER_WORDS = 64
SLOT_WORDS = 64
RING_ENTRIES = 4096
RING_COLUMNS = 2  # sequence, code + CODE_OFFSET
COUNT_WORDS = 64
CODES_AT = COUNT_WORDS
BREAKDOWN_AT = CODES_AT + CODES
HISTOGRAMS_AT = BREAKDOWN_AT + BREAKDOWN_ROWS * BREAKDOWN_COLUMNS
SET_WORDS = HISTOGRAMS_AT + len(Metric) * CELLS
RING_AT = SLOT_WORDS
SETS_AT = RING_AT + RING_ENTRIES * RING_COLUMNS
PRODUCER_WORDS = SETS_AT + len(Phase) * SET_WORDS
CONTROL_AT = HEADER_WORDS
PRODUCERS_AT = CONTROL_AT + CELLS


class SlabMismatch(Exception):
    """The memory is not a slab of this layout: another version of the program wrote it."""


def producer_at(slot: int) -> int:
    """The first word of a producer's block."""
    return PRODUCERS_AT + slot * PRODUCER_WORDS


def set_at(slot: int, phase: Phase) -> int:
    """The first word of one of a producer's sets."""
    return producer_at(slot) + SETS_AT + phase * SET_WORDS


def histogram_at(slot: int, phase: Phase, metric: Metric) -> int:
    """The first word of a histogram of CELLS words."""
    return set_at(slot, phase) + HISTOGRAMS_AT + metric * CELLS


def metric_sum_at(slot: int, phase: Phase, metric: Metric) -> int:
    """The word of a metric's sum; its maximum and overflow count follow."""
    return set_at(slot, phase) + Count.METRICS + 4 * metric


def words_for(producers: int) -> int:
    """The size of a slab, in 64-bit words."""
    return PRODUCERS_AT + producers * PRODUCER_WORDS


class Slab:
    """One worker's slab, mapped into this process.

    Attributes:
        words: the memory as unsigned 64-bit words; a plain cell is one index away.
        descriptor: of the anonymous file, to hand to the worker.
    """

    def __init__(self, descriptor: int, producers: int) -> None:
        self.descriptor = descriptor
        self.producers = producers
        self.memory = mmap.mmap(descriptor, words_for(producers) * WORD)
        self.words = memoryview(self.memory).cast("Q")

    @classmethod
    def create(cls, producers: int) -> "Slab":
        """A new, zeroed slab with room for `producers`; Linux: no name in any file system."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("loadgen-slab", os.MFD_CLOEXEC)
        else:
            descriptor, path = tempfile.mkstemp(prefix="loadgen-slab-")
            os.unlink(path)  # noqa: PTH108
        os.ftruncate(descriptor, words_for(producers) * WORD)
        slab = cls(descriptor, producers)
        slab.words[Header.LAYOUT_VERSION] = LAYOUT_VERSION
        slab.words[Header.WORDS] = words_for(producers)
        slab.words[Header.PRODUCERS] = producers
        for slot in range(producers):
            slab.words[producer_at(slot) + Slot.FIRST_MEASURED] = NOT_YET
        slab.words[Header.MAGIC] = MAGIC
        return slab

    @classmethod
    def attach(cls, descriptor: int) -> "Slab":
        """The slab behind a descriptor that another process made.

        Raises:
            SlabMismatch: it is not a slab, or of another layout.
        """
        size = os.fstat(descriptor).st_size
        if size < HEADER_WORDS * WORD:
            raise SlabMismatch(f"{size} bytes are no slab")
        with mmap.mmap(descriptor, HEADER_WORDS * WORD) as memory, memoryview(memory).cast("Q") as head:
            magic, version, producers = head[Header.MAGIC], head[Header.LAYOUT_VERSION], head[Header.PRODUCERS]
        if magic != MAGIC or version != LAYOUT_VERSION or size != words_for(producers) * WORD:
            raise SlabMismatch(
                f"slab layout {version} of {size} bytes, this program has layout {LAYOUT_VERSION} "
                f"of {words_for(producers) * WORD}: worker and coordinator are of different versions"
            )
        return cls(descriptor, producers)

    def copy(self) -> bytes:
        """Every word at about this instant; single words are whole, the block is not one instant."""
        return self.memory[:]

    def close(self) -> None:
        """Unmap it here and close the descriptor; other processes keep their mapping."""
        self.words.release()
        self.memory.close()
        os.close(self.descriptor)
