"""Which sequences were acknowledged: two bits each, written while the run is hot, kept beside it as outcomes.bin.

Goal: `verify` knows not only how many records were acknowledged but which, for a quarter of a byte a record.
Non-goal: counting (the slab does) and judging (verify does).
Place: the coordinator makes one file in memory a worker and hands over its descriptor; the C instrument writes through
`Client.set_outcomes(region)`, the Python one through `marker`; after the run the coordinator merges all into one file.

In memory, a worker's file is one region a producer, of equal size; a region is sparse, so what is never sent costs
nothing. In a region, sequence s has the bits 2·(s mod 4) and above of byte s ÷ 4:

    0 unknown, or never answered     1 acked     2 failed     3 rejected

On disk:  8 bytes magic │ 4 bytes length of the head, little-endian │ head, JSON │ the regions, end to end.
"""

import hashlib
import mmap
import os
import tempfile
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from loadgen.errors import UsageError

MAGIC = b"LGOUTC1\n"
NAME = "outcomes.bin"
MAX_HEAD_BYTES = 16 << 20
ENDLESS_SEQUENCES = 1 << 32  # of a producer whose end the plan does not know: 1 GiB of addresses, no memory
PAGE_BYTES = 4096


class Outcome(IntEnum):
    """What became of a sequence; as `native/client.h` has it."""

    UNKNOWN = 0
    ACKED = 1
    FAILED = 2
    REJECTED = 3


OnOutcome = Callable[[int, int], None]
"""(sequence, outcome)."""


class OutcomesMismatch(UsageError):
    """The file is not the outcomes of that run, or not whole."""


class OutcomeRegions:
    """The outcomes of one worker's producers, in memory that its processes share.

    Attributes:
        descriptor: of the anonymous file, to hand to the worker.
        capacity: sequences that each region holds; later ones are left out, and the kept file says so.
    """

    def __init__(self, descriptor: int, producers: int) -> None:
        self.descriptor, self.producers = descriptor, producers
        self._region_bytes = os.fstat(descriptor).st_size // producers
        self.capacity = self._region_bytes * 4
        self._memory = mmap.mmap(descriptor, self._region_bytes * producers)
        self._view = memoryview(self._memory)
        self._handed: list[memoryview] = []

    @classmethod
    def create(cls, producers: int, sequences: int | None) -> "OutcomeRegions":
        """Zeroed regions with room for that many sequences a producer (None: the plan has no end)."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("loadgen-outcomes", os.MFD_CLOEXEC)
        else:
            descriptor, path = tempfile.mkstemp(prefix="loadgen-outcomes-")
            os.unlink(path)  # noqa: PTH108
        wanted = ENDLESS_SEQUENCES if sequences is None else min(max(sequences, 1), ENDLESS_SEQUENCES)
        region = -(-wanted // (4 * PAGE_BYTES)) * PAGE_BYTES
        os.ftruncate(descriptor, region * producers)
        return cls(descriptor, producers)

    def region(self, slot: int) -> memoryview:
        """One producer's bytes, writable: what `Client.set_outcomes` takes."""
        region = self._view[slot * self._region_bytes : (slot + 1) * self._region_bytes]
        self._handed.append(region)
        return region

    def marker(self, slot: int) -> OnOutcome:
        """A function that notes an outcome once, for the Python instrument. 130 ns."""
        cells, capacity = self.region(slot), self.capacity

        def mark(sequence: int, outcome: int) -> None:
            if sequence < capacity:
                cells[sequence >> 2] |= outcome << ((sequence & 3) << 1)

        return mark

    def close(self) -> None:
        """Unmap here and close the descriptor, after a native client that writes into it is closed.

        Regions that were taken end with it: a marker of one then raises ValueError.
        """
        for region in self._handed:
            region.release()
        self._view.release()
        self._memory.close()
        os.close(self.descriptor)


