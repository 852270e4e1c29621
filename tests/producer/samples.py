"""Events and transports that several tests use."""

from typing import Any

import msgspec

from loadgen.clock import ManualClock
from loadgen.messages.order_events import LineItemEventMessage, OrderEventMessage
from loadgen.producer.memory import MemoryTransport
from loadgen.producer.publisher import OrderEventPublisher

MS = 1_000_000
SECOND = 1_000_000_000


class QuickStartOrder(msgspec.Struct, frozen=True):
    """The quick start's event of four fields."""

    order_id: str
    created_at: str
    customer_name: str
    total_price: float


class Change(msgspec.Struct, frozen=True):
    """One of several events of an order."""

    order_id: str
    number: int


def order(order_id: str = "order-1", items: int = 2) -> OrderEventMessage:
    """An order of items at 9.99."""
    lines = [LineItemEventMessage(str(index), f"product-{index}", "Mug", 1, 9.99) for index in range(items)]
    return OrderEventMessage(order_id, "2026-11-23T20:30:00+00:00", "Zoë", lines, round(9.99 * items, 2))


class Heard:
    """A logger that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def _note(self, level: str) -> Any:
        return lambda event, **fields: self.events.append((level, event, fields))

    def __getattr__(self, name: str) -> Any:
        if name in {"debug", "info", "warning", "error"}:
            return self._note(name)
        raise AttributeError(name)

    def named(self, event: str) -> list[dict[str, Any]]:
        """The fields of every event of that name."""
        return [fields for _, name, fields in self.events if name == event]


def publisher_in_memory(
    transport: MemoryTransport, clock: ManualClock | None = None, **options: Any
) -> tuple[OrderEventPublisher, Heard]:
    """A publisher over a transport in memory, on a clock turned by hand."""
    heard = Heard()
    turned = clock or ManualClock()
    transport.clock = turned
    return OrderEventPublisher(
        ["memory:1"], "orders", transport=transport, clock=turned, logger=heard, **options
    ), heard
