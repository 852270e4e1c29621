"""The one seam between what to send and how: event `sequence` of one producer, as key and value.

Goal: the hot loop and `verify` ask the same object the same question, so that any event of a run can be made again
byte for byte from its plan, its sequence and its offset.
Non-goal: when an event is due, where it goes, headers.
Place: `runner` and `verify` build an `EventSource` from an `EventPlan`; events and messages are below it.

Event number g = sequence · producers + producer: every number of a run belongs to exactly one producer.
"""

from collections.abc import Callable

from loadgen.events.function import load_function, pooled_calls
from loadgen.events.generator import OrderGenerator
from loadgen.events.identity import created_at, order_id, order_id_prefix, second_text
from loadgen.events.keys import key_function
from loadgen.events.payload_file import read_payload_file
from loadgen.events.raw import DEFAULT_ENTROPY, raw_record
from loadgen.messages.event_plan import RAW_POOL_BYTES, EventPlan
from loadgen.messages.pool import BEFORE_ID, BEFORE_TIME, OrderPool, Pool
from loadgen.messages.serializer import serializer
from loadgen.messages.translator import OrderEventTranslator

__all__ = ["EventPlan", "EventSource", "Record", "RecordFunction", "order_pool", "raw_pool"]

Record = tuple[bytes | None, bytes]
"""Key (None for none) and value."""

RecordFunction = Callable[[int, int], Record]
"""(sequence, offset_us) → record."""


class EventSource:
    """The events of one producer.

    Args:
        plan: what they are.

    Attributes:
        record: (sequence, offset_us) → (key, value); a closure, held in a local by the hot loop. `sequence` counts
            this producer's events from 0, warm-up included; `offset_us` is the event's instant since the run's
            start, and only orders show it.
        pool: the records made beforehand; None where each is made when asked for.
        mean_bytes: of a value, over the pool or the first 256 events.

    Raises:
        UsageError: the plan cannot be carried out: a bad key spec, payload file, function, size or serializer.
    """

    __slots__ = ("mean_bytes", "plan", "pool", "record")

    plan: EventPlan
    record: RecordFunction
    pool: Pool | None
    mean_bytes: float

    def __init__(self, plan: EventPlan) -> None:
        plan.check()
        self.plan = plan
        self.pool = None
        match plan.kind:
            case "pool" if plan.function:
                calls = pooled_calls(load_function(plan.function), plan.pool_size, plan.function)
                self.pool = Pool(value for _, value in calls)
                self.record = _pooled_calls(plan, calls)
            case "fresh" if plan.function:
                self.record = _called(plan, load_function(plan.function))
            case "stamped":
                self.pool = orders = order_pool(plan)
                self.record = _stamped(plan, orders)
            case "pool":
                self.pool = orders = order_pool(plan)
                self.record = _pooled_orders(plan, orders)
            case "fresh":
                self.record = _fresh(plan)
            case "raw":
                self.pool = raw_pool(plan)
                self.record = _pooled_bytes(plan, self.pool)
            case "payload_file":
                self.pool = Pool(read_payload_file(plan.payload_file or "", plan.payload_format))
                self.record = _pooled_bytes(plan, self.pool)
        self.mean_bytes = self.pool.mean_bytes if self.pool else _mean_bytes(self.record)


def order_pool(plan: EventPlan) -> OrderPool:
    """Orders 0 … pool_size − 1 of the seed, each under the id and instant of its number: what `--events pool` sends."""
    generator = OrderGenerator(plan.seed, plan.line_items)
    orders = (
        generator.order(
            number, order_id(plan.run_token, plan.producer, number).decode(), created_at(plan.start_epoch_us, number)
        )
        for number in range(plan.pool_size)
    )
    return OrderPool(orders, serializer(plan.serializer))


