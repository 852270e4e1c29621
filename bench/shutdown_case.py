"""A program that publishes orders until SIGTERM, run in a process of its own: what `bench/shutdowns.py` ends.

`python -m bench.shutdown_case BOOTSTRAP TOPIC LETTERS ORDERS MOMENT DRAIN_S` prints "now" after order MOMENT, and its ledger
as one JSON object when the publisher has ended and put back the handler that was there before: the one that prints.
"""

import json
import signal
import sys
from typing import Any

import msgspec

from loadgen import OrderEventPublisher, managed_publisher


class Numbered(msgspec.Struct, frozen=True):
    """An order, named by its number."""

    order_id: str
    number: int


def main(arguments: list[str]) -> int:
    """Publish, and wait for the end."""
    bootstrap, topic, letters, orders, moment, drain_s = arguments
    publishers: list[OrderEventPublisher] = []

    def tell(number: int, _frame: Any) -> None:
        metrics = publishers[0].metrics()
        print(json.dumps(msgspec.to_builtins(metrics)), flush=True)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, tell)
    with managed_publisher([bootstrap], topic, dead_letters=letters, drain_timeout=float(drain_s)) as publisher:
        publishers.append(publisher)
        for number in range(int(orders)):
            publisher.publish_order(Numbered(f"order-{number}", number))
            if number == int(moment):
                print("now", flush=True)
        publisher.flush()
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
