"""What an event weighs: memory while it is encoded, bytes on the wire as they are and compressed.

Goal: the other half of a serializer's cost. Never where anything is timed (that happens in processes of its own):
tracemalloc slows each allocation.
Non-goal: what libraries allocate behind Python's back; Rust's own allocations (pydantic-core) are not seen.
"""

import tracemalloc
from importlib.util import find_spec
from statistics import median
from typing import Any

from bench.libraries import LIBRARIES
from bench.samples import OwnEvents, Shape, sample_values

BATCH_EVENTS = 100
"""Kafka compresses batches, not records: sizes are of 100 different events together, told per event."""

CODECS = ("lz4", "snappy", "zstd")


def peak_bytes(library: str, shape: Shape | OwnEvents) -> int:
    """The median, over sixteen events, of the peak of Python's memory during one encode, the result included."""
    codec = LIBRARIES[library].codec()
    events = [codec.build(values) for values in sample_values(shape)]
    for event in events:  # caches of the library are filled before anything is counted
        codec.encode(event)
    peaks = []
    tracemalloc.start()
    try:
        for event in events:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            payload = codec.encode(event)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
            del payload
    finally:
        tracemalloc.stop()
    return round(median(peaks))


def compressed_bytes(library: str, shape: Shape | OwnEvents) -> dict[str, float | None]:
    """Bytes of an event in a batch of 100: `none`, `lz4`, `snappy`, `zstd` (level 3); None without cramjam."""
    codec = LIBRARIES[library].codec()
    payloads = [codec.encode(codec.build(values)) for values in sample_values(shape, BATCH_EVENTS)]
    batch, events = b"".join(payloads), len(payloads)
    sizes: dict[str, float | None] = {"none": len(batch) / events, **dict.fromkeys(CODECS)}
    if find_spec("cramjam"):
        import cramjam

        compress: dict[str, Any] = {
            "lz4": cramjam.lz4.compress,  # the frame format, as Kafka has it
            "snappy": cramjam.snappy.compress_raw,
            "zstd": lambda data: cramjam.zstd.compress(data, 3),
        }
        sizes |= {name: len(compress[name](batch)) / events for name in CODECS}
    return sizes
