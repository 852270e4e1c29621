"""R16: memory stays where it is, also when the broker is frozen half the time; and queues are bounded by the host's."""

import os

import psutil
import pytest

from loadgen.brokers.target import start_broker
from loadgen.profile import resolve
from loadgen.report.result import Interval
from loadgen.runner.coordinator import carry_out
from loadgen.runner.planning import client_properties
from tests.faults.conftest import Recorder
from tests.faults.lab import residual, workers_of

MINUTES = float(os.environ.get("LOADGEN_MEMORY_MINUTES", "10"))
SETTLED_S = 60.0

pytestmark = pytest.mark.faults


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("frozen", [False, True], ids=["steady", "frozen half the time"])
def test_memory_does_not_grow(record: Recorder, frozen: bool) -> None:
    """20,000/s for ten minutes, after a minute of settling; the mock cluster is stopped in every other second."""
    sizes: list[int] = []
    with start_broker("mock") as broker:
        assert broker.mock is not None
        mock, seconds = broker.mock, [0]

        def look(row: Interval) -> None:
            seconds[0] += 1
            if frozen:
                (mock.pause if seconds[0] % 2 else mock.resume)()
            if row.second > SETTLED_S:
                sizes.extend(worker.memory_info().rss for worker in workers_of())

        given = {
            "start": "mock",
            "rate": "20k/s",
            "duration": f"{60 * MINUTES:g}s",
            "warmup": f"{SETTLED_S:g}s",
            "workers": "1",
            "record_size": "200",
        }
        try:
            result = carry_out(resolve(given, {}), on_interval=look, broker=broker).result
        finally:
            mock.resume()
    tenth = len(sizes) // 10
    first, last = (sorted(part)[len(part) // 2] for part in (sizes[:tenth], sizes[-tenth:]))
    growth_mib = (last - first) / (1 << 20)
    record(
        "R16",
        f"20 k/s for {MINUTES:g} min, {'frozen half the time' if frozen else 'steady'}",
        result,
        f"RSS {first / (1 << 20):.1f} MiB {growth_mib:+.1f} MiB a worker",
    )
    assert residual(result) == 0
    assert growth_mib <= 5


@pytest.mark.parametrize("producers", [1, 8, 64])
def test_all_queues_together_take_a_quarter_of_the_memory(producers: int) -> None:
    """What every producer may queue, summed, is at most 25 % of this host's RAM."""
    settings = resolve({"bootstrap_server": "127.0.0.1:1"}, {})
    each = int(client_properties(settings.properties, producers)["queue.buffering.max.kbytes"]) * 1024

    assert producers * each <= psutil.virtual_memory().total / 4
