"""How long a record took from its planned instant to a consumer's hands, counted into a slab, a batch at a time.

Both instants are CLOCK_MONOTONIC of one host, so their difference is true there and nowhere else. A difference below
zero (a record read before it was due: a broken plan or another host's clock) is counted as NEGATIVE and recorded as 0.
In a reader's slab ACKED are the records read, PAYLOAD_BYTES their values' bytes, RESPONSE the histogram.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from loadgen.arrivals.plan import Linear, Piece, Schedule, Uniform, schedule
from loadgen.consumer.identity import IdentityColumns, Integers
from loadgen.consumer.plan import ConsumePlan
from loadgen.recorder.histogram import CELLS, HALF_BITS, MAX_VALUE_US, SUB_BUCKET_BITS
from loadgen.recorder.slab import Count, Metric, Phase, Slab, histogram_at, metric_sum_at, set_at

Words = npt.NDArray[np.uint64]


def cells_of(values_us: Integers) -> Integers:
    """`recorder.histogram.cell_of` for many values of 0 … MAX_VALUE_US."""
    # frexp's exponent of a whole number is its bit length, exactly, below 2⁵³
    shift = np.maximum(np.frexp(values_us.astype(np.float64))[1].astype(np.int64) - SUB_BUCKET_BITS, 0)
    cells: Integers = (shift << HALF_BITS) + (values_us >> shift)
    return cells


class PlannedInstants:
    """When events were due, for many sequences at once; exact to 1 µs, which is what a histogram counts in.

    Args:
        pieces, arrival, producers, seed: of the run's plan.
    """

    def __init__(self, pieces: Sequence[Piece], arrival: str, producers: int, seed: int) -> None:
        self.schedules: list[Schedule] = [
            schedule(arrival, pieces, producers, index, seed) for index in range(producers)
        ]

    def offsets_ns(self, producer: int, sequences: Integers) -> Integers:
        """Offsets from the run's start. 30 ns each at a constant rate, 0.4–1.1 µs in ramps and Poisson arrivals."""
        due = self.schedules[producer]
        lowest = int(sequences.min())
        piece, after = due.piece_of(lowest) if isinstance(due, Uniform) else (None, None)
        if isinstance(piece, Linear) and (after is None or int(sequences.max()) < after):
            step_ns = piece.step / piece.denominator
            offsets: Integers = (
                piece.numerator / piece.denominator + (sequences - piece.first).astype(np.float64) * step_ns
            ).astype(np.int64)
            return offsets
        order = np.argsort(sequences, kind="stable")  # Poisson times are found again in blocks
        offsets = np.empty(len(sequences), np.int64)
        offsets[order] = [due.intended_ns(sequence) for sequence in sequences[order].tolist()]
        return offsets


class EndToEnd:
    """Counts what a reader reads into its slab.

    Args:
        plan: of the reader.
        slab: its slab, of one producer.
    """

    def __init__(self, plan: ConsumePlan, slab: Slab) -> None:
        self.words: Words = np.frombuffer(slab.memory, dtype=np.uint64)
        self.columns = (
            None if plan.id_place == "none" else IdentityColumns(plan.run_token, in_key=plan.id_place == "key")
        )
        timed = plan.pieces and self.columns is not None
        self.instants = PlannedInstants(plan.pieces, plan.arrival, plan.producers, plan.seed) if timed else None
        self.producers, self.warmup_ns = plan.producers, plan.warmup_ns

    def count(self, keys: Sequence[bytes | None], values: Sequence[bytes | None], t0_ns: int, now_ns: int) -> None:
        """Count records that were in hand at `now_ns`; those of other runs are passed over."""
        sizes = np.fromiter((len(value) if value is not None else 0 for value in values), np.int64, len(values))
        if self.columns is None:
            self._add(Phase.MEASURED, len(values), int(sizes.sum()))
            return
        ours, producers, sequences = self.columns.parse(keys if self.columns.in_key else values)
        ours &= producers < self.producers
        if self.instants is None:
            self._add(Phase.MEASURED, int(ours.sum()), int(sizes[ours].sum()))
            return
        for producer in np.unique(producers[ours]).tolist():
            own = ours & (producers == producer)
            offsets_ns = self.instants.offsets_ns(producer, sequences[own])
            latency_us = (now_ns - t0_ns - offsets_ns) // 1000
            measured = offsets_ns >= self.warmup_ns
            for phase, part in ((Phase.WARMUP, ~measured), (Phase.MEASURED, measured)):
                if part.any():
                    self._add(phase, int(part.sum()), int(sizes[own][part].sum()))
                    self._record(phase, latency_us[part])

    def _add(self, phase: Phase, records: int, payload_bytes: int) -> None:
        base = set_at(0, phase)
        self.words[base + Count.ACKED] += np.uint64(records)
        self.words[base + Count.PAYLOAD_BYTES] += np.uint64(payload_bytes)

    def _record(self, phase: Phase, latency_us: Integers) -> None:
        """Into the histogram, the sum, the maximum and the counts of what is below zero or beyond the cells."""
        words, sum_at = self.words, metric_sum_at(0, phase, Metric.RESPONSE)
        negative = latency_us < 0
        words[set_at(0, phase) + Count.NEGATIVE] += np.uint64(negative.sum())
        latency_us = np.where(negative, 0, latency_us)
        words[sum_at] += np.uint64(latency_us.sum())
        words[sum_at + 1] = max(words[sum_at + 1], np.uint64(latency_us.max()))
        within = latency_us[latency_us <= MAX_VALUE_US]
        words[sum_at + 2] += np.uint64(len(latency_us) - len(within))
        at = histogram_at(0, phase, Metric.RESPONSE)
        cells, counts = np.unique(cells_of(within), return_counts=True)
        words[at : at + CELLS][cells] += counts.astype(np.uint64)
