"""OpenTelemetry, behind one door: a span for each order that is handed over, and its context as record headers.

Names and attributes: semantic conventions for messaging and for Kafka (opentelemetry.io/docs/specs/semconv/messaging),
and `order_id`; `error.type` of a refused order is librdkafka's name of the error, or ours. The span ends when the client
has accepted the record; the broker's answer comes later, in a callback.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate, trace

SPAN_NAME = "publish_order"
STATE_KEY = "_TRACER_PROVIDER"


class OpenTelemetry:
    """Spans by the global tracer provider, or by a tracer of one's own.

    Args:
        name: of the instrumenting module.
        tracer: used instead of the global provider's; then spans are always made.
    """

    def __init__(self, name: str, tracer: Any = None) -> None:
        self.tracer: Any = tracer or trace.get_tracer(name)
        self.state: Mapping[str, Any]
        if tracer is not None:
            self.state = {STATE_KEY: tracer}
        elif STATE_KEY in vars(trace):
            # The public get_tracer_provider() reads the environment, 0.7 µs; what it reads first is this variable.
            self.state = vars(trace)
        else:
            self.state = {STATE_KEY: self.tracer}  # another version of the API: right, only not free

    @contextmanager
    def span(self, topic: str, order_id: str) -> Iterator[Any]:
        """A current span of kind PRODUCER; 17 µs with the SDK. What is raised within is recorded on it."""
        attributes = {
            "order_id": order_id,
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
            "messaging.kafka.message.key": order_id,
        }
        with self.tracer.start_as_current_span(SPAN_NAME, kind=trace.SpanKind.PRODUCER, attributes=attributes) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", str(getattr(error, "name", type(error).__qualname__)))
                raise

    def headers(self) -> dict[str, bytes]:
        """The current context as headers: `traceparent`, and `tracestate` and `baggage` when there are any."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return {name: value.encode() for name, value in carrier.items()}
