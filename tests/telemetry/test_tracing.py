"""Spans: none without an SDK, and the right ones with it."""

from typing import Any

import pytest
from opentelemetry import trace

from loadgen.producer.errors import InvalidEvent
from loadgen.producer.memory import MemoryTransport
from loadgen.telemetry import tracing
from loadgen.telemetry.tracing import OpenTelemetry
from tests.producer.samples import Change, order, publisher_in_memory


@pytest.fixture
def exporter() -> Any:
    """Finished spans of a tracer of the SDK's own, in memory; the global provider stays as it is."""
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    memory.tracer = provider.get_tracer("tests")  # type: ignore[attr-defined]
    return memory


def test_without_a_provider_there_is_no_span() -> None:
    """Nobody collects: nothing is opened, no header is added."""
    assert OpenTelemetry("x").state["_TRACER_PROVIDER"] is None
    transport = MemoryTransport()
    publisher, _ = publisher_in_memory(transport)
    publisher.publish_order(order())
    publisher.flush()

    assert transport.log[0].headers() is None


def test_the_variable_that_is_looked_at_is_the_librarys_own() -> None:
    """If the API drops it, spans are made always: right, only dearer. This test then says so."""
    assert "_TRACER_PROVIDER" in vars(trace)
    assert OpenTelemetry("x").state is vars(trace)


def test_another_version_of_the_api_traces_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right before fast."""
    monkeypatch.setattr(tracing, "STATE_KEY", "_NO_SUCH_VARIABLE")

    assert OpenTelemetry("x").state["_NO_SUCH_VARIABLE"] is not None


def test_a_span_says_what_was_sent_and_where(exporter: Any) -> None:
    """Name, kind, order_id and the messaging conventions; the record carries its context."""
    transport = MemoryTransport()
    publisher, _ = publisher_in_memory(transport, tracer=exporter.tracer)
    publisher.publish_order(order("order-7"), topic="returns")
    publisher.flush()

    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind) == ("publish_order", trace.SpanKind.PRODUCER)
    assert dict(span.attributes) == {
        "order_id": "order-7",
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "returns",
        "messaging.kafka.message.key": "order-7",
    }
    headers = dict(transport.log[0].headers() or [])
    context = span.context
    assert (headers["traceparent"] or b"").startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-".encode())


def test_an_outer_span_is_the_parent(exporter: Any) -> None:
    """The trace goes on from whoever published."""
    transport = MemoryTransport()
    publisher, _ = publisher_in_memory(transport, tracer=exporter.tracer)
    with exporter.tracer.start_as_current_span("checkout") as outer:
        publisher.publish_order(order())
    publisher.flush()

    inner = next(span for span in exporter.get_finished_spans() if span.name == "publish_order")
    assert inner.parent.span_id == outer.get_span_context().span_id


def conventional_names() -> set[str]:
    """Attribute names of the semantic conventions for messaging and errors, as their own package has them."""
    messaging = pytest.importorskip("opentelemetry.semconv._incubating.attributes.messaging_attributes")
    errors = pytest.importorskip("opentelemetry.semconv.attributes.error_attributes")
    return {value for module in (messaging, errors) for value in vars(module).values() if isinstance(value, str)}


def test_a_refused_order_is_recorded_on_its_span(exporter: Any) -> None:
    """The exception is an event of the span, and its status an error."""
    publisher, _ = publisher_in_memory(MemoryTransport(), tracer=exporter.tracer)
    with pytest.raises(InvalidEvent):
        publisher.publish_order(Change("a", "x"))  # type: ignore[arg-type]

    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.events[0].attributes["exception.type"].endswith("InvalidEvent")
    assert span.attributes["error.type"] == "INVALID_EVENT"
    assert set(span.attributes) - {"order_id"} <= conventional_names()


def test_dead_letters_keep_the_trace(exporter: Any) -> None:
    """The headers of a record that failed are those it was sent with."""
    from loadgen.producer.memory import Answer
    from tests.producer.test_outbox import Kept

    kept = Kept()
    transport = MemoryTransport(lambda _: Answer(0, 29))
    publisher, _ = publisher_in_memory(transport, tracer=exporter.tracer, dead_letters=kept)
    publisher.publish_order(order())
    publisher.flush()

    (span,) = exporter.get_finished_spans()
    assert f"{span.context.trace_id:032x}".encode() in dict(kept.letters[0].headers)["traceparent"]  # type: ignore[operator]
