"""Brokers that only these tests need."""

from collections.abc import Iterator

import pytest

from loadgen.brokers.target import Broker
from tests.brokers.guarded import Guarded, start_guarded


@pytest.fixture(scope="package")
def guarded(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A Kafka with guarded listeners; `kafka` is asked first, because it knows whether one can run here."""
    with start_guarded(tmp_path_factory.mktemp("certificates")) as started:
        yield started
