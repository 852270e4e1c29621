"""A load generator and benchmark for Kafka and Redpanda whose numbers are judged before they are believed.

A run is a plan turned into batches of due events, turned into bytes, sent by processes that each own one producer,
timed in C at the instant of acknowledgement, summed without loss, judged before it is believed:

    profile → arrivals → events → messages → producer → recorder → report       driven by runner
                                                 │
              brokers (what we send to)          └ result.json, intervals.jsonl, latency.hlog
              verify (read everything back)      judge, experiments (many runs)

Glossary, the same words everywhere:

    event        one order, made from (seed, number); number = sequence · producers + producer
    sequence     an event's place among those of its producer, from 0
    intended     the instant an event was due by the plan; sent: the client accepted it; acked: the answer arrived
    lateness     sent − intended: ours.  service: acked − sent.  response: acked − intended, what a caller waits
    attempted    events handed to the client = rejected + acked + failed (definite) + unknown (indefinite) + open
    closed loop  flat out: as fast as the client takes them.  open loop: by a plan, whatever the cluster does
    worker       a process;  producer: one Kafka client in it;  slab: the shared memory that it counts in
    doubt        a reason not to take a number at its face, with what would remove it
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from loadgen.events.order import LineItem, Money, Order, OrderId, ProductId
    from loadgen.messages.order_events import LineItemEventMessage, OrderEventMessage
    from loadgen.messages.translator import OrderEventTranslator
    from loadgen.producer.async_publisher import AsyncOrderEventPublisher
    from loadgen.producer.errors import KafkaProducerError
    from loadgen.producer.managed import managed_publisher
    from loadgen.producer.publisher import OrderEventPublisher
    from loadgen.report.result import Result
    from loadgen.runner.api import run

# Loaded when first used: `import loadgen` stays below 60 ms, and a worker never imports what it does not need.
_HOMES = {
    "Order": "events.order",
    "OrderId": "events.order",
    "ProductId": "events.order",
    "Money": "events.order",
    "LineItem": "events.order",
    "OrderEventMessage": "messages.order_events",
    "LineItemEventMessage": "messages.order_events",
    "OrderEventTranslator": "messages.translator",
    "OrderEventPublisher": "producer.publisher",
    "AsyncOrderEventPublisher": "producer.async_publisher",
    "managed_publisher": "producer.managed",
    "KafkaProducerError": "producer.errors",
    "Result": "report.result",
    "run": "runner.api",
}

__all__ = [
    "AsyncOrderEventPublisher",
    "KafkaProducerError",
    "LineItem",
    "LineItemEventMessage",
    "Money",
    "Order",
    "OrderEventMessage",
    "OrderEventPublisher",
    "OrderEventTranslator",
    "OrderId",
    "ProductId",
    "Result",
    "managed_publisher",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'loadgen' has no attribute {name!r}")
    return getattr(import_module(f"loadgen.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
