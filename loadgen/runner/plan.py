"""What a worker is told: one frozen struct, sent once as MessagePack on its standard input.

Everything here is decided before the run; nothing is passed between processes while it is hot but words of the slab.
"""

import math
from itertools import pairwise
from typing import Literal

import msgspec

from loadgen.arrivals.plan import NS_PER_S, Piece, Poisson, Uniform, schedule
from loadgen.messages.source import EventPlan

# Records handed over at once. Python: below 1 ms of building, since a batch has one send time. C: each record has its
# own, and the stop word is looked at within a batch; the loop comes round every few ms.
BATCH_LIMITS = {"python": 500, "native": 4096}
LEAST_BATCH = 256  # of one of many producers: below, deciding would cost more than sending


def batch_limit(sender: str, producers: int) -> int:
    """Records of one producer handed over at once; shared among a worker's, so that its loop comes round as often."""
    return max(BATCH_LIMITS[sender] // producers, LEAST_BATCH)


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A run, as every worker of it is told.

    Attributes:
        bootstrap, topic, partitions: where to.
        properties: librdkafka's, secrets in the clear (the pipe is private; never on a command line).
        loop: "closed" flat out, "open" by the plan of `pieces`.
        pieces: total rate over time, warm-up first; empty flat out.
        warmup_s, duration_s, count: both lengths: the first reached ends the measured phase; neither counts the warm-up.
        events: what to send; `producer` is replaced by each producer's own index.
        most_records: of all producers in all phases, what --max-bytes allows.
        sender: "native" sends from C, "python" through confluent_kafka.
    """

    bootstrap: str
    topic: str
    partitions: int
    properties: dict[str, str]
    loop: Literal["closed", "open"]
    pieces: list[Piece]
    arrival: str
    warmup_s: float
    duration_s: float | None
    count: int | None
    workers: int
    producers: int
    events: EventPlan
    headers: list[tuple[str, str]]
    drain_s: float
    instrument: Literal["c", "python"]
    sender: Literal["native", "python"]
    outcomes: bool = False
    most_records: int | None = None

    def __repr__(self) -> str:
        return f"RunPlan({self.loop}, {self.workers} workers, {self.topic})"  # properties hold secrets

    @property
    def warmup_ns(self) -> int:
        return round(self.warmup_s * NS_PER_S)

    @property
    def end_ns(self) -> int | None:
        """The plan's end, from the start; None when only a count ends it."""
        return None if self.duration_s is None else round((self.warmup_s + self.duration_s) * NS_PER_S)

    def schedule_of(self, producer: int) -> Uniform | Poisson | None:
        """When a producer's events are due; None flat out."""
        if self.loop == "closed":
            return None
        return schedule(self.arrival, self.pieces, self.producers, producer, self.events.seed)

    def count_of(self, producer: int) -> int | None:
        """A producer's share of the measured records, when a count was asked."""
        return None if self.count is None else self._share(self.count, producer)

    def most_of(self, producer: int) -> int | None:
        """How many records a producer may send at most, in all phases."""
        return None if self.most_records is None else self._share(self.most_records, producer)

    def _share(self, records: int, producer: int) -> int:
        return records // self.producers + (producer < records % self.producers)

    def limits_of(self, producer: int) -> tuple[int | None, int | None]:
        """(first measured sequence, first sequence after the end) by the plan; None where the run decides it."""
        plan = self.schedule_of(producer)
        if plan is None:
            return None, None
        first = plan.due(self.warmup_ns - 1) if self.warmup_ns else 0
        share = self.count_of(producer)
        ends = [end for end in (plan.limit, None if share is None else first + share) if end is not None]
        return first, min(ends) if ends else None

    def offset_us_of(self, plan: Uniform | Poisson | None, sequence: int) -> int:
        """The instant an event carries: planned in open loop, one microsecond a sequence flat out."""
        return sequence if plan is None else plan.intended_ns(sequence) // 1000


class WorkerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's share.

    Attributes:
        worker: its index from 0.
        first_producer, producer_count: the producers it owns, by their index in the run.
        slab: descriptor of its slab, inherited.
        outcomes: descriptor of the outcomes file (two bits a sequence), or None.
    """

    run: RunPlan
    worker: int
    first_producer: int
    producer_count: int
    slab: int
    outcomes: int | None = None


def pieces_of(
    *,
    per_s: float | None,
    ramp: tuple[float, float] | None,
    steps: tuple[float, ...],
    warmup_s: float,
    duration_s: float | None,
) -> list[Piece]:
    """The total rate over time: the warm-up at the first rate, then what was asked.

    Args:
        per_s: a constant rate; or `ramp` (from, to) over the duration; or `steps` that share it equally.
    """
    if ramp is not None:
        body = [Piece(ramp[0], ramp[1], duration_s)]
    elif steps:
        assert duration_s is not None
        body = [Piece(rate, rate, duration_s / len(steps)) for rate in steps]
    elif per_s is not None:
        body = [Piece(per_s, per_s, duration_s)]
    else:
        return []
    first = body[0].from_per_s
    return [Piece(first, first, warmup_s), *body] if warmup_s else body


def share_producers(producers: int, workers: int) -> list[tuple[int, int]]:
    """(first producer, how many) of each worker: contiguous, as even as can be."""
    firsts = [math.ceil(worker * producers / workers) for worker in range(workers + 1)]
    return [(first, after - first) for first, after in pairwise(firsts)]