def raw_pool(plan: EventPlan) -> Pool:
    """Raw records 0, 1, … of the seed, as many as `pool_size` and `RAW_POOL_BYTES` allow, at least one."""
    size = plan.record_size or 0
    count = max(1, min(plan.pool_size, RAW_POOL_BYTES // max(size, 1)))
    entropy = DEFAULT_ENTROPY if plan.entropy is None else plan.entropy
    return Pool(raw_record(plan.seed, number, size, entropy) for number in range(count))


def _stamped(plan: EventPlan, pool: OrderPool) -> RecordFunction:
    """Order `g mod pool_size` with the id and time of the event: 0.5 µs with its id as key, up to 0.8 more otherwise.

    One `%` writes everything up to the customer's name from a template that is made anew once a second; the bytes
    are those of `pool.stamped`, which calls for id and time apart (tests hold the two together).
    """
    prefix = order_id_prefix(plan.run_token, plan.producer)
    rests, size = pool.rests, len(pool)
    producer, producers, start_us = plan.producer, plan.producers, plan.start_epoch_us
    by_order = plan.keys == "order"
    choose_key = key_function(plan.keys, plan.seed)
    id_start, id_end = pool.id_offset, pool.id_offset + len(prefix) + 12
    current_second, template = -1, b""

    def stamped(sequence: int, offset_us: int) -> Record:
        nonlocal current_second, template
        second, microsecond = divmod(start_us + offset_us, 1_000_000)
        if second != current_second:
            template = b"%b%b%%012d%b%b.%%06d+00:00" % (BEFORE_ID, prefix, BEFORE_TIME, second_text(second))
            current_second = second
        number = sequence * producers + producer
        value = template % (sequence, microsecond) + rests[number % size]
        if by_order:
            return value[id_start:id_end], value
        return choose_key(number, value[id_start:id_end]), value

    return stamped


def _fresh(plan: EventPlan) -> RecordFunction:
    """Order `g` made, translated and encoded when asked for: below 10 µs for 3 items with msgspec."""
    make = OrderGenerator(plan.seed, plan.line_items).order
    translate, encode = OrderEventTranslator.to_event_message, serializer(plan.serializer)
    prefix = order_id_prefix(plan.run_token, plan.producer)
    producer, producers, start_us = plan.producer, plan.producers, plan.start_epoch_us
    choose_key = key_function(plan.keys, plan.seed)

    def fresh(sequence: int, offset_us: int) -> Record:
        number = sequence * producers + producer
        identity = b"%b%012d" % (prefix, sequence)
        order = make(number, identity.decode(), created_at(start_us, offset_us))
        return choose_key(number, identity), encode(translate(order))

    return fresh


def _pooled_orders(plan: EventPlan, pool: OrderPool) -> RecordFunction:
    """Order `g mod pool_size` as it was encoded; the key `order` is the id inside it."""
    producer, producers, size = plan.producer, plan.producers, len(pool)
    choose_key = key_function(plan.keys, plan.seed)
    as_is, id_start, id_end = pool.as_is, pool.id_offset, pool.time_offset - len(BEFORE_TIME)

    def pooled(sequence: int, offset_us: int) -> Record:  # noqa: ARG001
        number = sequence * producers + producer
        value = as_is(number % size)
        return choose_key(number, value[id_start:id_end]), value

    return pooled


def _pooled_bytes(plan: EventPlan, pool: Pool) -> RecordFunction:
    """Record `g mod pool size`; the key `order` is the id that the event would have, so keys still name records."""
    producer, producers, size = plan.producer, plan.producers, len(pool)
    prefix = order_id_prefix(plan.run_token, plan.producer)
    choose_key = key_function(plan.keys, plan.seed)
    as_is = pool.as_is

    def pooled(sequence: int, offset_us: int) -> Record:  # noqa: ARG001
        number = sequence * producers + producer
        return choose_key(number, b"%b%012d" % (prefix, sequence)), as_is(number % size)

    return pooled


def _pooled_calls(plan: EventPlan, calls: list[Record]) -> RecordFunction:
    """What FUNCTION gave for `g mod pool_size` before the run."""
    producer, producers, size = plan.producer, plan.producers, len(calls)

    def pooled(sequence: int, offset_us: int) -> Record:  # noqa: ARG001
        return calls[(sequence * producers + producer) % size]

    return pooled


def _called(plan: EventPlan, function: Callable[[int], Record]) -> RecordFunction:
    """What FUNCTION gives for `g`, asked each time."""
    producer, producers = plan.producer, plan.producers

    def called(sequence: int, offset_us: int) -> Record:  # noqa: ARG001
        return function(sequence * producers + producer)

    return called


def _mean_bytes(record: RecordFunction, events: int = 256) -> float:
    return sum(len(record(sequence, sequence)[1]) for sequence in range(events)) / events
