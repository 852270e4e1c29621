"""`loadgen ceiling`: what this host can send, the figure that a run's headroom is measured against. No Kafka is involved.

On librdkafka's mock cluster (the client whole: sending, batching, compression, acknowledgements, on loopback), and for events
made in Python also with a transport that only acknowledges (the Python side alone; what is sent from C has no such transport).
"""

import time
from typing import Any

import msgspec

from loadgen.messages.source import EventSource
from loadgen.producer.null import NullTransport
from loadgen.profile import RunSettings
from loadgen.quantities import Rate
from loadgen.runner.coordinator import Say, carry_out
from loadgen.runner.headroom import Ceiling
from loadgen.runner.instruments import choose_instrument
from loadgen.runner.planning import event_plan
from loadgen.runner.python_lane import PythonLane

MOCK_S, MOCK_WARMUP_S = 3.0, 1.0
NULL_S = 1.0
BATCH = 500


def measure(settings: RunSettings, say: Say | None = None) -> Ceiling:
    """Measure it now, about 5 s; the payload and client settings are those of `settings`."""
    flat_out = msgspec.structs.replace(
        settings,
        start="mock",
        bootstrap=None,
        topic=None,
        rate=Rate("max"),
        ramp=None,
        steps=(),
        slo=(),
        verify=None,
        consume=0,
        duration_s=MOCK_S,
        warmup_s=MOCK_WARMUP_S,
        count=None,
    )
    result = carry_out(flat_out, command=["loadgen ceiling"], say=say).result
    source = EventSource(event_plan(settings, "00000000", 0))
    sent_from_c = choose_instrument(settings).sender(settings) == "native"
    return Ceiling(
        mock_per_s=result.throughput.acked_per_s,
        null_per_s=None if sent_from_c else null_per_s(source),
        cpu_us_per_message=result.cost.cpu_us_per_message,
        mean_bytes=source.mean_bytes,
        workers=result.plan.workers,
    )


def null_per_s(source: EventSource, seconds: float = NULL_S) -> float:
    """Records a second through the Python lane when the client costs nothing."""
    answered = [0]

    def on_ack(sequence: int, intended_ns: int, error: Any, message: Any) -> None:
        del sequence, intended_ns, error, message
        answered[0] += 1

    lane = PythonLane(NullTransport(), "null", source, None, lambda: 0, on_ack=on_ack)
    started_ns = time.monotonic_ns()
    end_ns = started_ns + round(seconds * 1e9)
    sequence = 0
    while time.monotonic_ns() < end_ns:
        sequence += lane.send(sequence, BATCH).accepted
        lane.poll()
    return answered[0] / ((time.monotonic_ns() - started_ns) / 1e9)
