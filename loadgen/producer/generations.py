"""Accepted records, counted in generations, so that a retry can wait for everything that was handed over before it failed.

Goal: sums that are right at any instant without a set of the records under way. A generation is what is handed over
between two failures that will be tried again; once all of it is answered it is over, and only its size is kept.
Non-goal: locks. What is handed over is counted under the outbox's, what is answered within poll(), by one thread.
"""

from collections import deque


class Generation:
    """Records handed over between two failures that are tried again: the retry of one waits for the whole generation."""

    __slots__ = ("accepted", "answered", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.accepted = 0
        self.answered = 0

    @property
    def open(self) -> int:
        """Records without an answer."""
        return self.accepted - self.answered


class Generations:
    """All of them, the oldest that is not over first.

    Attributes:
        current: what is handed over now belongs to it.
        aside: accepted records of no generation: theirs is over, or they wait here behind another of their key.
    """

    def __init__(self) -> None:
        self.current = Generation(0)
        self.aside = 0
        self._alive = deque([self.current])

    @property
    def oldest(self) -> int:
        """Number of the oldest that may still be answered."""
        return self._alive[0].number

    @property
    def last_used(self) -> int:
        """Number of the newest that has records: -1 before the first record."""
        return self.current.number if self.current.accepted else self.current.number - 1

    @property
    def accepted(self) -> int:
        """Records taken, ever."""
        return self.aside + sum(generation.accepted for generation in self._alive)

    @property
    def open(self) -> int:
        """Records in the client, without an answer."""
        return sum(generation.open for generation in self._alive)

    def begin(self) -> bool:
        """Begin a new one; false when the current has no records yet and serves as well."""
        if not self.current.accepted:
            return False
        self.current = Generation(self.current.number + 1)
        self._alive.append(self.current)
        return True

    def retire(self) -> None:
        """Let go of those that are over."""
        while len(self._alive) > 1 and self._alive[0].open <= 0:
            self.aside += self._alive.popleft().accepted
