"""The total rate over time and its integral: N(t) is how many events of all producers are due by t.

In linear pieces: constant, ramp or steps, the warm-up first. Offsets are integer nanoseconds from the run's shared start.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction

import msgspec

NS_PER_S = 1_000_000_000


class Piece(msgspec.Struct, frozen=True):
    """The total rate runs linearly from one value to the other.

    Attributes:
        from_per_s, to_per_s: events a second of all producers, above 0.
        duration_s: None for the last piece of a run without an end.
    """

    from_per_s: float
    to_per_s: float
    duration_s: float | None


class Stretch:
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
        return self.constant_offsets_ns([events])[0]

    def constant_offsets_ns(self, many_events: Iterable[float]) -> list[int]:
        """Of many at once: what does not change is taken out of the loop, a third of the cost."""
        start_s, start_events, per_s = float(self.start_s), float(self.start_events), float(self.from_per_s)
        return [int((start_s + (events - start_events) / per_s) * NS_PER_S) for events in many_events]

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
        self.stretches: list[Stretch] = []
        at_s, at_events = Fraction(0), Fraction(0)
        for position, piece in enumerate(pieces):
            stretch = Stretch(piece, at_s, at_events)
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

    def stretch_of_events(self, events: float) -> Stretch:
        return self.stretches[max(bisect_right(self._starts_events, events) - 1, 0)]

    def offset_ns(self, events: float) -> int:
        """Where N reaches a (fractional) number of events, in ns."""
        stretch = self.stretch_of_events(events)
        return stretch.constant_offset_ns(events) if stretch.constant else stretch.ramp_offset_ns(events)

    def offsets_ns(self, many_events: Sequence[float]) -> list[int]:
        """`offset_ns` of each; they ascend."""
        first, last = (self.stretch_of_events(many_events[end]) for end in (0, -1)) if many_events else (None, None)
        if first is None or first is not last or not first.constant:
            return [self.offset_ns(events) for events in many_events]
        return first.constant_offsets_ns(many_events)

    def events_at(self, offset_ns: int) -> float:
        """N at an offset; 0 before the start, the total after the end."""
        if offset_ns <= 0:
            return 0.0
        if self.end_ns is not None and offset_ns >= self.end_ns:
            assert self.total_events is not None
            return float(self.total_events)
        stretch = self.stretches[max(bisect_right(self._starts_ns, offset_ns) - 1, 0)]
        return stretch.events_at(offset_ns)
