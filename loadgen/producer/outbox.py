"""Records handed over to a client, each followed to its end: acknowledged, sent again, laid down, or reported left.

Goal: whatever happens to the broker, the callbacks or the process' signals, the ledger closes. Non-goal: events; the
publishers turn those into bytes. Place: between the publishers and the Transport. This is the door and the end; the
answers between them are `serving.py`'s.
"""

import os
import time
import weakref
from collections.abc import Callable

from loadgen.clock import Clock, SystemClock
from loadgen.producer.aftermath import Aftermath, Done
from loadgen.producer.breaker import BreakerSettings
from loadgen.producer.counts import Counts, PublisherMetrics
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
)
from loadgen.producer.gate import Gate
from loadgen.producer.reports import NO_HEADERS
from loadgen.producer.retry import Outgoing, Retries, RetrySettings
from loadgen.producer.serving import Serving
from loadgen.producer.transport import Headers, Transport
from loadgen.telemetry.hooks import Logger

ROOM_POLL_S = 0.05

_alive: "weakref.WeakSet[Outbox]" = weakref.WeakSet()


def _never() -> bool:
    return False


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
        self.serving = Serving(transport, self.gate, self.aftermath, self.clock)
        self.records, self._reports = self.serving.generations, self.serving.reports
        self._closed = False
        self._made_in = os.getpid()
        # what every hand-over asks, bound once
        self._now_ns, self._send, self._waiting = self.clock.now_ns, transport.send, self._reports.waiting
        self._lines = {} if self.retries is None else self.retries.lines
        self._acquire, self._release = self.serving.lock.acquire, self.serving.lock.release
        if dead_letters is not None:
            dead_letters.use(transport)
        _alive.add(self)

    # The door

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
        serving, reports = self.serving, self._reports
        now_ns = self._now_ns()  # 60 ns
        if not self._lines or not self._let_wait_behind(topic, key, value, headers, on_done):
            error: KafkaProducerError | None = None
            self._acquire()  # 130 ns with the release; `with` would be 210
            try:
                generation = self.records.current
                shared = headers is reports.shared_headers and on_done is None
                report = reports.shared if shared else reports.callback(headers, on_done)
                generation.accepted += 1
                try:
                    self._send(topic, value, key, headers, -1, report)
                except KafkaProducerError as refusal:
                    generation.accepted -= 1
                    error = refusal
                if now_ns >= serving.poll_at_ns and not serving.in_poll:
                    serving.poll_now(now_ns)
            finally:
                self._release()
            if isinstance(error, QueueFull):
                if not may_wait:
                    raise error
                self._wait_for_room(error, topic, key, value, headers, on_done)
            elif error is not None:
                self._turn_away(error, topic, key, value, headers)
        if self._waiting:
            serving.work_off()
        if now_ns >= serving.look_at_ns:
            serving.look(now_ns)

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
        with self.serving.lock:
            if not self.retries.blocks(topic, key):
                return False
            now = self.aftermath.now_s()
            self.retries.take_behind(Outgoing(topic, key, value, headers, 0, now, now, on_done))
            self.records.aside += 1
        self.serve(0.0)
        return True

    def _turn_away(self, error: KafkaProducerError, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        """Refuse a record that was certainly not sent; except for a full queue it becomes a dead letter."""
        error.order_id = key.decode(errors="replace")
        self.counts.refused[error.name] += 1
        if not isinstance(error, QueueFull):
            now = self.aftermath.now_s()
            record = Outgoing(topic, key, value, headers, 0, now, now)
            with self.serving.lock:
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

    def stop_accepting(self, why: str) -> None:
        """From now on hand_over raises ShuttingDown; what was accepted goes on. Safe in a signal handler."""
        self.gate.shut_by(ShuttingDown(why))

    # Waiting

    def serve(self, timeout_s: float) -> int:
        """Serve reports, waiting at most that long for the first; how many there were.

        Raises:
            KafkaProducerError: called while the client calls back, where librdkafka would abort the process.
        """
        return self.serving.serve(timeout_s)

    poll = serve  # drain() knows a Transport by this and purge

    def purge(self) -> None:
        """Give up what the client holds; its reports come with the next polls."""
        self.transport.purge()

    def wait(self, timeout_s: float, give_up: Callable[[], bool] = _never) -> int:
        """Serve until nothing is outstanding or the time is over; how much still is. Nothing is given up."""
        deadline_ns = self.clock.now_ns() + round(timeout_s * 1e9)
        return wait(self, self.outstanding, deadline_ns, self.clock, give_up)

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

    # Sums

    @property
    def accepted(self) -> int:
        """Records taken, ever."""
        with self.serving.lock:
            return self.records.accepted

    def outstanding(self) -> int:
        """What is not decided yet: in the client, put aside, waiting for another try, letters on their way."""
        letters = self.aftermath.dead_letters
        waiting = len(self.retries) if self.retries else 0
        with self.serving.lock:
            in_client = self.records.open
        return in_client + len(self._waiting) + waiting + (letters.outstanding() if letters else 0)

    def metrics(self) -> PublisherMetrics:
        """The ledger now."""
        waiting = len(self.retries) if self.retries else 0
        return self.counts.ledger(self.accepted, waiting, self.gate.breaker)

    # The end

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
        self._give_up_waiting()
        drain(self, self.outstanding, deadline_ns, self.clock, give_up)
        self._closed = self.serving.over = True
        self.transport.close(1.0)
        self.serving.work_off()
        self.aftermath.serve_letters()
        self.aftermath.sum_up_logs()
        after = self.metrics()
        left = after.given_up - before.given_up + after.outstanding
        letters = self.aftermath.dead_letters
        if letters is not None:
            left += before.dead_lettered - after.dead_lettered + letters.outstanding()
            letters.close()
        self._log_the_end(after, left)
        if left > 0:
            raise DrainTimeout(left, timeout_s, gave_up=True)
        return after

    def _give_up_waiting(self) -> None:
        """Lay down what waits for another try; from now on nothing is tried again, and letters go to the ground."""
        self.aftermath.closing = True
        if self.aftermath.dead_letters is not None:
            self.aftermath.dead_letters.settle()  # a topic that is down would not answer either
        with self.serving.lock:
            for record, code in self.retries.give_up() if self.retries else ():
                self.aftermath.lay_down(record, code, "the publisher was closed before it could be sent again")
        self.aftermath.tell_all()

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

    def become_unusable(self) -> None:
        """In the child of a fork: every use raises instead of losing records or waiting for a lock that nobody holds."""
        self.gate.shut = UsedAfterFork(self._made_in)
        self._closed = self.serving.over = True
        self.serving.renew_locks()
        self._acquire, self._release = self.serving.lock.acquire, self.serving.lock.release


def _forked() -> None:
    for outbox in list(_alive):
        outbox.become_unusable()


os.register_at_fork(after_in_child=_forked)
