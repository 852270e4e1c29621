"""Records handed to a client, each followed to its end: acknowledged, sent again, laid down, or reported left.

Goal: whatever happens to the broker, the callbacks or the process' signals, the ledger closes. Non-goal: events; the
publishers turn those into bytes. Place: between the publishers and the Transport.

Two rules keep it sound. Nothing of the application runs within poll(): the client's callback only counts and puts the
report aside, and what has to be done about it is done after (`aftermath.py`). And only one thread is within poll() at a
time, so the counts that callbacks write need no lock of their own.
"""

import os
import threading
import time
import weakref
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from loadgen.clock import Clock, SystemClock
from loadgen.producer.aftermath import Aftermath, Done
from loadgen.producer.breaker import BreakerSettings
from loadgen.producer.counts import LATENCY_BOUNDS_S, Counts, PublisherMetrics
from loadgen.producer.dead_letter import DeadLetters
from loadgen.producer.drain import LONGEST_POLL_S, drain, wait
from loadgen.producer.errors import (
    CircuitOpen,
    ClientClosed,
    DrainTimeout,
    KafkaProducerError,
    QueueFull,
    ShuttingDown,
    UsedAfterFork,
    meaning_of,
)
from loadgen.producer.gate import Gate
from loadgen.producer.retry import Outgoing, Retries, RetrySettings
from loadgen.producer.transport import Headers, Transport
from loadgen.telemetry.hooks import Logger
from loadgen.telemetry.log import debug_enabled

POLL_EVERY_NS = 500_000  # at 100,000/s every fiftieth hand-over polls, at 1,000/s each
LOOK_EVERY_NS = 100_000_000
SECOND_NS = 1_000_000_000
ROOM_POLL_S = 0.05

_alive: "weakref.WeakSet[Outbox]" = weakref.WeakSet()


def _never() -> bool:
    return False


class SharedHeaders(dict[str, bytes]):
    """Headers that many records have in common; made once and never changed."""


NO_HEADERS = SharedHeaders()


