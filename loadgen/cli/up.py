"""`loadgen up`: a broker in the foreground, until Ctrl-C."""

import signal
import sys
import threading
from types import FrameType
from typing import Annotated, Literal

from cyclopts import Parameter


def up(
    kind: Literal["mock", "kafka", "redpanda"],
    /,
    *,
    port: Annotated[int | None, Parameter(help="Of a Kafka or Redpanda on 127.0.0.1; default a free one.")] = None,
    brokers: Annotated[int, Parameter(help="How many; a mock cluster 1 to 32, Kafka 1 to 5.")] = 1,
) -> int:
    """A broker in the foreground: mock, kafka or redpanda. Ctrl-C ends it and removes its data.

    Prints one line on standard output when it is ready: the address for -b. Words about it go to standard error.
    """
    from loadgen.brokers.target import start_broker

    over = threading.Event()
    ready = False

    def end(number: int, _frame: FrameType | None) -> None:
        over.set()
        if not ready:  # leaves the start where it is; what it has begun is removed on the way out
            raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with start_broker(kind, port=port, brokers=brokers) as broker:
            ready = True
            print(broker.bootstrap, flush=True)
            print(f"{broker.note}; Ctrl-C ends it", file=sys.stderr, flush=True)
            while broker.running and not over.wait(timeout=1.0):
                pass
            if over.is_set():
                return 0
            print(f"loadgen: the {kind} ended by itself", file=sys.stderr)
            return 3
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
