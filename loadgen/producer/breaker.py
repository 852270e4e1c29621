"""Circuit breaker: when most of what is sent fails, or nothing is answered, stop sending for a while, then try a little.

Goal: one decision from sums. Who owns the sums does not matter: the publisher has its own, a run's coordinator has those
of all its workers and writes the answer into one word of each slab.
Non-goal: counting what was rejected meanwhile, retrying; the clock is the caller's.

    closed ── failure ratio over the window, or silence while records are outstanding ──▶ open
    open ── after `open_s`, or as soon as answers come again ──▶ half open
    half open ── `probes` acknowledged ──▶ closed;  ── one failure, or silence ──▶ open, for twice as long

The idea is M. Nygard's (Release It!, "Circuit Breaker"); the silence rule is ours: librdkafka keeps records for
`message.timeout.ms`, so a frozen broker makes no error at all for half a minute.
"""

from collections import deque
from enum import IntEnum

import msgspec


class State(IntEnum):
    """As a metric: 0 is good."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When to open and for how long.

    Args:
        failure_ratio: failed ÷ answered within the window that opens it.
        window_s: what is looked back on.
        minimum: answers in the window below which a ratio says nothing.
        silence_s: no answer for that long while records are outstanding opens it; None never. Longer than any
            pause that the cluster takes in health: a leader election lasts 6 to 10 s.
        open_s: how long nobody sends the first time.
        open_s_max: the doubling ends here.
        probes: acknowledgements that close it again, and records let through meanwhile.
    """

    failure_ratio: float = 0.5
    window_s: float = 10.0
    minimum: int = 20
    silence_s: float | None = 10.0
    open_s: float = 5.0
    open_s_max: float = 60.0
    probes: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.failure_ratio <= 1:
            raise ValueError(f"failure_ratio = {self.failure_ratio} must be above 0 and at most 1")
        if min(self.window_s, self.open_s, self.open_s_max, self.minimum, self.probes) <= 0:
            raise ValueError("window_s, open_s, open_s_max, minimum and probes must be above 0")


class Breaker:
    """Decides from sums that only grow.

    Args:
        settings: the rules.
        now_ns: the first instant, of the clock whose instants `observe` gets.

    Attributes:
        state: the decision.
        why: what opened it last, for people.
        opened: how often it has opened.
    """

    SLICES = 10  # the window moves in tenths

    def __init__(self, settings: BreakerSettings, now_ns: int) -> None:
        self.settings = settings
        self.state = State.CLOSED
        self.why = ""
        self.opened = 0
        self._open_s = settings.open_s
        self._open_until_ns = 0
        self._by_silence = False
        self._slices: deque[tuple[int, int, int]] = deque([(now_ns, 0, 0)])  # instant, acked, failed
        self._answered = 0
        self._answered_ns = now_ns
        self._at_half_open = (0, 0)

    def observe(self, now_ns: int, acked: int, failed: int, outstanding: int) -> State:
        """The decision at an instant.

        Args:
            acked, failed: sums since the beginning; unknown outcomes count as failed.
            outstanding: handed over and not yet answered.
        """
        if acked + failed > self._answered or outstanding <= 0:
            answers_came = acked + failed > self._answered
            self._answered, self._answered_ns = acked + failed, now_ns
        else:
            answers_came = False
        match self.state:
            case State.CLOSED:
                self._watch(now_ns, acked, failed, outstanding)
            case State.OPEN:
                if now_ns >= self._open_until_ns or (self._by_silence and answers_came):
                    self.state = State.HALF_OPEN
                    self._at_half_open = (acked, failed)
                    self._answered_ns = now_ns
            case State.HALF_OPEN:
                self._judge_trial(now_ns, acked, failed, outstanding)
        return self.state

    def retry_after_s(self, now_ns: int) -> float:
        """Seconds until the next trial; 0 when sending is allowed."""
        return max((self._open_until_ns - now_ns) / 1e9, 0.0) if self.state is State.OPEN else 0.0

    def allowance(self, accepted_since_half_open: int) -> bool:
        """Whether one more may be sent: always when closed, a few when half open."""
        if self.state is State.HALF_OPEN:
            return accepted_since_half_open < self.settings.probes
        return self.state is State.CLOSED

    def _watch(self, now_ns: int, acked: int, failed: int, outstanding: int) -> None:
        rules = self.settings
        newest_ns = self._slices[-1][0]
        if now_ns - newest_ns >= rules.window_s * 1e9 / self.SLICES:
            self._slices.append((now_ns, acked, failed))
        while len(self._slices) > 1 and self._slices[1][0] <= now_ns - rules.window_s * 1e9:
            self._slices.popleft()
        _, acked_before, failed_before = self._slices[0]
        failures = failed - failed_before
        answers = failures + acked - acked_before
        if answers >= rules.minimum and failures >= rules.failure_ratio * answers:
            self._open(now_ns, f"{failures} of {answers} failed within {rules.window_s:g} s", by_silence=False)
        elif rules.silence_s is not None and self._silent(now_ns, outstanding):
            self._open(now_ns, f"no answer for {rules.silence_s:g} s, {outstanding} outstanding", by_silence=True)

    def _judge_trial(self, now_ns: int, acked: int, failed: int, outstanding: int) -> None:
        acked_before, failed_before = self._at_half_open
        if failed > failed_before:
            self._open(now_ns, "a trial failed", by_silence=False)
        elif acked - acked_before >= self.settings.probes or (acked > acked_before and outstanding <= 0):
            self.state = State.CLOSED
            self._open_s = self.settings.open_s
            self._slices.clear()
            self._slices.append((now_ns, acked, failed))
        elif self._silent(now_ns, outstanding):
            self._open(now_ns, "a trial was not answered", by_silence=True)

    def _silent(self, now_ns: int, outstanding: int) -> bool:
        limit_s = self.settings.silence_s
        return limit_s is not None and outstanding > 0 and now_ns - self._answered_ns >= limit_s * 1e9

    def _open(self, now_ns: int, why: str, *, by_silence: bool) -> None:
        if self.state is State.HALF_OPEN:
            self._open_s = min(self._open_s * 2, self.settings.open_s_max)
        self.state, self.why, self._by_silence = State.OPEN, why, by_silence
        self._open_until_ns = now_ns + round(self._open_s * 1e9)
        self.opened += 1
