"""R18: a fatal error of the client ends its worker's sending, and every record still has its place in the ledger."""

from typing import Any

import pytest

from loadgen.brokers.mock import PRODUCE
from loadgen.brokers.target import Broker
from loadgen.profile import resolve
from loadgen.runner.coordinator import carry_out

pytestmark = pytest.mark.faults

OUT_OF_ORDER_SEQUENCE = 45  # fatal to an idempotent producer


@pytest.mark.parametrize("instrument", ["c", "python"])
@pytest.mark.parametrize("rate", ["max", "2k/s"])
def test_a_fatal_error_ends_the_run_with_its_ledger_closed(mock: Broker, instrument: str, rate: str) -> None:
    """Whoever meets it first, the poll or the next batch: the worker leaves in order, the cause is told, exit 5."""
    assert mock.mock is not None
    pushed: list[int] = []

    def fail_once(_row: Any) -> None:
        if not pushed:
            pushed.append(OUT_OF_ORDER_SEQUENCE)
            mock.mock.push_errors(PRODUCE, pushed)  # type: ignore[union-attr]

    flags = {"start": "mock", "workers": "1", "warmup": "0", "duration": "20s", "rate": rate, "instrument": instrument}

    result = carry_out(resolve(flags, {}), on_interval=fail_once, broker=mock).result

    told = result.messages
    assert [worker.exit for worker in result.workers] == [0]
    assert result.verdict.doubts[0].code == "fatal_error"
    assert result.verdict.exit_code == 5
    assert told.open == 0
    assert told.attempted == told.rejected + told.acked + told.failed + told.unknown
    assert told.acked > 0
    assert told.failed + told.unknown > 0
