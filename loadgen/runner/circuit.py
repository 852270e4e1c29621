"""The circuit of a run: one decision for all workers, from the sums of all of them, written into a word of each slab.

Goal: a cluster that answers nothing, or mostly errors, is not loaded further; events that fall due meanwhile wait and
are late, none is dropped. A run whose circuit does not close again is given up. Non-goal: when to open
(`producer/breaker.py`).
"""

from collections.abc import Callable, Sequence
from itertools import product

from loadgen.producer.breaker import Breaker, BreakerSettings, State
from loadgen.recorder.slab import Count, Phase, set_at
from loadgen.report.result import Doubt
from loadgen.runner.team import Member

LOOK_EVERY_NS = 100_000_000
GIVE_UP_AFTER_S = 10.0
RULES = BreakerSettings(open_s=1.0, open_s_max=2.0)  # a run has ten seconds to see the cluster come back: five trials


class Circuit:
    """Looks at the workers' sums ten times a second.

    Args:
        members: the workers.
        set_open: tells all of them whether nobody may send.
        now_ns: the common start.

    Attributes:
        given_up: why the cluster was given up; None while there is hope.
    """

    def __init__(
        self,
        members: Sequence[Member],
        set_open: Callable[[bool], None],
        now_ns: int,
        settings: BreakerSettings = RULES,
    ) -> None:
        self._members, self._set_open = members, set_open
        self._breaker = Breaker(settings, now_ns)
        self._look_at_ns = now_ns + LOOK_EVERY_NS
        self._said_open = False
        self._why = ""
        self._not_closed_since_ns = 0
        self._trial_from = 0
        self._interrupted_ns = 0
        self.given_up: str | None = None

    def look(self, now_ns: int) -> None:
        """Decide anew when it is time."""
        if now_ns < self._look_at_ns:
            return
        self._look_at_ns = now_ns + LOOK_EVERY_NS
        attempted, rejected, acked, failed, unknown = (
            self._sum(name) for name in (Count.ATTEMPTED, Count.REJECTED, Count.ACKED, Count.FAILED, Count.UNKNOWN)
        )
        # all records of a run are alike: an error of single ones, which an application's breaker leaves out, is of all
        outstanding = attempted - rejected - acked - failed - unknown
        before = self._breaker.state
        state = self._breaker.observe(now_ns, acked, failed + unknown, outstanding)
        if state is State.OPEN and before is State.CLOSED:
            self._why = self._breaker.why  # later ones only say that a trial failed
        if state is State.HALF_OPEN and before is not state:
            self._trial_from = attempted
        self._tell(state is State.OPEN or (state is State.HALF_OPEN and attempted > self._trial_from))
        self._keep_time(now_ns, state)

    def doubt(self) -> Doubt | None:
        """That it was open, if it was."""
        if not self._breaker.opened:
            return None
        return Doubt(
            "circuit_opened",
            f"nothing was sent for {self._interrupted_ns / 1e9:.1f} s in all: {self._why}",
            "look at the brokers' logs of that time; events that fell due meanwhile were sent late",
        )

    def _tell(self, is_open: bool) -> None:
        if is_open is not self._said_open:
            self._said_open = is_open
            self._set_open(is_open)

    def _keep_time(self, now_ns: int, state: State) -> None:
        if state is State.CLOSED:
            self._not_closed_since_ns = 0
            return
        self._interrupted_ns += LOOK_EVERY_NS
        self._not_closed_since_ns = self._not_closed_since_ns or now_ns
        if now_ns - self._not_closed_since_ns >= GIVE_UP_AFTER_S * 1e9:
            self.given_up = f"the cluster kept failing: {self._why}, and did not recover within {GIVE_UP_AFTER_S:.0f} s"

    def _sum(self, name: Count) -> int:
        return sum(
            int(member.words[set_at(slot, phase) + name])
            for member in self._members
            for slot, phase in product(range(member.producers), Phase)
        )
