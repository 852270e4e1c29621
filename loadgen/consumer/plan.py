"""What a reading process is told: one frozen struct, sent once as MessagePack on its standard input."""

import struct
from typing import Any, Literal

import msgspec

from loadgen.arrivals.plan import Piece
from loadgen.consumer.identity import IdPlace


class ConsumePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One reader of a topic.

    Attributes:
        bootstrap, topic: where from.
        properties: librdkafka's, secrets in the clear (the pipe is private); a producer's will do.
        way: "beside" joins `group` and reads until it is told to stop; "drain" is assigned all of `ranges` and reads
            them to their ends.
        ranges: by partition: (first offset, one after the last). Beside a run only the first counts: what stands
            before it is not read.
        run_token, id_place: which records are the run's, and where they say so; "none": all are counted, none timed.
        pieces, arrival, producers, seed: the run's plan; empty pieces (flat out): counted, not timed.
        warmup_ns: events planned before it are the warm-up's.
        slab: descriptor of the reader's slab, inherited.
    """

    bootstrap: str
    topic: str
    properties: dict[str, str]
    way: Literal["beside", "drain"]
    group: str = ""
    ranges: dict[int, tuple[int, int]]
    run_token: str = "00000000"
    id_place: IdPlace = "none"
    pieces: list[Piece] = []
    arrival: str = "uniform"
    producers: int = 1
    seed: int = 0
    warmup_ns: int = 0
    slab: int = -1


def framed(plan: ConsumePlan) -> bytes:
    """Eight bytes of length, then MessagePack."""
    body = msgspec.msgpack.encode(plan)
    return struct.pack("<Q", len(body)) + body


def read_framed(stream: Any) -> ConsumePlan:
    """The plan that `framed` wrote."""
    (length,) = struct.unpack("<Q", stream.read(8))
    return msgspec.msgpack.decode(stream.read(length), type=ConsumePlan)
