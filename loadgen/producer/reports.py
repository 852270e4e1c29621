"""What the client calls within poll(): count, put aside, never raise.

Goal: a delivery report costs a few additions and can lose nothing. A raised exception would take another record's
report with it, and a poll() or flush() in there aborts the process (librdkafka's assertion "cs != NULL"), so what has to
be done about a report is done after poll() has returned, by `serving.py`.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from loadgen.producer.aftermath import Done
from loadgen.producer.counts import LATENCY_BOUNDS_S, Counts
from loadgen.producer.generations import Generation, Generations
from loadgen.producer.retry import Outgoing
from loadgen.producer.transport import Headers

Callback = Callable[[Any, Any], None]
"""(error or None, message), as the client calls it."""

Report = tuple[Any, Any, Headers, Done | None, Outgoing | None]
"""One answer, put aside: error, message, then what the client does not say of the record: its headers, who waits for it,
and the record itself if it was sent again. A plain tuple: a named one takes 0.2 µs longer to make."""


class SharedHeaders(dict[str, bytes]):
    """Headers that many records have in common; made once and never changed."""


NO_HEADERS = SharedHeaders()


class Reports:
    """The callbacks of records, and the reports that wait to be worked off.

    Args:
        counts: the ledger's cells.
        generations: where answers are counted.
        watch: put successes aside too; failures always are.

    Attributes:
        waiting: reports put aside, in their order.
        shared, shared_headers: the callback of all records of the current generation with these very headers and
            nobody waiting; made by `callback`, and looked at before it is called, which would cost 0.1 µs a record.
    """

    def __init__(self, counts: Counts, generations: Generations, watch: bool) -> None:
        self.waiting: deque[Report] = deque()
        self.watch = watch
        self._counts, self._generations = counts, generations
        self.shared_headers: Headers | None = None
        self.shared: Callback = self.callback(NO_HEADERS, None)

    def callback(self, headers: Headers, on_done: Done | None, sent_again: Outgoing | None = None) -> Callback:
        """What the client is to call with the answer to one record; one for all with the same headers if it can be."""
        generation = self._generations.current
        if on_done is not None or sent_again is not None or not isinstance(headers, SharedHeaders):
            return partial(self._answered, generation, headers, on_done, sent_again)
        self.shared_headers, self.shared = headers, self._shared_by(generation, headers)
        return self.shared

    def begin_generation(self) -> None:
        """A record waits for another try: what is handed over from now on is counted apart."""
        self.watch = True
        if self._generations.begin():
            self.shared_headers = None

    def _shared_by(self, generation: Generation, headers: Headers) -> Callback:
        counts, waiting, cells = self._counts, self.waiting, self._counts.latency_cells

        def report(error: Any, message: Any) -> None:
            # It counts before it looks: after a fatal error the first call into C may raise what was left pending.
            generation.answered += 1
            if error is None:
                counts.acked += 1
                try:
                    latency_s = message.latency()
                    counts.latency_sum_s += latency_s
                    cells[bisect_left(LATENCY_BOUNDS_S, latency_s)] += 1
                except Exception:
                    counts.unmeasured += 1
                if self.watch:
                    waiting.append((None, message, headers, None, None))
            else:
                self.watch = True  # what is acknowledged after this one may have overtaken it
                waiting.append((error, message, headers, None, None))

        return report

    def _answered(
        self,
        generation: Generation,
        headers: Headers,
        on_done: Done | None,
        sent_again: Outgoing | None,
        error: Any,
        message: Any,
    ) -> None:
        """The same for a record of its own: somebody waits for it, or it was sent again."""
        generation.answered += 1
        if error is None:
            self._counts.acked += 1
            try:
                self._counts.acknowledged(message.latency())
            except Exception:
                self._counts.unmeasured += 1
            if on_done is None and sent_again is None and not self.watch:
                return
        else:
            self.watch = True
        self.waiting.append((error, message, headers, on_done, sent_again))