class _Generation:
    """Records handed over between two failures that are tried again: the retry of one waits for the whole generation."""

    __slots__ = ("accepted", "answered", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.accepted = 0
        self.answered = 0

    @property
    def open(self) -> int:
        return self.accepted - self.answered


_Report = tuple[Any, Any, Headers, Done | None, Outgoing | None]
"""One answer, put aside: error, message, then what the client does not say of the record: its headers, who waits for it,
and the record itself if it was sent again. A plain tuple: a named one takes 0.2 µs longer to make."""


class Outbox:
    """One client with its ledger.

    Args:
        transport: the client.
        logger: for what happens.
        clock: of the breaker and of waits; now_s: seconds since the epoch, for letters and retries.
        dead_letters: where undeliverable records go; None: they are only counted, logged and told.
        retry, breaker: their rules; None switches the one or the other off.
        max_block_s: how long a hand-over waits for room in the client's queue.
        on_delivery: called with the end of every record, after poll().
    """

    def __init__(
        self,
        transport: Transport,
        logger: Logger,
        *,
        clock: Clock | None = None,
        now_s: Callable[[], float] = time.time,
        dead_letters: DeadLetters | None = None,
        retry: RetrySettings | None = None,
        breaker: BreakerSettings | None = None,
        max_block_s: float = 60.0,
        on_delivery: Done | None = None,
    ) -> None:
        self.transport, self.logger, self.clock = transport, logger, clock or SystemClock()
        self.max_block_s = max_block_s
        self.counts = Counts()
        self.retries = None if retry is None else Retries(retry)
        self.aftermath = Aftermath(logger, self.counts, self.retries, dead_letters, on_delivery, now_s)
        self.gate = Gate(breaker, self.clock.now_ns(), logger)
        self._now_ns, self._send = self.clock.now_ns, transport.send
        self._lines = {} if self.retries is None else self.retries.lines
        self._lock = threading.RLock()  # hand-over and everything that retries and letters are made of
        self._acquire, self._release = self._lock.acquire, self._lock.release
        self._polling = threading.Lock()  # one waits in poll()
        self._consequences = threading.Lock()  # one works off reports
        self._in_poll = False
        self._polling_thread = 0
        self._reports: deque[_Report] = deque()
        self._client_errors: deque[Any] = deque(maxlen=64)
        self._watch = on_delivery is not None  # successes are put aside too
        self._closed = False
        self._settled = 0  # accepted by generations that are over, or waiting behind another
        self._poll_at_ns = self._look_at_ns = 0
        self._sum_up_at_ns = self.clock.now_ns() + SECOND_NS
        self._generation = _Generation(0)
        self._generations = [self._generation]
        self._report_headers: Headers | None = None  # whose callback `_report` is
        self._report: Callable[[Any, Any], None] = self._new_report(self._generation, NO_HEADERS, None)
        self._made_in = os.getpid()
        if dead_letters is not None:
            dead_letters.use(transport)
        _alive.add(self)

    # Handing over

    def hand_over(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: Headers = NO_HEADERS,
        on_done: Done | None = None,
        *,
        may_wait: bool = True,
    ) -> None:
        """Accept one record, and serve what the client has to report.

        Args:
            headers: SharedHeaders cost 0.1 µs less than others.
            on_done: told the end of this record, after the poll() that brought it.
            may_wait: for room in the client's queue, up to max_block_s.

        Raises:
            QueueFull: no room in time; the record stays with the caller.
            RecordRefused: too large, no such partition; dead-lettered if there is a queue for that.
            CircuitOpen, ClientFatal: not tried; dead-lettered likewise.
            ClientClosed, ShuttingDown, UsedAfterFork: nothing is accepted any more; it stays with the caller.
        """
        if self.gate.shut is not None:
            self._pass_gate(topic, key, value, headers)
        now_ns = self._now_ns()  # 60 ns
        if not self._lines or not self._let_wait_behind(topic, key, value, headers, on_done):
            error: KafkaProducerError | None = None
            self._acquire()  # 130 ns with the release; `with` would be 210
            try:
                generation = self._generation
                if headers is self._report_headers and on_done is None:
                    report = self._report
                else:
                    report = self._new_report(generation, headers, on_done)
                generation.accepted += 1
                try:
                    self._send(topic, value, key, headers, -1, report)
                except KafkaProducerError as refusal:
                    generation.accepted -= 1
                    error = refusal
                if now_ns >= self._poll_at_ns and not self._in_poll:
                    self._poll_at_ns = now_ns + POLL_EVERY_NS
                    self._in_poll = True
                    try:
                        self.transport.poll(0.0)
                    finally:
                        self._in_poll = False
            finally:
                self._release()
            if isinstance(error, QueueFull):
                if not may_wait:
                    raise error
                self._wait_for_room(error, topic, key, value, headers, on_done)
            elif error is not None:
                self._turn_away(error, topic, key, value, headers)
        if self._reports:
            self._work_off()
        if now_ns >= self._look_at_ns:
            self._look(now_ns)

    def _wait_for_room(
        self, full: QueueFull, topic: str, key: bytes, value: bytes, headers: Headers, on_done: Done | None
    ) -> None:
        """Serve reports until the client takes the record."""
        deadline_ns = self.clock.now_ns() + round(self.max_block_s * 1e9)
        while self.clock.now_ns() < deadline_ns:
            self.serve(ROOM_POLL_S)
            if self.gate.shut is not None and self.gate.shut_for_good:
                raise self.gate.shut.about(key.decode(errors="replace"))
            try:
                self.hand_over(topic, key, value, headers, on_done, may_wait=False)
            except QueueFull:
                continue
            return
        self._turn_away(full, topic, key, value, headers)

    def _let_wait_behind(self, topic: str, key: bytes, value: bytes, headers: Headers, on_done: Done | None) -> bool:
        """If an older record of this key waits for another try, so does this one."""
        assert self.retries is not None
        with self._lock:
            if not self.retries.blocks(topic, key):
                return False
            now = self.aftermath.now_s()
            self.retries.take_behind(Outgoing(topic, key, value, headers, 0, now, now, on_done))
            self._settled += 1
        self.serve(0.0)
        return True

    def _turn_away(self, error: KafkaProducerError, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        """Refuse a record that was certainly not sent; except for a full queue it becomes a dead letter."""
        error.order_id = key.decode(errors="replace")
        self.counts.refused[error.name] += 1
        if not isinstance(error, QueueFull):
            now = self.aftermath.now_s()
            record = Outgoing(topic, key, value, headers, 0, now, now)
            with self._lock:
                error.dead_lettered = self.aftermath.keep(record, error.name, str(error), "failed")
                self.aftermath.log_some(
                    "error",
                    "order_refused",
                    error.name,
                    record,
                    error=str(error),
                    code=error.name,
                    dead_lettered=error.dead_lettered,
                )
        if error.fatal:
            self.gate.shut_by(error)
        raise error

    def _pass_gate(self, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        """Return if this record may be sent after all; else raise why not."""
        if isinstance(self.gate.shut, CircuitOpen):
            self.serve(0.0)
        refusal = self.gate.refusal(self.clock.now_ns(), self.accepted)
        if refusal is None:
            return
        if isinstance(refusal, ClientClosed | UsedAfterFork):
            raise refusal.about(key.decode(errors="replace"))
        self._turn_away(refusal.about(None), topic, key, value, headers)

    # What the client calls, within poll(): count, put aside, never raise

    def _new_report(
        self, generation: _Generation, headers: Headers, on_done: Done | None
    ) -> Callable[[Any, Any], None]:
        """The client's callback of a record; one for all with the same headers, if these are shared."""
        if on_done is not None or not isinstance(headers, SharedHeaders):
            return partial(self._report_one, generation, headers, on_done, None)
        counts, reports, cells = self.counts, self._reports, self.counts.latency_cells

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
                if self._watch:
                    reports.append((None, message, headers, None, None))
            else:
                self._watch = True  # what is acknowledged after this one may have overtaken it
                reports.append((error, message, headers, None, None))

        self._report_headers, self._report = headers, report
        return report

    def _report_one(
        self,
        generation: _Generation,
        headers: Headers,
        on_done: Done | None,
        sent_again: Outgoing | None,
        error: Any,
        message: Any,
    ) -> None:
        """The same for a record of its own: somebody waits for it, or it was sent again."""
        generation.answered += 1
        if error is None:
            self.counts.acked += 1
            try:
                self.counts.acknowledged(message.latency())
            except Exception:
                self.counts.unmeasured += 1
            if on_done is None and sent_again is None and not self._watch:
                return
        else:
            self._watch = True
        self._reports.append((error, message, headers, on_done, sent_again))

    def client_error(self, error: Any) -> None:
        """librdkafka's error_cb: connections, brokers."""
        self._client_errors.append(error)

    # What is done after

    def _work_off(self) -> None:
        """See to the reports that were put aside, in their order, one thread at a time."""
        if not self._consequences.acquire(blocking=False):
            return  # somebody is at it, perhaps we ourselves further up, calling the application
        try:
            while self._reports:
                report = error, message, _, on_done, sent_again = self._reports[0]
                try:
                    if error is None and not self._lines and not self.aftermath.debug:
                        self.aftermath.tell(on_done, None, message)
                        continue
                    with self._lock:
                        if error is None:
                            self.aftermath.delivered(message, on_done, sent_again)
                        else:
                            self._see_to_failure(report)
                finally:
                    self._reports.popleft()
                self.aftermath.tell_all()
        finally:
            self._consequences.release()

    def _see_to_failure(self, report: _Report) -> None:
        """Lay it down, or let it wait until all that was handed over before now is answered."""
        error, message, headers, on_done, sent_again = report
        current = self._generation
        last = current.number if current.accepted else current.number - 1
        record = sent_again or self.aftermath.outgoing(message, headers, on_done)
        if self.aftermath.failed(record, error, self.clock.now_ns(), last):
            self._watch = True
            if current.accepted:
                self._generation = _Generation(current.number + 1)
                self._generations.append(self._generation)
                self._report_headers = None  # the next record makes a callback of the new generation

    def serve(self, timeout_s: float) -> int:
        """Serve reports, waiting at most that long for the first; how many there were.

        Raises:
            KafkaProducerError: called while the client calls back, where librdkafka would abort the process.
        """
        me = threading.get_ident()
        with self._lock:
            if self._in_poll and self._polling_thread in {0, me}:
                raise KafkaProducerError("flush, close and serve cannot be called while the client calls back")
        with self._polling:
            with self._lock:
                self._in_poll, self._polling_thread = True, me
            try:
                served = self.transport.poll(timeout_s)
            finally:
                with self._lock:
                    self._in_poll, self._polling_thread = False, 0
        if self._reports:
            self._work_off()
        self._look(self.clock.now_ns())
        return served

    poll = serve  # drain() knows a Transport by these two

    def purge(self) -> None:
        """Give up what the client holds; its reports come with the next polls."""
        self.transport.purge()

    def _look(self, now_ns: int) -> None:
        """Ten times a second, and while waiting: the circuit, retries that are due, a client that has stopped."""
        if self._closed:
            return
        with self._lock:
            if now_ns >= self._look_at_ns:
                self._look_at_ns = now_ns + LOOK_EVERY_NS
                self._look_at_the_surroundings(now_ns)
            self.aftermath.serve_letters()
            if self.retries and not self.aftermath.closing:
                self._send_again(now_ns)
        self.aftermath.tell_all()
        with self._lock:
            self.gate.ask_breaker(
                now_ns, self.counts.acked, self.counts.cluster_failures, self.in_client, self.accepted
            )

    def _look_at_the_surroundings(self, now_ns: int) -> None:
        if now_ns >= self._sum_up_at_ns:
            self._sum_up_at_ns = now_ns + SECOND_NS
            self.aftermath.sum_up_logs()
        while self._client_errors:
            error = self._client_errors.popleft()
            self.aftermath.log_once("warning", "client_error", error=error.str(), code=meaning_of(error.code()).name)
        self.aftermath.debug = debug_enabled(self.logger)
        self._watch = self.aftermath.debug or self.aftermath.on_delivery is not None or bool(self.retries)
        if self.transport.fatal is not None:
            self.gate.shut_by(self.transport.fatal)

    def _send_again(self, now_ns: int) -> None:
        assert self.retries is not None
        while len(self._generations) > 1 and self._generations[0].open <= 0:
            self._settled += self._generations.pop(0).accepted
        for record in self.retries.due(now_ns, self._generations[0].number):
            sent = record._replace(tries=record.tries + 1, last_at=self.aftermath.now_s())
            generation = self._generation
            report = partial(self._report_one, generation, record.headers, record.on_done, sent)
            try:
                self.transport.send(record.topic, record.value, record.key, record.headers, -1, report)
            except QueueFull:
                self.retries.put_back(record, now_ns)
            except KafkaProducerError as error:
                self.retries.delivered(record)
                self.aftermath.lay_down(sent, error.code, str(error))
            else:
                generation.accepted += 1
                self._settled -= 1  # it was counted when it was first accepted
                self.counts.retried += record.tries > 0

    # Sums

    @property
    def accepted(self) -> int:
        """Records taken, ever."""
        with self._lock:
            return self._settled + sum(generation.accepted for generation in self._generations)

    @property
    def in_client(self) -> int:
        """Records in the client, without an answer."""
        with self._lock:
            return sum(generation.open for generation in self._generations)

    def outstanding(self) -> int:
        """What is not decided yet: in the client, put aside, waiting for another try, letters on their way."""
        letters = self.aftermath.dead_letters
        waiting = len(self.retries) if self.retries else 0
        return self.in_client + len(self._reports) + waiting + (letters.outstanding() if letters else 0)

    def metrics(self) -> PublisherMetrics:
        """The ledger now."""
        counts, breaker = self.counts, self.gate.breaker
        failed, unknown = dict(counts.failed), dict(counts.unknown)
        accepted, acked = self.accepted, counts.acked
        return PublisherMetrics(
            accepted=accepted,
            acked=acked,
            failed=failed,
            unknown=unknown,
            refused=dict(counts.refused),
            retried=counts.retried,
            dead_lettered=counts.dead_lettered,
            lost=counts.lost,
            callback_errors=counts.callback_errors,
            outstanding=accepted - acked - sum(failed.values()) - sum(unknown.values()),
            waiting_to_retry=len(self.retries) if self.retries else 0,
            circuit="closed" if breaker is None else breaker.state.name.lower(),
            circuit_opened=0 if breaker is None else breaker.opened,
            latency_counts=list(counts.latency_cells),
            latency_sum_s=counts.latency_sum_s,
        )

    # The end

    def wait_ready(self, timeout_s: float) -> bool:
        """Serve until a record would be tried, or the time is over.

        Raises:
            KafkaProducerError: nothing is accepted any more.
        """
        deadline_ns = self.clock.now_ns() + round(timeout_s * 1e9)
        while True:
            refusal = self.gate.refusal(self.clock.now_ns(), self.accepted)
            if refusal is None:
                return True
            if self.gate.shut_for_good:
                raise refusal.about(None)
            left_s = (deadline_ns - self.clock.now_ns()) / 1e9
            if left_s <= 0:
                return False
            self.serve(min(LONGEST_POLL_S, left_s))

    def stop_accepting(self, why: str) -> None:
        """From now on hand_over raises ShuttingDown; what was accepted goes on. Safe in a signal handler."""
        self.gate.shut_by(ShuttingDown(why))

    def wait(self, timeout_s: float, give_up: Callable[[], bool] = _never) -> int:
        """Serve until nothing is outstanding or the time is over; how much still is. Nothing is given up."""
        deadline_ns = self.clock.now_ns() + round(timeout_s * 1e9)
        return wait(self, self.outstanding, deadline_ns, self.clock, give_up)

    def close(self, timeout_s: float, give_up: Callable[[], bool] = _never) -> PublisherMetrics:
        """Drain to the deadline, lay down what is left, let go of the client. Idempotent.

        Raises:
            DrainTimeout: accepted records were given up just now and are kept nowhere, or were never reported.
        """
        if self._closed:
            return self.metrics()
        self.gate.shut_by(ClientClosed("this publisher is closed: make a new one"))
        deadline_ns = self.clock.now_ns() + round(timeout_s * 1e9)
        wait(self, self.outstanding, deadline_ns, self.clock, give_up)
        before = self.metrics()
        self.aftermath.closing = True
        letters = self.aftermath.dead_letters
        if letters is not None:
            letters.settle()  # a topic that is down would not answer either
        with self._lock:
            for record, code in self.retries.give_up() if self.retries else ():
                self.aftermath.lay_down(record, code, "the publisher was closed before it could be sent again")
        self.aftermath.tell_all()
        drain(self, self.outstanding, deadline_ns, self.clock, give_up)
        self._closed = True
        self.transport.close(1.0)
        self._work_off()
        self.aftermath.serve_letters()
        self.aftermath.sum_up_logs()
        after = self.metrics()
        left = after.given_up - before.given_up + after.outstanding
        if letters is not None:
            left += before.dead_lettered - after.dead_lettered + letters.outstanding()
            letters.close()
        self._log_the_end(after, left)
        if left > 0:
            raise DrainTimeout(left, timeout_s, gave_up=True)
        return after

    def _log_the_end(self, after: PublisherMetrics, left: int) -> None:
        complete = after.acked == after.accepted
        if complete and not self.aftermath.debug:
            return
        log = self.logger.debug if complete else self.logger.warning
        log(
            "publisher_closed",
            accepted=after.accepted,
            acked=after.acked,
            failed=sum(after.failed.values()),
            unknown=sum(after.unknown.values()) + after.outstanding,
            dead_lettered=after.dead_lettered,
            left=left,
        )


def _forked() -> None:
    """In the child of a fork: say so, before a lock is asked for that another thread may have held at that moment."""
    for outbox in list(_alive):
        outbox.gate.shut = UsedAfterFork(outbox._made_in)
        outbox._closed = True
        outbox._lock = threading.RLock()
        outbox._acquire, outbox._release = outbox._lock.acquire, outbox._lock.release
        outbox._polling = threading.Lock()


os.register_at_fork(after_in_child=_forked)
