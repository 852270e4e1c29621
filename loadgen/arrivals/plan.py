"""When each event is due: a function of its sequence, computed, never remembered.

The plan is a total rate over time, in linear pieces (`Piece`): constant, ramp or steps, the warm-up first. N(t), its
integral, is how many events of all producers are due by t. Event g of the run falls due where N(t) = g; a producer
sends every P-th of them: g = sequence · producers + index. Poisson arrivals are a unit-rate process in N, so the same
inverse carries ramps and steps. All offsets are integer nanoseconds from the run's shared start.
Not here: the clock (the pacer compares), what is sent.
"""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import msgspec

from loadgen.events.splitmix import GAMMA, mix64, stream_seed

NS_PER_S = 1_000_000_000
BLOCK_EVENTS = 256  # expected events of one producer in a block of Poisson arrivals
_ARRIVALS_STREAM = 0x1_0000  # from here on one stream a producer; keeps arrivals apart from what makes orders


class Piece(msgspec.Struct, frozen=True):
    """The total rate runs linearly from one value to the other.

    Attributes:
        from_per_s, to_per_s: events a second of all producers, above 0.
        duration_s: None for the last piece of a run without an end.
    """

    from_per_s: float
    to_per_s: float
    duration_s: float | None


class Linear(msgspec.Struct, frozen=True):
    """Offsets of a run of sequences: (numerator + step · (sequence − first)) ÷ denominator, floored, in ns."""

    first: int
    numerator: int
    step: int
    denominator: int


class Schedule(Protocol):
    """When one producer's events are due."""

    def intended_ns(self, sequence: int) -> int:
        """Offset of an event from the start, in ns; rises with the sequence."""
        ...

    def due(self, offset_ns: int) -> int:
        """How many of the producer's events are due at or before an offset."""
        ...


class _Stretch:
    """One piece with its place in time and in N."""

    def __init__(self, piece: Piece, start_s: Fraction, start_events: Fraction) -> None:
        self.start_s, self.start_events = start_s, start_events
        self.from_per_s, self.to_per_s = (
            Fraction(piece.from_per_s).limit_denominator(10**6),
            Fraction(piece.to_per_s).limit_denominator(10**6),
        )
        self.duration_s = None if piece.duration_s is None else Fraction(piece.duration_s).limit_denominator(10**6)
        if self.from_per_s <= 0 or self.to_per_s <= 0:
            raise ValueError(f"a rate must be above 0, got {piece.from_per_s} .. {piece.to_per_s}")
        mean_per_s = (self.from_per_s + self.to_per_s) / 2
        self.events = None if self.duration_s is None else mean_per_s * self.duration_s
        self.constant = self.from_per_s == self.to_per_s

    def ramp_offset_ns(self, events: float) -> int:
        """Where a ramp's integral reaches `events`: the root of r·t + k·t²/2 = events."""
        assert self.duration_s is not None
        rate, slope = float(self.from_per_s), float((self.to_per_s - self.from_per_s) / self.duration_s)
        rest = events - float(self.start_events)
        # the form that does not cancel: t = 2·x / (r + sqrt(r² + 2·k·x))
        seconds = 2 * rest / (rate + math.sqrt(max(rate * rate + 2 * slope * rest, 0.0)))
        return int((float(self.start_s) + seconds) * NS_PER_S)

    def constant_offset_ns(self, events: float) -> int:
        return int((float(self.start_s) + (events - float(self.start_events)) / float(self.from_per_s)) * NS_PER_S)

    def events_at(self, offset_ns: int) -> float:
        seconds = offset_ns / NS_PER_S - float(self.start_s)
        if self.duration_s is None or self.constant:
            return float(self.start_events) + float(self.from_per_s) * seconds
        slope = float((self.to_per_s - self.from_per_s) / self.duration_s)
        return float(self.start_events) + float(self.from_per_s) * seconds + slope * seconds * seconds / 2


