"""What is done about a report once poll() has returned: log, tell the application, send again, keep as a dead letter.

Goal: every record that was not acknowledged ends as a count, and as a dead letter if there is a place for it.
Non-goal: sending; what is due for another try is fetched by the outbox.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from loadgen.producer.counts import Counts
from loadgen.producer.dead_letter import DeadLetter, DeadLetters, instant
from loadgen.producer.errors import (
    DeliveryFailed,
    KafkaProducerError,
    Outcome,
    delivery_error,
    meaning_of,
    outcome_of,
)
from loadgen.producer.retry import Outgoing, Retries
from loadgen.producer.transport import Headers, header_pairs
from loadgen.telemetry.hooks import Logger

LOGGED_A_SECOND = 10  # of one kind, one by one; more of them are summed up

Done = Callable[[KafkaProducerError | None, Any], object]
"""(error, None) or (None, the delivered record)."""


class Aftermath:
    """The consequences of reports.

    Args:
        counts: where they are counted.
        retries: what may be tried again; None: nothing.
        dead_letters: where the rest goes; None: it is only counted, logged and told.
        on_delivery: the application's callback for every record; None: there is none.
        now_s: seconds since the epoch.

    Attributes:
        debug: whether each success is logged.
    """

    def __init__(
        self,
        logger: Logger,
        counts: Counts,
        retries: Retries | None,
        dead_letters: DeadLetters | None,
        on_delivery: Done | None,
        now_s: Callable[[], float],
    ) -> None:
        self.logger, self.counts, self.retries, self.dead_letters = logger, counts, retries, dead_letters
        self.on_delivery = on_delivery
        self.now_s = now_s
        self.debug = False
        self.closing = False
        self._to_tell: deque[tuple[Done | None, KafkaProducerError | None, Any]] = deque()
        self._logged: dict[str, int] = {}
        self._once: set[str] = set()

    def delivered(self, message: Any, on_done: Done | None, sent_again: Outgoing | None) -> None:
        """A record was acknowledged."""
        if self.retries:
            if sent_again is not None:
                self.retries.delivered(sent_again)
            else:
                for lost, code in self.retries.overtaken(message.topic(), message.key()):
                    self.lay_down(lost, code, "failed, and a later one of its key was acknowledged meanwhile")
        if self.debug:
            self.logger.debug(
                "message_delivered", topic=message.topic(), partition=message.partition(), offset=message.offset()
            )
        self._to_tell.append((on_done, None, message))

    def outgoing(self, message: Any, headers: Headers, on_done: Done | None) -> Outgoing:
        """A record as it was handed over the first time, from its report and what the report lacks."""
        first_at = self.now_s() - (message.latency() or 0.0)
        key, value = message.key() or b"", message.value() or b""
        return Outgoing(message.topic(), key, value, headers, 1, first_at, first_at, on_done)

    def failed(self, record: Outgoing, error: Any, now_ns: int, generation: int) -> bool:
        """A record came back. True: it waits for another try; False: it was laid down."""
        code, text = error.code(), error.str()
        meaning = meaning_of(code)
        if meaning.transient or not meaning.definite:
            self.counts.cluster_failures += 1
        retries = None if self.closing else self.retries
        if retries is not None and retries.take_failed(record, code, now_ns, self.now_s(), generation):
            fields = {"error": text, "code": meaning.name, "tries": record.tries}
            self.log_some("warning", "delivery_retried", meaning.name, record, **fields)
            return True
        self.lay_down(record, code, text)
        return False

    def lay_down(self, record: Outgoing, code: int | None, text: str) -> None:
        """Give a record up: counted, kept as a dead letter, logged, told. No code: it was never handed over."""
        name = KafkaProducerError.label if code is None else meaning_of(code).name
        outcome: Outcome = "failed" if code is None else outcome_of(code)
        (self.counts.failed if outcome == "failed" else self.counts.unknown)[name] += 1
        order_id = record.key.decode(errors="replace")
        error = DeliveryFailed(text, order_id=order_id) if code is None else delivery_error(code, text, order_id)
        error.dead_lettered = self.keep(record, name, text, outcome)
        self.log_some(
            "error",
            "delivery_failed",
            name,
            record,
            error=text,
            code=name,
            outcome=outcome,
            tries=record.tries,
            dead_lettered=error.dead_lettered,
        )
        self._to_tell.append((record.on_done, error, None))

    def keep(self, record: Outgoing, name: str, text: str, outcome: Outcome) -> bool:
        """Make a dead letter of a record; False when there is no place for it."""
        if self.dead_letters is None:
            return False
        letter = DeadLetter(
            topic=record.topic,
            key=record.key,
            value=record.value,
            headers=header_pairs(record.headers),
            code=name,
            cause=text,
            outcome=outcome,
            tries=record.tries,
            first_at=instant(record.first_at),
            last_at=instant(record.last_at),
            order_id=record.key.decode(errors="replace"),
        )
        try:
            self.dead_letters.keep(letter)
        except OSError as error:
            self.counts.lost += 1
            self.log_some("error", "dead_letter_lost", "dead_letter_lost", record, error=str(error))
            return False
        self.counts.dead_lettered += 1
        return True

    def serve_letters(self) -> None:
        """Lay down letters that the dead letter topic did not take."""
        if self.dead_letters is None:
            return
        try:
            self.dead_letters.serve()
        except OSError as error:
            self.log_once("error", "dead_letter_lost", error=str(error))

    def tell_all(self) -> None:
        """Tell the application what has come together."""
        while self._to_tell:
            self.tell(*self._to_tell.popleft())

    def tell(self, on_done: Done | None, error: KafkaProducerError | None, message: Any) -> None:
        """Call the application; what it raises is counted, logged once, and takes nothing else with it."""
        for listener in (on_done, self.on_delivery):
            if listener is None:
                continue
            try:
                listener(error, message)
            except Exception as raised:
                self.counts.callback_errors += 1
                self.log_once("error", "callback_raised", error=f"{type(raised).__name__}: {raised}")

    def log_some(self, level: str, event: str, kind: str, record: Outgoing, **fields: Any) -> None:
        """Log an event of a record, unless there were many of its kind within this second."""
        place = f"{event} {kind}"
        seen = self._logged[place] = self._logged.get(place, 0) + 1
        if seen <= LOGGED_A_SECOND:
            order_id = record.key.decode(errors="replace")
            getattr(self.logger, level)(event, order_id=order_id, topic=record.topic, **fields)

    def log_once(self, level: str, event: str, **fields: Any) -> None:
        """Log an event whose words were not logged before."""
        words = f"{event} {fields}"
        if words not in self._once and len(self._once) < 1000:
            self._once.add(words)
            getattr(self.logger, level)(event, **fields)

    def sum_up_logs(self) -> None:
        """Once a second: how many were not logged one by one."""
        for place, seen in self._logged.items():
            if seen > LOGGED_A_SECOND:
                event, kind = place.split(" ", 1)
                self.logger.error(f"{event}_repeated", code=kind, count=seen - LOGGED_A_SECOND)
        self._logged.clear()
