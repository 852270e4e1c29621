"""The broken Kafka of these tests, and the record of what they found."""

from collections.abc import Iterator
from typing import Protocol

import pytest

from loadgen.report.result import Result
from tests.conftest import require_kafka
from tests.faults import record as records
from tests.faults.lab import Lab, residual, start_lab


@pytest.fixture(scope="session")
def started_lab() -> Iterator[Lab]:
    """One Kafka for all of them."""
    require_kafka()
    with start_lab() as lab:
        yield lab


@pytest.fixture
def lab(started_lab: Lab) -> Lab:
    """That Kafka, answering, and its proxy healed."""
    started_lab.proxy.heal()
    assert started_lab.node.running, "the test before left the broker dead"
    return started_lab


class Recorder(Protocol):
    """Notes what a test found; see `record`."""

    def __call__(self, anchor: str, fault: str, result: Result | None = None, found: str = "") -> None: ...


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Recorder:
    """Called at a test's end: (anchor, fault, its result, what else was measured)."""

    def note(anchor: str, fault: str, result: Result | None = None, found: str = "") -> None:
        open_records = residual(result) if result is not None else 0
        records.append(records.row_of(anchor, fault, request.node.name, result, open_records, found))

    return note
