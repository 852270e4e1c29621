"""What the rest of the program says to whoever watches: two small protocols and nothing imported.

Goal: importable by a worker at no cost. Non-goal: any logging, tracing or metrics library; those are behind `log.py`,
`tracing.py` and `metrics.py`, each the only door to its library.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Logger(Protocol):
    """An event has a stable name and named fields; structlog's loggers fit."""

    def debug(self, event: str, **fields: Any) -> Any: ...

    def info(self, event: str, **fields: Any) -> Any: ...

    def warning(self, event: str, **fields: Any) -> Any: ...

    def error(self, event: str, **fields: Any) -> Any: ...


class Tracing(Protocol):
    """Spans around what is handed over.

    Attributes:
        tracer: the OpenTelemetry tracer.
        state: `state["_TRACER_PROVIDER"]` is None while nobody collects spans; the publisher looks there before each
            event, 20 ns, instead of opening a span that goes nowhere.
    """

    tracer: Any
    state: Mapping[str, Any]

    def span(self, topic: str, order_id: str) -> AbstractContextManager[Any]:
        """A current span named `publish_order`; an exception that leaves it is recorded on it."""
        ...

    def headers(self) -> dict[str, bytes]:
        """The current context as record headers, by the propagator that is set (W3C `traceparent` by default)."""
        ...
