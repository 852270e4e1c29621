"""The publishers that applications use, each in a file of its own.

    sync_publisher.py    OrderEventPublisher, the document's, name by name
    async_publisher.py   AsyncOrderEventPublisher, a future for each order
    managed.py           managed_publisher, `with` and `async with`, and what happens on SIGTERM

All of them hand bytes to an outbox (`outbox.py`), which follows each record to its end.
"""

from loadgen.producer.async_publisher import AsyncOrderEventPublisher, Delivery
from loadgen.producer.managed import managed_publisher
from loadgen.producer.sync_publisher import BatchReport, OrderEventPublisher

__all__ = ["AsyncOrderEventPublisher", "BatchReport", "Delivery", "OrderEventPublisher", "managed_publisher"]
