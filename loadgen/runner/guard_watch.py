"""The guard looks again while a run sends: a cluster may come to name brokers elsewhere, or be another one after a rebootstrap.

A thread of the coordinator asks for the cluster's brokers every few seconds, one small request, and decides anew when they
have changed. A cluster that does not answer says nothing new: that is for the ledger.
"""

import threading
from collections.abc import Callable

from loadgen.brokers.guard import Decision, Seen, decide
from loadgen.errors import LoadgenError

LOOK_EVERY_S = 5.0


class GuardWatch:
    """Looks again and again from `start` to `stop`.

    Args:
        seen: what was allowed.
        look: what is there now.
        confirm: the cluster's id as the user gave it.

    Attributes:
        refusal: the decision that ends the run; None while all is well.
    """

    def __init__(
        self,
        seen: Seen,
        look: Callable[[], Seen],
        confirm: str | None,
        every_s: float = LOOK_EVERY_S,
        judge: Callable[[Seen, str | None], Decision] = decide,
    ) -> None:
        self.refusal: Decision | None = None
        self._seen, self._look, self._confirm, self._every_s, self._judge = seen, look, confirm, every_s, judge
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="guard-watch", daemon=True)

    def __enter__(self) -> "GuardWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while self.refusal is None and not self._ended.wait(self._every_s):
            try:
                now = self._look()
            except LoadgenError:
                continue
            if now != self._seen:
                self._seen = now
                decision = self._judge(now, self._confirm)
                if not decision.allowed:
                    self.refusal = decision
