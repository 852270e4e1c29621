"""managed_publisher: a publisher for `with` and `async with` that also ends well on SIGTERM and SIGINT.

Goal: on a signal accept nothing more, drain to a deadline, close once, restore the handlers that were there, and let
the program end as the signal says. Non-goal: hiding the signal; the document's handler swallows it and closes twice.

How the body is interrupted: a handler runs between any two bytecodes, and an exception thrown inside a delivery
callback would take a report with it. So the handler looks where it is: in the application's code it raises there;
inside this package it only marks the publisher, and comes back a moment later.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Generic, TypeVar, Unpack, overload

from loadgen.producer.async_publisher import AsyncOrderEventPublisher
from loadgen.producer.errors import DrainTimeout
from loadgen.producer.publisher_options import PublisherOptions
from loadgen.producer.sync_publisher import OrderEventPublisher
from loadgen.telemetry.log import get_logger

SIGNALS = (signal.SIGTERM, signal.SIGINT)
COME_BACK_S = 0.02

Kind = TypeVar("Kind", bound=OrderEventPublisher | AsyncOrderEventPublisher)

_said: set[str] = set()


class Terminated(SystemExit):
    """Raised in the body of a `with` when a signal came; ends the program with 128 + the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@overload
def managed_publisher(
    brokers: Sequence[str] | str,
    topic: str,
    *,
    kind: type[Kind],
    drain_timeout: float = 10.0,
    **options: Unpack[PublisherOptions],
) -> "ManagedPublisher[Kind]": ...


@overload
def managed_publisher(
    brokers: Sequence[str] | str, topic: str, *, drain_timeout: float = 10.0, **options: Unpack[PublisherOptions]
) -> "ManagedPublisher[OrderEventPublisher]": ...


def managed_publisher(
    brokers: Sequence[str] | str,
    topic: str,
    *,
    kind: Any = OrderEventPublisher,
    drain_timeout: float = 10.0,
    **options: Unpack[PublisherOptions],
) -> "ManagedPublisher[Any]":
    """A publisher with its life cycle: `with managed_publisher(...) as publisher`, or `async with`.

    Args:
        brokers, topic, options: as OrderEventPublisher takes them.
        kind: OrderEventPublisher, also within `async with` as in the document, or AsyncOrderEventPublisher.
        drain_timeout: seconds to wait for answers at the end; a second signal cuts it short.

    Raises:
        UsageError: when it is entered: brokers, profile, a property or the dead letter file cannot be used.
        DrainTimeout: when it is left: orders were given up and are kept nowhere.
    """
    return ManagedPublisher(kind, brokers, topic, drain_timeout, options)


class ManagedPublisher(Generic[Kind]):
    """See managed_publisher. Entered once."""

    def __init__(
        self,
        kind: type[Kind],
        brokers: Sequence[str] | str,
        topic: str,
        drain_timeout: float,
        options: PublisherOptions,
    ) -> None:
        self._make: Callable[[], Kind] = partial(kind, brokers, topic, **options)
        self._drain_timeout = drain_timeout
        self._publisher: Kind | None = None
        self._previous: dict[int, Any] = {}
        self._signal: int | None = None
        self._draining = False
        self._give_up = False
        self._coming_back = False
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    # with

    def __enter__(self) -> Kind:
        publisher = self._publisher = self._make()
        if isinstance(publisher, AsyncOrderEventPublisher):
            raise TypeError("an AsyncOrderEventPublisher needs `async with managed_publisher(...)`")
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._install(number, signal.signal)
        else:
            _say_once("not in the main thread: signals are left to the program")
        return publisher

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        publisher = self._publisher
        assert isinstance(publisher, OrderEventPublisher)
        self._draining = True
        try:
            publisher.close(self._drain_timeout, self._giving_up)
        except DrainTimeout:
            if error is None and self._signal is None:  # else the log has the numbers
                raise
        finally:
            self._restore()
        self._end_as_the_signal_says()

    # async with

    async def __aenter__(self) -> Kind:
        publisher = self._publisher = self._make()
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        try:
            for number in SIGNALS:
                self._install(number, lambda number, _: loop.add_signal_handler(number, self._asked, number))
        except (NotImplementedError, RuntimeError, ValueError):
            _say_once("this event loop takes no signal handlers: signals are left to the program")
        return publisher

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draining = True
        closing = asyncio.ensure_future(self._close())
        try:
            while not closing.done():
                try:
                    await asyncio.shield(closing)
                except asyncio.CancelledError:
                    if closing.cancelled():
                        raise
                    self._give_up = True  # whoever cancels is in a hurry, but what was accepted is still accounted for
                except DrainTimeout:
                    break
            if closing.exception() is not None and error is None and self._signal is None:
                closing.result()
        finally:
            loop = asyncio.get_running_loop()
            for number in self._previous:
                with suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.remove_signal_handler(number)
            self._restore()
        if self._cancelled and self._task is not None:
            self._task.uncancel()
        self._end_as_the_signal_says()

    async def _close(self) -> None:
        publisher = self._publisher
        if isinstance(publisher, AsyncOrderEventPublisher):
            await publisher.close(self._drain_timeout, self._giving_up)
        elif publisher is not None:
            await asyncio.to_thread(publisher.close, self._drain_timeout, self._giving_up)

    # Signals

    def _install(self, number: int, install: Any) -> None:
        previous = signal.getsignal(number)
        if previous is signal.SIG_IGN or previous is None:
            return  # whoever started the program wants it ignored, or it was not set from Python
        install(number, self._interrupted)
        self._previous[number] = previous

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        """The handler of a plain `with`."""
        coming_back, self._coming_back = self._coming_back, False
        if self._draining:
            self._give_up = self._give_up or not coming_back
            return
        self._mark(number)
        if _inside_loadgen(frame):
            self._coming_back = True
            threading.Timer(COME_BACK_S, _send_to_main_thread, (number,)).start()
            return
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(number)

    def _asked(self, number: int) -> None:
        """The handler of an `async with`: runs on the loop, between two callbacks."""
        if self._draining:
            self._give_up = True
            return
        self._mark(number)
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    def _mark(self, number: int) -> None:
        if self._signal is None:
            self._signal = number
        if self._publisher is not None:
            self._publisher.stop_accepting(f"{signal.Signals(number).name} received")

    def _giving_up(self) -> bool:
        return self._give_up

    def _end_as_the_signal_says(self) -> None:
        """Deliver the signal to whoever handled it before: by default that is the end of the process."""
        if self._signal is None:
            return
        signal.raise_signal(self._signal)
        if self._task is not None and self._task.cancelling():
            raise asyncio.CancelledError  # asyncio.run's own SIGINT handler: it makes a KeyboardInterrupt of this
        raise Terminated(self._signal)  # the previous handler returned; the body was interrupted all the same


def _inside_loadgen(frame: FrameType | None) -> bool:
    """Whether this package is at work in the interrupted thread."""
    package = __name__.partition(".")[0]
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package:
            return True
        frame = frame.f_back
    return False


def _send_to_main_thread(number: int) -> None:
    ident = threading.main_thread().ident
    if ident is not None:
        signal.pthread_kill(ident, number)


def _say_once(words: str) -> None:
    if words not in _said:
        _said.add(words)
        get_logger(__name__).warning("no_signal_handlers", reason=words)
