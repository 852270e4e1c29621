"""The broker stops answering for good while the sender waits for room in the client's queue: the run ends by itself."""

import pytest

from loadgen.brokers.mock import MockCluster
from loadgen.brokers.target import Broker
from loadgen.profile import resolve
from loadgen.report.result import Interval
from loadgen.runner.coordinator import carry_out

pytestmark = pytest.mark.faults

QUEUE = 100


@pytest.mark.parametrize("rate", ["2k/s", pytest.param("max", marks=pytest.mark.slow)])
def test_it_ends_within_the_drain_with_every_record_accounted(rate: str) -> None:
    """Flat out and by a plan, sent from C: the queue fills, stays full, is given up; nobody is left without an outcome."""
    with MockCluster.start(1) as mock:
        broker = Broker("mock", mock.bootstrap, None, "MOCK", mock=mock)

        def stand_still(row: Interval) -> None:
            if row.phase != "drain":
                mock.pause()

        flags = {
            "start": "mock",
            "workers": "1",
            "warmup": "0",
            "duration": "2s",
            "drain": "1s",
            "rate": rate,
            "X": [f"queue.buffering.max.messages={QUEUE}"],
        }
        done = carry_out(resolve(flags, {}), on_interval=stand_still, broker=broker)

    told = done.result.messages
    assert told.attempted == told.acked + told.failed + told.unknown
    assert told.failed + told.unknown == QUEUE
    assert told.open == told.rejected == 0
    assert sum(row.backpressure_us for row in done.intervals) > 0
    assert done.result.verdict.exit_code != 0
