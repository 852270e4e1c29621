"""Evenly spaced arrivals: event g of the run falls due where N(t) = g; a producer sends every P-th of them.

A constant piece is one floor division of integers, exact however long the run and the same in C.
"""

import math
from bisect import bisect_right
from fractions import Fraction

import msgspec

from loadgen.arrivals.curve import NS_PER_S, RateCurve, Stretch


class Linear(msgspec.Struct, frozen=True):
    """Offsets of a run of sequences: (numerator + step · (sequence − first)) ÷ denominator, floored, in ns."""

    first: int
    numerator: int
    step: int
    denominator: int


class Uniform:
    """Evenly spaced arrivals of one producer.

    Args:
        curve: the total rate.
        producers, index: how many share it, and which this is.
    """

    def __init__(self, curve: RateCurve, producers: int = 1, index: int = 0) -> None:
        self.curve, self.producers, self.index = curve, producers, index
        self._pieces: list[Linear | None] = []
        self._firsts: list[int] = []
        for stretch in curve.stretches:
            first = max(math.ceil((stretch.start_events - index) / producers), 0)
            self._firsts.append(first)
            self._pieces.append(self._linear(stretch, first) if stretch.constant else None)

    def _linear(self, stretch: Stretch, first: int) -> Linear:
        # offset = start + (g − N_start) / rate, exactly: one floor division of integers, the same in C
        event = first * self.producers + self.index
        offset = (stretch.start_s + (event - stretch.start_events) / stretch.from_per_s) * NS_PER_S
        step = Fraction(self.producers) / stretch.from_per_s * NS_PER_S
        denominator = math.lcm(offset.denominator, step.denominator)
        return Linear(first, int(offset * denominator), int(step * denominator), denominator)

    def piece_of(self, sequence: int) -> tuple[Linear | None, int | None]:
        """The constant piece that a sequence lies in (None: a ramp) and the first sequence after it, if any."""
        position = max(bisect_right(self._firsts, sequence) - 1, 0)
        after = self._firsts[position + 1] if position + 1 < len(self._firsts) else None
        return self._pieces[position], after

    def linear_pieces(self) -> list[Linear] | None:
        """The pieces that hold events, the first from sequence 0; None when one of them is a ramp."""
        held: list[Linear] = []
        for piece, first in zip(self._pieces, self._firsts, strict=True):
            if piece is None:
                return None
            if held and held[-1].first == first:
                held.pop()  # a piece too short for an event of this producer
            held.append(piece)
        return held

    def intended_ns(self, sequence: int) -> int:
        """Offset of an event, ns. 350 ns in a constant piece."""
        piece, _ = self.piece_of(sequence)
        if piece is not None:
            return (piece.numerator + (sequence - piece.first) * piece.step) // piece.denominator
        return self.curve.offset_ns(float(sequence * self.producers + self.index))

    def offsets_ns(self, first: int, count: int) -> list[int]:
        """`intended_ns` of a run of sequences."""
        return [self.intended_ns(sequence) for sequence in range(first, first + count)]

    def due(self, offset_ns: int) -> int:
        """How many events are due by an offset."""
        if offset_ns < 0:
            return 0
        count = max(int((self.curve.events_at(offset_ns) - self.index) / self.producers) + 1, 0)
        # the estimate is a float: step to the exact answer, at most a few times
        while count and self.intended_ns(count - 1) > offset_ns:
            count -= 1
        limit = self.limit
        while (limit is None or count < limit) and self.intended_ns(count) <= offset_ns:
            count += 1
        return count if limit is None else min(count, limit)

    @property
    def limit(self) -> int | None:
        """How many events the plan has for this producer; None without an end."""
        total = self.curve.total_events
        return None if total is None else max(math.ceil((total - self.index) / self.producers), 0)
