"""What the events of a produce run cost by themselves, in this process: making them, and serializing them.

Place: `produce_path.py` divides the two by the CPU of a whole message. The message → bytes step is what
`--serializer` exchanges; making the order and translating it is the same for every library.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from time import process_time_ns
from typing import NamedTuple

from loadgen.events.generator import OrderGenerator
from loadgen.messages.order_events import OrderEventMessage
from loadgen.messages.serializer import SerializerName, serializer
from loadgen.messages.translator import OrderEventTranslator

EVENTS = 2000
ROUNDS = 9


class EventCosts(NamedTuple):
    """CPU of one event, µs. `make_us`: order and message; `serialize_us`: message → bytes, by serializer."""

    make_us: float
    serialize_us: dict[str, float]


def event_costs(names: tuple[SerializerName, ...], line_items: tuple[int, int], seed: int) -> EventCosts:
    """The medians of nine rounds in turns over the first 2,000 events.

    Args:
        names: of serializers.
        line_items: least and most per order.
        seed: of the run.

    Raises:
        UsageError: an unknown serializer, one whose library is missing, or impossible line items.
    """
    make_order = OrderGenerator(seed, line_items).order
    translate = OrderEventTranslator.to_event_message
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def make(number: int) -> OrderEventMessage:
        return translate(make_order(number, f"7f3a9c21-0000-{number:012d}", moment))

    events = [make(number) for number in range(EVENTS)]
    encoders = {name: serializer(name) for name in names}
    make_us: list[float] = []
    serialize_us: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        make_us.append(_cpu_us(make, range(EVENTS)))
        for name, encode in encoders.items():
            serialize_us[name].append(_cpu_us(encode, events))
    return EventCosts(median(make_us), {name: median(costs) for name, costs in serialize_us.items()})


def _cpu_us(function: Callable[..., object], arguments: "range | list[OrderEventMessage]") -> float:
    start = process_time_ns()
    for argument in arguments:
        function(argument)
    return (process_time_ns() - start) / len(arguments) / 1000
