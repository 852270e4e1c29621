"""The door of an outbox: open, shut for good, or shut by the circuit breaker until a trial succeeds.

Goal: one attribute to look at for each record, `shut`, None while all is well. Non-goal: waiting.
"""

from loadgen.producer.breaker import Breaker, BreakerSettings, State
from loadgen.producer.errors import CircuitOpen, ClientClosed, KafkaProducerError
from loadgen.telemetry.hooks import Logger


class Gate:
    """Who may send.

    Args:
        settings: of the breaker; None: there is none.
        now_ns: the first instant of the breaker's clock.

    Attributes:
        shut: why nothing passes, or may pass only as a trial; None: everything passes.
        breaker: or None.
    """

    def __init__(self, settings: BreakerSettings | None, now_ns: int, logger: Logger) -> None:
        self.shut: KafkaProducerError | None = None
        self.breaker = None if settings is None else Breaker(settings, now_ns)
        self._logger = logger
        self._trial_from = 0

    @property
    def shut_for_good(self) -> bool:
        """Nothing will ever pass again."""
        return self.shut is not None and not isinstance(self.shut, CircuitOpen)

    def shut_by(self, error: KafkaProducerError) -> None:
        """Shut for good; what shut it first stays, except that a closed client is closed."""
        if not self.shut_for_good or type(error) is ClientClosed:
            self.shut = error

    def refusal(self, now_ns: int, accepted: int) -> KafkaProducerError | None:
        """Why the next record may not pass; None when it may, be it as a trial.

        Args:
            accepted: records taken so far, ever.
        """
        if not isinstance(self.shut, CircuitOpen) or self.breaker is None:
            return self.shut
        if self.breaker.allowance(accepted - self._trial_from):
            return None
        return CircuitOpen(self.breaker.why, self.breaker.retry_after_s(now_ns))

    def ask_breaker(self, now_ns: int, acked: int, failures: int, in_client: int, accepted: int) -> None:
        """Let the breaker decide from the sums; a change is logged."""
        breaker = self.breaker
        if breaker is None:
            return
        before = breaker.state
        state = breaker.observe(now_ns, acked, failures, in_client)
        if state is before:
            return
        if state is State.OPEN:
            self._logger.warning("circuit_opened", why=breaker.why, opened=breaker.opened)
            if self.shut is None:
                self.shut = CircuitOpen(breaker.why, breaker.retry_after_s(now_ns))
        elif state is State.HALF_OPEN:
            self._trial_from = accepted
            self._logger.info("circuit_half_open", why=breaker.why, opened=breaker.opened)
        else:
            self._logger.info("circuit_closed", why=breaker.why, opened=breaker.opened)
            if isinstance(self.shut, CircuitOpen):
                self.shut = None
