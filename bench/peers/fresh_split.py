"""Where a fresh event's cost goes: the domain order, the message, its bytes, its key; and the client, which is the rest.

Each step is timed with those before it, in turn with the others, and told as the difference: so what one costs is what
leaving it out would save. In this process; the rest is the race's own figure less all of them.
"""

from collections.abc import Callable
from statistics import median
from time import process_time_ns

from loadgen.events.generator import OrderGenerator
from loadgen.events.identity import created_at, order_id_prefix
from loadgen.messages.event_plan import EventPlan
from loadgen.messages.serializer import serializer
from loadgen.messages.source import EventSource
from loadgen.messages.translator import OrderEventTranslator

EVENTS, ROUNDS = 2000, 9
LINE_ITEMS = (3, 3)  # as the contestant's
PLAN = EventPlan(
    kind="fresh", seed=1, run_token="7f3a9c21", producer=0, producers=1, start_epoch_us=10**15, line_items=LINE_ITEMS
)
CLIENT = "client"


def split_us(fresh_us: float | None) -> dict[str, float]:
    """CPU of each step of an event, µs, in their order.

    Args:
        fresh_us: of a whole message, from the race; None: the client's part is not told.
    """
    steps = _steps()
    costs: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, upto in steps.items():
            costs[name].append(_cpu_us(upto))
    split, before_us = {}, 0.0
    for name in steps:
        upto_us = median(costs[name])
        split[name], before_us = upto_us - before_us, upto_us
    if fresh_us is not None:
        split[CLIENT] = fresh_us - before_us
    return split


def _steps() -> dict[str, Callable[[int], object]]:
    make = OrderGenerator(PLAN.seed, PLAN.line_items).order
    translate, encode = OrderEventTranslator.to_event_message, serializer(PLAN.serializer)
    prefix = order_id_prefix(PLAN.run_token, PLAN.producer)
    record = EventSource(PLAN).record

    def order(number: int) -> object:
        identity = b"%b%012d" % (prefix, number)
        return make(number, identity.decode(), created_at(PLAN.start_epoch_us, number))

    def message(number: int) -> object:
        identity = b"%b%012d" % (prefix, number)
        return translate(make(number, identity.decode(), created_at(PLAN.start_epoch_us, number)))

    def encoded(number: int) -> object:
        identity = b"%b%012d" % (prefix, number)
        return encode(translate(make(number, identity.decode(), created_at(PLAN.start_epoch_us, number))))

    return {"domain order": order, "message": message, "bytes": encoded, "key": lambda number: record(number, number)}


def _cpu_us(step: Callable[[int], object]) -> float:
    start_ns = process_time_ns()
    for number in range(EVENTS):
        step(number)
    return (process_time_ns() - start_ns) / EVENTS / 1000
