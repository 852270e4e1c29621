"""SIGINT and SIGTERM of the coordinator: the first asks for a drain, the second for leaving at once.

Handlers are installed only in the main thread and restored afterwards; elsewhere (a notebook's thread, pytest-xdist)
the caller's own handling stays as it is.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Counts signals while it is entered.

    Attributes:
        first: the number of the first signal, None before.
        times: how many came.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.times = 0
        self._previous: dict[int, Any] = {}

    def _seen(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.first = self.first or number
        self.times += 1

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._seen) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