class ProducerOutcomes(msgspec.Struct, frozen=True):
    """What the head says of one producer: sequences attempted, and how many of them have bits."""

    attempted: int
    kept: int


class _Head(msgspec.Struct, frozen=True):
    run_id: str
    run_token: str
    producers: list[ProducerOutcomes]
    sha256: str


class Outcomes:
    """The outcomes of a whole run.

    Attributes:
        producers: by index.
        cells: the packed bits of each producer, two a sequence.
    """

    def __init__(self, producers: Sequence[ProducerOutcomes], cells: Sequence[bytes | memoryview]) -> None:
        self.producers, self.cells = list(producers), list(cells)

    def of(self, producer: int, sequence: int) -> Outcome:
        """What became of one record; UNKNOWN beyond what was kept."""
        if sequence >= self.producers[producer].kept:
            return Outcome.UNKNOWN
        return Outcome(self.cells[producer][sequence >> 2] >> ((sequence & 3) << 1) & 3)

    @classmethod
    def all_acked(cls, attempted: Sequence[int]) -> "Outcomes":
        """Of a run whose ledger says that everything was acknowledged: no file is needed then."""
        producers = [ProducerOutcomes(count, count) for count in attempted]
        return cls(producers, [b"\x55" * (-(-count // 4)) for count in attempted])


def write_outcomes(
    path: Path, run_id: str, run_token: str, regions: Sequence[memoryview], attempted: Sequence[int]
) -> None:
    """Merge the regions of all producers, in the order of their index, into one file, synced.

    Args:
        attempted: of each producer, `plan.attempted` of the result.
    """
    producers = [
        ProducerOutcomes(count, min(count, 4 * len(region))) for region, count in zip(regions, attempted, strict=True)
    ]
    bodies = [region[: -(-one.kept // 4)] for region, one in zip(regions, producers, strict=True)]
    digest = hashlib.sha256()
    for body in bodies:
        digest.update(body)
    head = msgspec.json.encode(_Head(run_id, run_token, producers, digest.hexdigest()))
    with path.open("wb") as file:
        file.write(MAGIC + len(head).to_bytes(4, "little") + head)
        for body in bodies:
            file.write(body)
        file.flush()
        os.fsync(file.fileno())


def read_outcomes(path: Path, run_id: str) -> Outcomes:
    """The outcomes of a run.

    Args:
        path: an outcomes.bin.
        run_id: of the run that it must belong to.

    Raises:
        OutcomesMismatch: unreadable, not such a file, cut short, changed, or of another run.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OutcomesMismatch(f"{path}: cannot be read ({error.strerror})") from None
    start = len(MAGIC) + 4
    length = int.from_bytes(content[len(MAGIC) : start], "little")
    if content[: len(MAGIC)] != MAGIC or length > MAX_HEAD_BYTES:
        raise OutcomesMismatch(f"{path}: not an outcomes file; name the folder of a run that wrote one")
    try:
        head = msgspec.json.decode(content[start : start + length], type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise OutcomesMismatch(f"{path}: its head is cut short or changed; the run may be half-written") from None
    if head.run_id != run_id:
        raise OutcomesMismatch(f"{path}: outcomes of run {head.run_id}, but the result beside it is of run {run_id}")
    body = memoryview(content)[start + length :]
    sizes = [-(-one.kept // 4) for one in head.producers]
    if any(one.kept < 0 or one.attempted < one.kept for one in head.producers) or len(body) != sum(sizes):
        raise OutcomesMismatch(
            f"{path}: {len(body)} bytes of outcomes where {sum(sizes)} are announced; it is not whole"
        )
    if hashlib.sha256(body).hexdigest() != head.sha256:
        raise OutcomesMismatch(f"{path}: its bytes are not those that were written; the file was changed")
    cells: list[memoryview] = []
    for size in sizes:
        cells.append(body[:size])
        body = body[size:]
    return Outcomes(head.producers, cells)
