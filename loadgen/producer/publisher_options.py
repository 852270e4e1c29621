"""The keywords of OrderEventPublisher as a type, for whatever passes them on: managed_publisher, the asyncio one, fakes.

A test holds it to the publisher's own signature.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from loadgen.clock import Clock
from loadgen.producer.aftermath import Done
from loadgen.producer.breaker import BreakerSettings
from loadgen.producer.dead_letter import DeadLetters
from loadgen.producer.retry import RetrySettings
from loadgen.producer.transport import Transport
from loadgen.telemetry.hooks import Logger


class PublisherOptions(TypedDict, total=False):
    """What each of them means: OrderEventPublisher."""

    profile: str
    properties: Mapping[str, Any] | None
    dead_letters: DeadLetters | Path | str | None
    retry: RetrySettings | None
    breaker: BreakerSettings | None
    headers: bool
    validate: bool
    on_delivery: Done | None
    max_block_s: float
    transport: Transport | None
    clock: Clock | None
    logger: Logger | None
    tracer: Any
