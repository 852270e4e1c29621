"""The records of the real gates: orders as an application makes them, and the same with a loss planted.

The loss is a busy loop in the making of each message, as a slower serializer or one field more to compute would be. Its
length comes in the environment, because workers are processes of their own; `calibrate` finds what a turn of it costs.
"""

import os
from datetime import UTC, datetime

from loadgen.events.generator import OrderGenerator
from loadgen.messages.serializer import serializer
from loadgen.messages.translator import OrderEventTranslator

TURNS_NAME = "BENCH_GATES_TURNS"
PLAIN, BUSY = "fresh:bench.gates.planted:plain", "fresh:bench.gates.planted:busy"

_TURNS = int(os.environ.get(TURNS_NAME, "0"))
_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
_make = OrderGenerator(1, (1, 5)).order
_encode = serializer("msgspec")


def plain(number: int) -> tuple[bytes, bytes]:
    """An order made, translated and encoded; key and id are its number."""
    identity = f"planted-{number:018d}"
    order = _make(number, identity, _INSTANT)
    return identity.encode(), _encode(OrderEventTranslator.to_event_message(order))


def busy(number: int) -> tuple[bytes, bytes]:
    """The same after TURNS turns of nothing."""
    for _ in range(_TURNS):
        pass
    return plain(number)
