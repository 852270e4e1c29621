"""When each event is due: a function of its sequence, computed, never remembered.

Not here: the clock (the pacer compares), what is sent.
"""

from collections.abc import Sequence
from typing import Protocol

from loadgen.arrivals.curve import NS_PER_S, Piece, RateCurve
from loadgen.arrivals.poisson import Poisson
from loadgen.arrivals.uniform import Linear, Uniform

__all__ = ["NS_PER_S", "Linear", "Piece", "Poisson", "RateCurve", "Schedule", "Uniform", "schedule"]


class Schedule(Protocol):
    """When one producer's events are due."""

    def intended_ns(self, sequence: int) -> int:
        """Offset of an event from the start, in ns; rises with the sequence."""
        ...

    def offsets_ns(self, first: int, count: int) -> list[int]:
        """The offsets of a run of sequences, at a lower price than one by one."""
        ...

    def due(self, offset_ns: int) -> int:
        """How many of the producer's events are due at or before an offset."""
        ...


def schedule(arrival: str, pieces: Sequence[Piece], producers: int, index: int, seed: int) -> Uniform | Poisson:
    """The schedule of one producer.

    Args:
        arrival: "uniform" or "poisson".
    """
    curve = RateCurve(pieces)
    if arrival == "poisson":
        return Poisson(curve, producers, index, seed)
    return Uniform(curve, producers, index)