class RateCurve:
    """N(t) of all producers and its inverse.

    Args:
        pieces: in order; only the last may be without an end.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        if not pieces:
            raise ValueError("a plan needs at least one piece")
        self.stretches: list[_Stretch] = []
        at_s, at_events = Fraction(0), Fraction(0)
        for position, piece in enumerate(pieces):
            stretch = _Stretch(piece, at_s, at_events)
            self.stretches.append(stretch)
            if stretch.duration_s is None:
                if position != len(pieces) - 1 or not stretch.constant:
                    raise ValueError("only a constant last piece may be without an end")
                continue
            assert stretch.events is not None
            at_s += stretch.duration_s
            at_events += stretch.events
        endless = self.stretches[-1].duration_s is None
        self.end_ns: int | None = None if endless else int(at_s * NS_PER_S)
        self.total_events: Fraction | None = None if endless else at_events
        self._starts_events = [float(stretch.start_events) for stretch in self.stretches]
        self._starts_ns = [int(stretch.start_s * NS_PER_S) for stretch in self.stretches]

    def stretch_of_events(self, events: float) -> _Stretch:
        return self.stretches[max(bisect_right(self._starts_events, events) - 1, 0)]

    def offset_ns(self, events: float) -> int:
        """Where N reaches a (fractional) number of events, in ns."""
        stretch = self.stretch_of_events(events)
        return stretch.constant_offset_ns(events) if stretch.constant else stretch.ramp_offset_ns(events)

    def events_at(self, offset_ns: int) -> float:
        """N at an offset; 0 before the start, the total after the end."""
        if offset_ns <= 0:
            return 0.0
        if self.end_ns is not None and offset_ns >= self.end_ns:
            assert self.total_events is not None
            return float(self.total_events)
        stretch = self.stretches[max(bisect_right(self._starts_ns, offset_ns) - 1, 0)]
        return stretch.events_at(offset_ns)


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

    def _linear(self, stretch: _Stretch, first: int) -> Linear:
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


def _poisson_cumulative(mean: float) -> list[float]:
    """P(X ≤ k) for k = 0, 1, … until nothing is left at double precision."""
    probability, total, cumulative = math.exp(-mean), 0.0, []
    k = 0
    while k < mean or probability > 1e-18:
        total += probability
        cumulative.append(total)
        k += 1
        probability *= mean / k
    return cumulative


_BLOCK_CUMULATIVE = _poisson_cumulative(BLOCK_EVENTS)


class Poisson:
    """Independent arrivals of one producer: exponential gaps at a rate that follows the plan.

    In blocks of 256 expected events: a Poisson count and that many sorted uniforms, all from (seed, producer, block). So
    an arrival is found from its sequence; what is kept is one number a block, 1/256 of the run.
    """

    def __init__(self, curve: RateCurve, producers: int, index: int, seed: int) -> None:
        self.curve, self.producers, self.index = curve, producers, index
        self._stream = stream_seed(seed, _ARRIVALS_STREAM + index)
        self._block_width = float(BLOCK_EVENTS * producers)  # in N, the events of all producers
        self._ends = array("Q")  # events up to and including each block
        self._block = -1
        self._offsets_ns: list[int] = []

    def _draw(self, block: int, position: int) -> float:
        """A uniform of [0, 1) that only the seed, the producer, the block and the position decide."""
        return (mix64(self._stream + ((block << 16) + position) * GAMMA) >> 11) * 2.0**-53

    def _count(self, block: int) -> int:
        return bisect_left(_BLOCK_CUMULATIVE, self._draw(block, 0))

    def _block_of(self, sequence: int) -> int:
        while not self._ends or self._ends[-1] <= sequence:
            block = len(self._ends)
            self._ends.append((self._ends[-1] if self._ends else 0) + self._count(block))
        return bisect_right(self._ends, sequence)

    def _load(self, block: int) -> int:
        """Make a block's offsets; returns the sequence of its first event."""
        first = self._ends[block - 1] if block else 0
        if block != self._block:
            count = self._ends[block] - first
            places = sorted(self._draw(block, position) for position in range(1, count + 1))
            self._offsets_ns = [self.curve.offset_ns((block + place) * self._block_width) for place in places]
            self._block = block
        return first

    def intended_ns(self, sequence: int) -> int:
        """Offset of an event, ns; 1.1 µs in order, spread over the making of a block (250 µs)."""
        first = self._load(self._block_of(sequence))
        return self._offsets_ns[sequence - first]

    def due(self, offset_ns: int) -> int:
        """How many events are due by an offset."""
        if offset_ns < 0:
            return 0
        if self.curve.end_ns is not None:
            offset_ns = min(offset_ns, self.curve.end_ns - 1)
        block = int(self.curve.events_at(offset_ns) / self._block_width)
        while len(self._ends) <= block:
            self._block_of(self._ends[-1] if self._ends else 0)
        return self._load(block) + bisect_right(self._offsets_ns, offset_ns)

    @property
    def limit(self) -> int | None:
        """How many events fall before the plan's end; None without an end."""
        return None if self.curve.end_ns is None else self.due(self.curve.end_ns - 1)


def schedule(arrival: str, pieces: Sequence[Piece], producers: int, index: int, seed: int) -> Uniform | Poisson:
    """The schedule of one producer.

    Args:
        arrival: "uniform" or "poisson".
    """
    curve = RateCurve(pieces)
    if arrival == "poisson":
        return Poisson(curve, producers, index, seed)
    return Uniform(curve, producers, index)
