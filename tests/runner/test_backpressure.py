"""R8: ten times more than the client's queue can pass. Nothing is dropped, nothing counted twice, and the wait is told."""

from collections.abc import Iterator

import pytest

from loadgen.brokers.target import Broker
from loadgen.profile import resolve
from loadgen.report.result import Distribution
from loadgen.runner.coordinator import carry_out

QUEUE, RTT_MS, RATE_PER_S = 100, 100, 10_000  # 100 records a round trip of 100 ms: 1,000/s
COUNT = 1000


@pytest.fixture
def far(mock: Broker) -> Iterator[Broker]:
    """The mock cluster, 100 ms away."""
    assert mock.mock is not None
    mock.mock.set_rtt_ms(1, RTT_MS)
    yield mock
    mock.mock.set_rtt_ms(1, 0)


@pytest.mark.parametrize("instrument", ["c", "python"])
def test_a_full_queue_is_waited_for_and_the_wait_is_in_the_latency(far: Broker, instrument: str) -> None:
    """All that was due is sent once; responses count from when it was due; the queue was full most of the time."""
    flags = {
        "start": "mock",
        "workers": "1",
        "warmup": "0",
        "count": str(COUNT),
        "rate": f"{RATE_PER_S}/s",
        "instrument": instrument,
        "X": [f"queue.buffering.max.messages={QUEUE}", "linger.ms=0"],
    }

    done = carry_out(resolve(flags, {}), broker=far)

    told, delta = done.result.messages, done.result.delivered.end_offset_delta
    assert (told.attempted, told.acked, delta) == (COUNT, COUNT, COUNT)
    assert told.rejected == told.failed == told.unknown == told.open == 0
    response, service, lateness = (
        getattr(done.result.latency_us, name) for name in ("response", "service", "lateness")
    )
    assert isinstance(response, Distribution)
    assert response.n == service.n == lateness.n == COUNT
    # the last is due after 0.1 s and has nine round trips before it
    assert response.max >= (COUNT / QUEUE - 2) * RTT_MS * 1000
    assert response.mean == pytest.approx(lateness.mean + service.mean, abs=1000)
    assert lateness.max > service.p50
    waited_us = sum(row.backpressure_us for row in done.intervals)
    assert waited_us >= (COUNT / QUEUE - 3) * RTT_MS * 1000
    assert waited_us <= sum(row.length_s for row in done.intervals) * 1e6
