"""Answers fetched and seen to: poll, work off what was reported, look around, send again what is due.

Goal: two rules that keep the ledger sound. Nothing of the application runs within poll(): callbacks only put reports
aside (`reports.py`), and what has to be done about them is done here (`aftermath.py` says what). And one thread at a
time is within poll(), so the counts that callbacks write need no lock of their own.
Non-goal: accepting records; the outbox does, and calls `poll_now`, `work_off` and `look` on its way.
"""

import threading
from collections import deque
from typing import Any

from loadgen.clock import Clock
from loadgen.producer.aftermath import Aftermath
from loadgen.producer.errors import KafkaProducerError, QueueFull, meaning_of
from loadgen.producer.gate import Gate
from loadgen.producer.generations import Generations
from loadgen.producer.reports import Report, Reports
from loadgen.producer.transport import Transport
from loadgen.telemetry.log import debug_enabled

POLL_EVERY_NS = 500_000  # at 100,000/s every fiftieth hand-over polls, at 1,000/s each
LOOK_EVERY_NS = 100_000_000
SECOND_NS = 1_000_000_000


class Serving:
    """The answers of one client.

    Args:
        transport: the client.
        gate: what is shut when the client stops for good, or when the breaker says so.
        aftermath: what is done about reports, with the counts and the retries.
        clock: of the breaker and of retries.

    Attributes:
        lock: of hand-over, and of everything that retries and letters are made of.
        generations, reports: of the records in the client.
        poll_at_ns, look_at_ns: when a hand-over polls or looks again.
        in_poll: some thread is within poll(), perhaps this one.
        over: nothing is looked at any more.
    """

    def __init__(self, transport: Transport, gate: Gate, aftermath: Aftermath, clock: Clock) -> None:
        self.transport, self.gate, self.aftermath, self.clock = transport, gate, aftermath, clock
        self.counts, self.retries = aftermath.counts, aftermath.retries
        self.generations = Generations()
        self.reports = Reports(self.counts, self.generations, watch=aftermath.on_delivery is not None)
        self.poll_at_ns = self.look_at_ns = 0
        self.in_poll = self.over = False
        self._sum_up_at_ns = clock.now_ns() + SECOND_NS
        self._client_errors: deque[Any] = deque(maxlen=64)
        self.renew_locks()

    def renew_locks(self) -> None:
        """In the child of a fork: another thread may have held one at that moment, and does not exist any more."""
        self.lock = threading.RLock()
        self._polling = threading.Lock()  # one waits in poll()
        self._polling_thread = 0
        self._consequences = threading.Lock()  # one works off reports

    def poll_now(self, now_ns: int) -> None:
        """Serve what the client has, on the way of a hand-over; with the lock, and not while in_poll."""
        self.poll_at_ns = now_ns + POLL_EVERY_NS
        self.in_poll = True
        try:
            self.transport.poll(0.0)
        finally:
            self.in_poll = False

    def serve(self, timeout_s: float) -> int:
        """Serve reports, waiting at most that long for the first; how many there were.

        Raises:
            KafkaProducerError: called while the client calls back, where librdkafka would abort the process.
        """
        me = threading.get_ident()
        with self.lock:
            if self.in_poll and self._polling_thread in {0, me}:
                raise KafkaProducerError("flush, close and serve cannot be called while the client calls back")
        with self._polling:
            with self.lock:
                self.in_poll, self._polling_thread = True, me
            try:
                served = self.transport.poll(timeout_s)
            finally:
                with self.lock:
                    self.in_poll, self._polling_thread = False, 0
        if self.reports.waiting:
            self.work_off()
        self.look(self.clock.now_ns())
        return served

    def work_off(self) -> None:
        """See to the reports that were put aside, in their order, one thread at a time."""
        if not self._consequences.acquire(blocking=False):
            return  # somebody is at it, perhaps we ourselves further up, calling the application
        waiting, aftermath = self.reports.waiting, self.aftermath
        try:
            while waiting:
                report = error, message, _, on_done, sent_again = waiting[0]
                try:
                    if error is None and not self.retries and not aftermath.debug:
                        aftermath.tell(on_done, None, message)
                        continue
                    with self.lock:
                        if error is None:
                            aftermath.delivered(message, on_done, sent_again)
                        else:
                            self._see_to_failure(report)
                finally:
                    waiting.popleft()
                aftermath.tell_all()
        finally:
            self._consequences.release()

    def _see_to_failure(self, report: Report) -> None:
        """Lay it down, or let it wait until all that was handed over before now is answered."""
        error, message, headers, on_done, sent_again = report
        record = sent_again or self.aftermath.outgoing(message, headers, on_done)
        if self.aftermath.failed(record, error, self.clock.now_ns(), self.generations.last_used):
            self.reports.begin_generation()

    def look(self, now_ns: int) -> None:
        """Ten times a second, and while waiting: the circuit, retries that are due, a client that has stopped."""
        if self.over:
            return
        with self.lock:
            if now_ns >= self.look_at_ns:
                self.look_at_ns = now_ns + LOOK_EVERY_NS
                self._look_at_the_surroundings(now_ns)
            self.aftermath.serve_letters()
            if self.retries and not self.aftermath.closing:
                self._send_again(now_ns)
        self.aftermath.tell_all()
        with self.lock:
            records = self.generations
            self.gate.ask_breaker(
                now_ns, self.counts.acked, self.counts.cluster_failures, records.open, records.accepted
            )

    def _look_at_the_surroundings(self, now_ns: int) -> None:
        if now_ns >= self._sum_up_at_ns:
            self._sum_up_at_ns = now_ns + SECOND_NS
            self.aftermath.sum_up_logs()
        while self._client_errors:
            error = self._client_errors.popleft()
            self.aftermath.log_once("warning", "client_error", error=error.str(), code=meaning_of(error.code()).name)
        self.aftermath.debug = debug_enabled(self.aftermath.logger)
        self.reports.watch = self.aftermath.debug or self.aftermath.on_delivery is not None or bool(self.retries)
        if self.transport.fatal is not None:
            self.gate.shut_by(self.transport.fatal)

    def _send_again(self, now_ns: int) -> None:
        assert self.retries is not None
        self.generations.retire()
        for record in self.retries.due(now_ns, self.generations.oldest):
            sent = record._replace(tries=record.tries + 1, last_at=self.aftermath.now_s())
            generation, report = self.generations.current, self.reports.callback(record.headers, record.on_done, sent)
            try:
                self.transport.send(record.topic, record.value, record.key, record.headers, -1, report)
            except QueueFull:
                self.retries.put_back(record, now_ns)
            except KafkaProducerError as error:
                self.retries.delivered(record)
                self.aftermath.lay_down(sent, error.code, str(error))
            else:
                generation.accepted += 1
                self.generations.aside -= 1  # it was counted when it was first accepted
                self.counts.retried += record.tries > 0

    def client_error(self, error: Any) -> None:
        """librdkafka's error_cb, within poll(): connections, brokers."""
        self._client_errors.append(error)
